#ifndef SPAWNER_CONTROLLER_KUBE_FILE_H_
#define SPAWNER_CONTROLLER_KUBE_FILE_H_

#include <cstddef>
#include <string>

#include "absl/status/statusor.h"

namespace spawner::kube {

// All of a small file. NOT_FOUND, PERMISSION_DENIED or UNKNOWN: "read PATH: No such file or
// directory"; RESOURCE_EXHAUSTED if it has more than `bytes_max`.
absl::StatusOr<std::string> ReadFile(const std::string& path, size_t bytes_max);

}  // namespace spawner::kube

#endif  // SPAWNER_CONTROLLER_KUBE_FILE_H_
