#ifndef SPAWNER_CONTROLLER_LOCAL_OBJECT_RULES_H_
#define SPAWNER_CONTROLLER_LOCAL_OBJECT_RULES_H_

#include <vector>

#include "base/json.h"
#include "controller/local/api_error.h"
#include "controller/local/api_path.h"

namespace spawner::local {

// What the API server demands of any object, whatever its kind, and what it fills in. All take
// decoded objects (DecodeObject); all append the faults that they find.

// Name, labels, annotations, finalizers.
void CheckMeta(const Json& object, std::vector<FieldFault>& faults);

// Takes over what an update can't change from the state before: uid, creation, deletion, status.
// A changed name or uid is a fault, as is a finalizer added to an object that is being deleted.
void CarryMeta(const Json& before, Json& object, std::vector<FieldFault>& faults);

// The rules of one kind (but pods and their templates: pod_rules.h) for a new object, and its
// defaults.
void CheckContent(Resource resource, Json& object, std::vector<FieldFault>& faults);
void CheckContentUpdate(Resource resource, const Json& before, Json& object,
                        std::vector<FieldFault>& faults);

bool HasFinalizers(const Json& object);
bool IsBeingDeleted(const Json& object);

}  // namespace spawner::local

#endif  // SPAWNER_CONTROLLER_LOCAL_OBJECT_RULES_H_
