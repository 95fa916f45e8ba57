#ifndef SPAWNER_CLI_DOCUMENTS_H_
#define SPAWNER_CLI_DOCUMENTS_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "spawner/v1/templates.pb.h"

namespace spawner::cli {

// Templates out of a file of YAML or JSON documents: core/v1 PodTemplates, lists of them, or what
// `spawnctl get template -o yaml` prints. `ns` is the namespace of what names none.
// INVALID_ARGUMENT says which document is wrong, and how.
absl::StatusOr<std::vector<v1::Template>> ReadTemplates(absl::string_view text,
                                                        const std::string& ns);

}  // namespace spawner::cli

#endif  // SPAWNER_CLI_DOCUMENTS_H_
