#include "controller/auth/token_table.h"

#include <algorithm>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "base/crypto.h"
#include "base/ids.h"
#include "base/status.h"
#include "controller/auth/limits.h"

namespace spawner::auth {
namespace {

absl::Status BadLine(int number, absl::string_view why) {
  return absl::InvalidArgumentError(absl::StrCat(
      "line ", number, ": ", why,
      "; a line is token,user,group,... with ns=NAME, ns=* or proxy among the groups"));
}

absl::Status ReadWord(absl::string_view word, int number, Caller& caller) {
  Rule rule = caller.rule.value_or(Rule{});
  if (word == "proxy") {
    rule.is_proxy = true;
  } else if (absl::ConsumePrefix(&word, "ns=")) {
    if (word == "*") {
      rule.all_namespaces = true;
    } else if (IsDnsLabel(word)) {
      rule.namespaces.push_back(std::string(word));
    } else {
      return BadLine(number, "ns= is followed by no name of a namespace");
    }
  } else if (word.empty()) {
    return BadLine(number, "a group is empty");
  } else {
    caller.groups.push_back(std::string(word));
    return absl::OkStatus();
  }
  caller.rule = std::move(rule);
  return absl::OkStatus();
}

}  // namespace

absl::Status TokenTable::Add(const Text& text, absl::string_view source) {
  int number = 0;
  for (absl::string_view line : absl::StrSplit(text.lines, '\n')) {
    ++number;
    line = absl::StripAsciiWhitespace(line);
    if (line.empty() || line.front() == '#') continue;
    const std::vector<absl::string_view> words = absl::StrSplit(line, ',');
    if (words.size() < 2 || words[1].empty()) return BadLine(number, "there is no user");
    if (words[0].size() < kStaticTokenBytesMin) {
      return BadLine(number, absl::StrCat("a token of less than ", kStaticTokenBytesMin,
                                          " characters can be guessed"));
    }
    Caller caller{.name = std::string(words[1]), .rule_source = std::string(source)};
    for (size_t i = 2; i < words.size(); ++i) {
      RETURN_IF_ERROR(ReadWord(words[i], number, caller));
    }
    if (entries_.size() >= kStaticTokensMax) {
      return BadLine(number, absl::StrCat("at most ", kStaticTokensMax, " tokens are allowed"));
    }
    entries_.push_back({Sha256(words[0]), MakeCaller(std::move(caller))});
  }
  return absl::OkStatus();
}

absl::StatusOr<TokenTable> TokenTable::Parse(const std::vector<Text>& texts,
                                             absl::string_view source) {
  TokenTable table;
  for (const Text& text : texts) {
    const absl::Status added = table.Add(text, source);
    if (!added.ok()) return text.name.empty() ? added : Annotate(added, text.name);
  }
  std::vector<Entry>& entries = table.entries_;
  std::sort(entries.begin(), entries.end(),
            [](const Entry& a, const Entry& b) { return a.hash < b.hash; });
  for (size_t i = 1; i < entries.size(); ++i) {
    if (entries[i].hash == entries[i - 1].hash) {
      return absl::InvalidArgumentError(absl::StrCat("the token of ", entries[i].caller->name,
                                                     " is also one of ",
                                                     entries[i - 1].caller->name));
    }
  }
  return table;
}

// The order of SHA-256 values tells nothing of the tokens: how long a search takes may be seen. The
// one that may match is compared in constant time.
CallerPtr TokenTable::Find(absl::string_view hash) const {
  const auto found = std::lower_bound(
      entries_.begin(), entries_.end(), hash,
      [](const Entry& entry, absl::string_view wanted) { return entry.hash < wanted; });
  if (found == entries_.end() || !EqualInConstantTime(found->hash, hash)) return nullptr;
  return found->caller;
}

}  // namespace spawner::auth
