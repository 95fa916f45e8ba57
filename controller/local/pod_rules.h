#ifndef SPAWNER_CONTROLLER_LOCAL_POD_RULES_H_
#define SPAWNER_CONTROLLER_LOCAL_POD_RULES_H_

#include <vector>

#include "base/json.h"
#include "controller/local/api_error.h"

namespace spawner::local {

// The API server's rules for the spec of a pod, on decoded pods. All append the faults they find.

// Fills in the defaults of a new pod's spec, and its first status.
void CheckNewPod(Json& pod, std::vector<FieldFault>& faults);

// The rules and defaults of the pod that stands in a pod template.
void CheckPodTemplate(Json& object, std::vector<FieldFault>& faults);

// Only images, activeDeadlineSeconds (set or lowered) and more tolerations may change in a spec;
// the status stays that of `before`.
void CheckPodUpdate(const Json& before, Json& pod, std::vector<FieldFault>& faults);

// Of the status subresource: nothing but the status changes.
void CarryAllButStatus(const Json& before, Json& pod);

}  // namespace spawner::local

#endif  // SPAWNER_CONTROLLER_LOCAL_POD_RULES_H_
