#ifndef SPAWNER_BASE_STRINGS_H_
#define SPAWNER_BASE_STRINGS_H_

#include <string>
#include <string_view>

#include "absl/strings/string_view.h"

// Debian's absl::string_view is a type of its own with no conversion to or from std::string_view.
// These two are the only crossing.
namespace spawner {

inline std::string_view AsStd(absl::string_view s) { return {s.data(), s.size()}; }
inline absl::string_view AsAbsl(std::string_view s) { return {s.data(), s.size()}; }

}  // namespace spawner

#endif  // SPAWNER_BASE_STRINGS_H_
