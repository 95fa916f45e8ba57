#ifndef SPAWNER_CLI_NEAREST_H_
#define SPAWNER_CLI_NEAREST_H_

#include <string>
#include <vector>

#include "absl/strings/string_view.h"

namespace spawner::cli {

// The one of `words` that who typed `typed` most likely meant: it begins with that, or differs by
// no more than a third of its letters. "": none does.
std::string NearestTo(absl::string_view typed, const std::vector<std::string>& words);

}  // namespace spawner::cli

#endif  // SPAWNER_CLI_NEAREST_H_
