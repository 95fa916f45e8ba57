#include "controller/api/filter.h"

#include <optional>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "base/status.h"
#include "controller/api/limits.h"
#include "controller/api/names.h"

namespace spawner::api {
namespace {

constexpr char kAllowed[] =
    "allowed are terms joined by AND: state=READY, key:PREFIX, labels.NAME=VALUE";

absl::Status Bad(absl::string_view what) {
  return InvalidField("filter", absl::StrCat(what, "; ", kAllowed));
}

// Words apart by spaces; a word may hold one part in double quotes, which keeps its spaces.
absl::StatusOr<std::vector<std::string>> Words(absl::string_view text) {
  std::vector<std::string> words;
  std::string word;
  bool is_quoted = false;
  bool has_word = false;
  for (const char c : text) {
    if (c == '"') {
      is_quoted = !is_quoted;
      has_word = true;
    } else if (c == ' ' && !is_quoted) {
      if (has_word) words.push_back(std::move(word));
      word.clear();
      has_word = false;
    } else {
      word.push_back(c);
      has_word = true;
    }
  }
  if (is_quoted) return Bad("a quote is not closed");
  if (has_word) words.push_back(std::move(word));
  return words;
}

std::optional<SessionState> ParseState(absl::string_view name) {
  for (int number = 1; number <= static_cast<int>(SessionState::kTerminated); ++number) {
    const SessionState state = static_cast<SessionState>(number);
    if (Name(state) == name) return state;
  }
  return std::nullopt;
}

absl::Status ReadTerm(absl::string_view term, core::ListParams& params) {
  if (absl::ConsumePrefix(&term, "state=")) {
    if (params.state.has_value()) return Bad("state is named twice");
    params.state = ParseState(term);
    if (params.state.has_value()) return absl::OkStatus();
    return InvalidField("filter", absl::StrCat("state=", term,
                                               ": no such state; allowed are PENDING, STARTING, "
                                               "READY, DRAINING, TERMINATING, TERMINATED"));
  }
  if (absl::ConsumePrefix(&term, "key:")) {
    if (!params.key_prefix.empty()) return Bad("key is named twice");
    if (term.empty()) return Bad("key: needs a prefix");
    RETURN_IF_ERROR(CheckText("filter", term, kKeyBytesMax));
    params.key_prefix = std::string(term);
    return absl::OkStatus();
  }
  if (absl::ConsumePrefix(&term, "labels.")) {
    const size_t equals = term.find('=');
    if (equals == absl::string_view::npos || equals == 0) return Bad("labels. needs NAME=VALUE");
    const bool is_new =
        params.labels
            .emplace(std::string(term.substr(0, equals)), std::string(term.substr(equals + 1)))
            .second;
    return is_new ? absl::OkStatus() : Bad("a label is named twice");
  }
  return Bad(absl::StrCat("'", term, "' is no term"));
}

}  // namespace

absl::Status ParseFilter(absl::string_view filter, core::ListParams& params) {
  RETURN_IF_ERROR(CheckText("filter", filter, kFilterBytesMax));
  ASSIGN_OR_RETURN(const std::vector<std::string> words, Words(filter));
  if (words.empty()) return absl::OkStatus();
  if (words.size() % 2 == 0) return Bad("terms and AND must alternate");
  if (words.size() / 2 >= kFilterTermsMax) {
    return Bad(absl::StrCat("more than ", kFilterTermsMax, " terms"));
  }
  for (size_t i = 0; i < words.size(); ++i) {
    if (i % 2 == 1) {
      if (words[i] != "AND") return Bad("terms and AND must alternate");
      continue;
    }
    RETURN_IF_ERROR(ReadTerm(words[i], params));
  }
  return absl::OkStatus();
}

}  // namespace spawner::api
