#ifndef SPAWNER_BASE_FILE_H_
#define SPAWNER_BASE_FILE_H_

#include <cstddef>
#include <string>

#include "absl/status/statusor.h"

namespace spawner {

// All of a file. NOT_FOUND, PERMISSION_DENIED or another code of errno's: "read PATH: No such file
// or directory"; RESOURCE_EXHAUSTED if it has more than `bytes_max`.
absl::StatusOr<std::string> ReadFile(const std::string& path, size_t bytes_max);

}  // namespace spawner

#endif  // SPAWNER_BASE_FILE_H_
