#include "cli/arguments.h"

#include <algorithm>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "base/status.h"
#include "cli/nearest.h"

namespace spawner::cli {
namespace {

constexpr size_t kListedMax = 20;

const Flag* Find(const std::vector<Flag>& flags, absl::string_view name) {
  for (const Flag& flag : flags) {
    if (name == flag.name) return &flag;
  }
  return nullptr;
}

const Flag* FindLetter(const std::vector<Flag>& flags, char letter) {
  for (const Flag& flag : flags) {
    if (letter != '\0' && flag.letter == letter) return &flag;
  }
  return nullptr;
}

absl::Status UnknownFlag(absl::string_view word, const std::vector<Flag>& flags) {
  std::vector<std::string> names;
  for (const Flag& flag : flags) names.push_back(absl::StrCat("--", flag.name));
  const absl::string_view typed = word.substr(0, word.find('='));
  const std::string nearest = NearestTo(typed, names);
  if (!nearest.empty()) {
    return absl::InvalidArgumentError(
        absl::StrCat("unknown flag ", typed, "; did you mean ", nearest, "?"));
  }
  // More than that nobody reads: the help has them with what they mean.
  if (names.size() > kListedMax) {
    return absl::InvalidArgumentError(absl::StrCat("unknown flag ", typed));
  }
  return absl::InvalidArgumentError(
      absl::StrCat("unknown flag ", typed, "; there are: ", absl::StrJoin(names, " ")));
}

// A flag as it stands on the command line: "--name=value", "--name", "-o", "-ojson".
struct Written {
  const Flag* flag = nullptr;
  std::optional<std::string> value;
};

Written Read(absl::string_view word, const std::vector<Flag>& flags) {
  if (word.substr(0, 2) == "--") {
    const size_t equals = word.find('=');
    Written written{Find(flags, word.substr(2, equals == word.npos ? word.npos : equals - 2)), {}};
    if (equals != word.npos) written.value = std::string(word.substr(equals + 1));
    return written;
  }
  Written written{FindLetter(flags, word[1]), {}};
  if (word.size() > 2) written.value = std::string(word.substr(word[2] == '=' ? 3 : 2));
  return written;
}

// Of a choice; several are told apart by commas where the flag says so.
absl::Status CheckChoice(const Flag& flag, absl::string_view value) {
  if (flag.values == nullptr) return absl::OkStatus();
  const std::vector<std::string> choices = absl::StrSplit(flag.values, '|');
  for (absl::string_view word : absl::StrSplit(value, ',')) {
    const bool is_one = std::any_of(choices.begin(), choices.end(), [word](const std::string& one) {
      return absl::EqualsIgnoreCase(word, one);
    });
    if (!is_one) {
      return absl::InvalidArgumentError(absl::StrCat(
          "--", flag.name, ": \"", word, "\" is not one of ", absl::StrJoin(choices, ", ")));
    }
  }
  return absl::OkStatus();
}

}  // namespace

std::string Arguments::Get(const std::string& flag, const std::string& otherwise) const {
  const auto found = flags.find(flag);
  return found == flags.end() ? otherwise : found->second.back();
}

std::vector<std::string> Arguments::All(const std::string& flag) const {
  const auto found = flags.find(flag);
  return found == flags.end() ? std::vector<std::string>() : found->second;
}

absl::StatusOr<std::optional<absl::Duration>> Arguments::Duration(const std::string& flag) const {
  if (!Has(flag)) return std::optional<absl::Duration>();
  absl::Duration duration;
  if (!absl::ParseDuration(Get(flag), &duration)) {
    return absl::InvalidArgumentError(absl::StrCat("--", flag, ": \"", Get(flag),
                                                   "\" is not a duration; write 30s, 5m or 1h30m"));
  }
  return std::optional<absl::Duration>(duration);
}

absl::StatusOr<std::optional<int64_t>> Arguments::Int(const std::string& flag) const {
  if (!Has(flag)) return std::optional<int64_t>();
  int64_t value = 0;
  if (!absl::SimpleAtoi(Get(flag), &value)) {
    return absl::InvalidArgumentError(
        absl::StrCat("--", flag, ": \"", Get(flag), "\" is not a whole number"));
  }
  return std::optional<int64_t>(value);
}

absl::StatusOr<std::map<std::string, std::string>> Arguments::Pairs(const std::string& flag) const {
  std::map<std::string, std::string> pairs;
  for (const std::string& text : All(flag)) {
    const size_t equals = text.find('=');
    if (equals == std::string::npos || equals == 0) {
      return absl::InvalidArgumentError(
          absl::StrCat("--", flag, ": \"", text, "\" is not NAME=VALUE"));
    }
    pairs[text.substr(0, equals)] = text.substr(equals + 1);
  }
  return pairs;
}

absl::StatusOr<Arguments> ParseArguments(const std::vector<std::string>& words,
                                         const std::vector<Flag>& flags) {
  Arguments arguments;
  for (size_t i = 0; i < words.size(); ++i) {
    const std::string& word = words[i];
    if (word == "--") {
      arguments.trailing.assign(words.begin() + static_cast<std::ptrdiff_t>(i) + 1, words.end());
      break;
    }
    if (word.size() < 2 || word[0] != '-') {
      arguments.positionals.push_back(word);
      continue;
    }
    Written written = Read(word, flags);
    if (written.flag == nullptr) return UnknownFlag(word, flags);
    const std::string name = written.flag->name;
    if (written.flag->placeholder == nullptr) {
      if (written.value.has_value()) {
        return absl::InvalidArgumentError(absl::StrCat("--", name, " takes no value"));
      }
      written.value = "true";
    } else if (!written.value.has_value()) {
      if (i + 1 == words.size()) {
        return absl::InvalidArgumentError(
            absl::StrCat("--", name, " needs a value: --", name, "=", written.flag->placeholder));
      }
      written.value = words[++i];
    }
    std::vector<std::string>& values = arguments.flags[name];
    if (!values.empty() && !written.flag->is_repeatable) {
      return absl::InvalidArgumentError(absl::StrCat("--", name, " is given twice"));
    }
    RETURN_IF_ERROR(CheckChoice(*written.flag, *written.value));
    values.push_back(*std::move(written.value));
  }
  return arguments;
}

size_t CountFlags(const std::vector<std::string>& words, const std::vector<Flag>& flags) {
  size_t count = 0;
  while (count < words.size() && words[count].size() > 1 && words[count][0] == '-') {
    const Written written = Read(words[count], flags);
    if (written.flag == nullptr) break;
    const bool takes_next = written.flag->placeholder != nullptr && !written.value.has_value();
    count += takes_next ? 2 : 1;
  }
  return std::min(count, words.size());
}

}  // namespace spawner::cli
