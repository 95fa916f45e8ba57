#ifndef SPAWNER_CONTROLLER_SESSION_STRATEGIC_MERGE_H_
#define SPAWNER_CONTROLLER_SESSION_STRATEGIC_MERGE_H_

#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "nlohmann/json.hpp"

// Strategic merge of a pod or a pod template, as kube-apiserver 1.34 does it for
// `PATCH application/strategic-merge-patch+json`: k8s.io/apimachinery/pkg/util/strategicpatch with
// the patch tags of k8s.io/api/core/v1. tests/contract holds it against a real API server.
//
// Objects merge field by field, null removes a field. Lists of things with a name merge by it
// (MergeKey), every other list is one value. What a patch adds to a list comes first, unless an
// order is given. Directives:
//   {"$patch": "replace", ...}              of an object: it becomes the rest of the patch
//   {"$patch": "delete"}                    of an object: it becomes empty
//   [{"$patch": "replace"}, ...]            of a list: it becomes the other members
//   [{"name": "a", "$patch": "delete"}]     of a list: without that member
//   "$setElementOrder/containers": [...]    the order of a list
//   "$deleteFromPrimitiveList/x": [...]     removes values from a list of values
//   "$retainKeys": [...]                    removes all other fields of the object
// One difference: a directive within something that the patch adds is dropped with what it stands
// on; the API server adds it.
namespace spawner {

// By what field the members of a list of this name are told apart; null: the list is one value.
const char* MergeKey(absl::string_view list);

// INVALID_FIELD naming the place below `path` of a directive that makes no sense, or of a member
// without its key; `target` is then half merged. The depth of both is bounded by their parser.
absl::Status StrategicMerge(const std::string& path, const nlohmann::json& patch,
                            nlohmann::json& target);

}  // namespace spawner

#endif  // SPAWNER_CONTROLLER_SESSION_STRATEGIC_MERGE_H_
