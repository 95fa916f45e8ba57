#include "tests/conformance/http1/conversation.h"

#include <array>
#include <optional>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "base/status.h"

namespace spawner::proxy {
namespace {

struct Prefix {
  absl::string_view text;
  Step::Kind kind;
};
constexpr std::array<Prefix, 4> kPrefixes = {{{"C>", Step::Kind::kClientSends},
                                              {">B", Step::Kind::kBackendGets},
                                              {"B>", Step::Kind::kBackendSends},
                                              {">C", Step::Kind::kClientGets}}};

absl::Status Wrong(int line, absl::string_view why) {
  return absl::InvalidArgumentError(absl::StrCat("line ", line, ": ", why));
}

// "\{40000*x}": *text stands behind the brace; left behind the closing one.
bool Repeat(absl::string_view* text, std::string* out) {
  const size_t star = text->find('*');
  const size_t end = text->find('}', star);
  size_t count;
  if (end == absl::string_view::npos || !absl::SimpleAtoi(text->substr(0, star), &count)) {
    return false;
  }
  std::string once;
  absl::string_view escaped = text->substr(star + 1, end - star - 1);
  while (!escaped.empty()) {
    if (absl::ConsumePrefix(&escaped, "\\r\\n")) {
      once.append("\r\n");
    } else {
      once.push_back(escaped.front());
      escaped.remove_prefix(1);
    }
  }
  for (size_t i = 0; i < count; ++i) out->append(once);
  text->remove_prefix(end + 1);
  return true;
}

// The character behind a backslash, and what follows it if it takes more.
bool Escape(absl::string_view* text, std::string* out) {
  const char c = text->front();
  text->remove_prefix(1);
  constexpr absl::string_view kFrom = "rntse\\0";
  constexpr absl::string_view kTo("\r\n\t \x1b\\\0", 7);
  if (const size_t at = kFrom.find(c); at != absl::string_view::npos) {
    out->push_back(kTo[at]);
    return true;
  }
  if (c == '{') return Repeat(text, out);
  if (c != 'x' || text->size() < 2) return false;
  const std::string byte = absl::HexStringToBytes(text->substr(0, 2));
  text->remove_prefix(2);
  out->append(byte);
  return true;
}

// Without an end of line if the last character is a backslash.
std::optional<std::string> Unescape(absl::string_view text) {
  std::string out;
  while (!text.empty()) {
    const char c = text.front();
    text.remove_prefix(1);
    if (c != '\\') {
      out.push_back(c);
      continue;
    }
    if (text.empty()) return out;
    if (!Escape(&text, &out)) return std::nullopt;
  }
  out.append("\r\n");
  return out;
}

absl::StatusOr<std::string> BytesOf(absl::string_view text, int line) {
  if (absl::ConsumePrefix(&text, "$added")) {
    return AddedFields(text.empty() ? "a.test" : absl::StripAsciiWhitespace(text));
  }
  std::optional<std::string> bytes = Unescape(text);
  if (!bytes) return Wrong(line, "an unknown escape");
  return *std::move(bytes);
}

absl::Status TakeLine(absl::string_view text, int line, Conversation* conversation) {
  std::vector<Step>& steps = conversation->steps;
  for (const Prefix& prefix : kPrefixes) {
    absl::string_view rest = text;
    if (!absl::ConsumePrefix(&rest, prefix.text)) continue;
    if (!rest.empty() && !absl::ConsumePrefix(&rest, " ")) return Wrong(line, "no space");
    ASSIGN_OR_RETURN(const std::string bytes, BytesOf(rest, line));
    if (steps.empty() || steps.back().kind != prefix.kind) {
      steps.push_back({.kind = prefix.kind, .line = line});
    }
    steps.back().bytes.append(bytes);
    return absl::OkStatus();
  }
  steps.push_back({.kind = Step::Kind::kCommand,
                   .words = absl::StrSplit(text, ' ', absl::SkipEmpty()),
                   .line = line});
  return absl::OkStatus();
}

}  // namespace

std::string AddedFields(absl::string_view host) {
  return absl::StrCat("X-Forwarded-For: 10.0.0.1\r\nX-Forwarded-Host: ", host,
                      "\r\nX-Forwarded-Proto: http\r\nSpawner-Session: a\r\nSpawner-Epoch: 1\r\n"
                      "X-Verified-Backend: a\r\n");
}

absl::StatusOr<std::vector<Conversation>> ParseConversations(absl::string_view text) {
  std::vector<Conversation> all;
  int line = 0;
  for (absl::string_view raw : absl::StrSplit(text, '\n')) {
    ++line;
    if (raw.empty() || raw.front() == '#') continue;
    if (absl::ConsumePrefix(&raw, "case ")) {
      // Each says what it stands upon.
      if (raw.back() != ')') return Wrong(line, "a case without a (reference)");
      all.push_back({.name = std::string(absl::StripAsciiWhitespace(raw)), .line = line});
      continue;
    }
    if (all.empty()) return Wrong(line, "a step outside of any case");
    RETURN_IF_ERROR(TakeLine(raw, line, &all.back()));
  }
  return all;
}

}  // namespace spawner::proxy
