#ifndef SPAWNER_CLI_ARGUMENTS_H_
#define SPAWNER_CLI_ARGUMENTS_H_

#include <cstddef>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace spawner::cli {

// One flag that a verb takes.
struct Flag {
  const char* name;         // "grace": --grace=30s or --grace 30s
  const char* placeholder;  // "DURATION"; null: a switch without a value
  const char* help;
  char letter = '\0';  // 'o': -o json
  bool is_repeatable = false;
  const char* values = nullptr;  // what may be given, if it is a choice: "fail|replace"
};

// A command line taken apart. Flags stand anywhere before "--", as with kubectl.
struct Arguments {
  std::vector<std::string> positionals;
  std::map<std::string, std::vector<std::string>> flags;
  std::vector<std::string> trailing;  // after "--"

  bool Has(const std::string& flag) const { return flags.contains(flag); }
  // The last value given, or `otherwise`.
  std::string Get(const std::string& flag, const std::string& otherwise = "") const;
  std::vector<std::string> All(const std::string& flag) const;
  // INVALID_ARGUMENT naming the flag. "30s", "5m", "1h30m"; a bare number is refused.
  absl::StatusOr<std::optional<absl::Duration>> Duration(const std::string& flag) const;
  absl::StatusOr<std::optional<int64_t>> Int(const std::string& flag) const;
  // Of repeated NAME=VALUE.
  absl::StatusOr<std::map<std::string, std::string>> Pairs(const std::string& flag) const;
};

// `words` without the program's name and the verb. INVALID_ARGUMENT names the flag that is not
// among `flags`, lacks its value, or has one that it must not have, and the flags there are.
absl::StatusOr<Arguments> ParseArguments(const std::vector<std::string>& words,
                                         const std::vector<Flag>& flags);

// How many of `words` are flags of `flags` with their values, up to the first that is neither.
size_t CountFlags(const std::vector<std::string>& words, const std::vector<Flag>& flags);

}  // namespace spawner::cli

#endif  // SPAWNER_CLI_ARGUMENTS_H_
