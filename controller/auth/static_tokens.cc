#include "controller/auth/static_tokens.h"

#include <algorithm>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "base/crypto.h"
#include "base/file.h"
#include "base/ids.h"
#include "base/log.h"
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

absl::StatusOr<std::vector<StaticTokens::Entry>> StaticTokens::Parse(absl::string_view text) {
  std::vector<Entry> entries;
  int number = 0;
  for (absl::string_view line : absl::StrSplit(text, '\n')) {
    ++number;
    line = absl::StripAsciiWhitespace(line);
    if (line.empty() || line.front() == '#') continue;
    const std::vector<absl::string_view> words = absl::StrSplit(line, ',');
    if (words.size() < 2 || words[1].empty()) return BadLine(number, "there is no user");
    if (words[0].size() < kStaticTokenBytesMin) {
      return BadLine(number, absl::StrCat("a token of less than ", kStaticTokenBytesMin,
                                          " characters can be guessed"));
    }
    Caller caller{.name = std::string(words[1])};
    for (size_t i = 2; i < words.size(); ++i) {
      RETURN_IF_ERROR(ReadWord(words[i], number, caller));
    }
    if (entries.size() >= kStaticTokensMax) {
      return BadLine(number, absl::StrCat("at most ", kStaticTokensMax, " tokens are allowed"));
    }
    entries.push_back({Sha256(words[0]), MakeCaller(std::move(caller))});
  }
  std::sort(entries.begin(), entries.end(),
            [](const Entry& a, const Entry& b) { return a.hash < b.hash; });
  for (size_t i = 1; i < entries.size(); ++i) {
    if (entries[i].hash == entries[i - 1].hash) {
      return absl::InvalidArgumentError(absl::StrCat("the token of ", entries[i].caller->name,
                                                     " is also one of ",
                                                     entries[i - 1].caller->name));
    }
  }
  return entries;
}

absl::StatusOr<StaticTokens> StaticTokens::Open(std::string path) {
  StaticTokens tokens(std::move(path));
  ASSIGN_OR_RETURN(const std::string text, ReadFile(tokens.path_, kTokenFileBytesMax));
  absl::StatusOr<std::vector<Entry>> entries = Parse(text);
  if (!entries.ok()) return Annotate(entries.status(), tokens.path_);
  tokens.text_hash_ = Sha256(text);
  tokens.entries_ = *std::move(entries);
  return tokens;
}

void StaticTokens::Step(Instant now) {
  if (now < read_at_) return;
  const bool is_first = read_at_ == Instant{};
  read_at_ = now + kFileReadEvery;
  if (is_first) return;
  const absl::StatusOr<std::string> text = ReadFile(path_, kTokenFileBytesMax);
  if (!text.ok()) {
    Log(LogLevel::kWarning, "token_file_unreadable", {{"error", text.status().ToString()}});
    return;
  }
  std::string hash = Sha256(*text);
  if (hash == text_hash_) return;
  text_hash_ = std::move(hash);
  absl::StatusOr<std::vector<Entry>> entries = Parse(*text);
  if (!entries.ok()) {
    Log(LogLevel::kWarning, "token_file_malformed",
        {{"file", path_}, {"error", entries.status().ToString()}});
    return;
  }
  entries_ = *std::move(entries);
  Log(LogLevel::kInfo, "token_file_read", {{"file", path_}, {"tokens", entries_.size()}});
}

// The order of SHA-256 values tells nothing of the tokens: how long a search takes may be seen. The
// one that may match is compared in constant time.
CallerPtr StaticTokens::Find(absl::string_view hash) const {
  const auto found = std::lower_bound(
      entries_.begin(), entries_.end(), hash,
      [](const Entry& entry, absl::string_view wanted) { return entry.hash < wanted; });
  if (found == entries_.end() || !EqualInConstantTime(found->hash, hash)) return nullptr;
  return found->caller;
}

}  // namespace spawner::auth
