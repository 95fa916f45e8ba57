#include "tests/bench/http_head.h"

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"

namespace spawner::bench {
namespace {

void ReadField(absl::string_view line, HttpHead* head) {
  const size_t colon = line.find(':');
  if (colon == absl::string_view::npos) return;
  const absl::string_view name = line.substr(0, colon);
  const absl::string_view value = absl::StripAsciiWhitespace(line.substr(colon + 1));
  // Lengths are compared first, so most names cost a few instructions.
  if (absl::EqualsIgnoreCase(name, "Content-Length")) {
    uint64_t length = 0;
    if (absl::SimpleAtoi(value, &length)) head->content_length = length;
  } else if (absl::EqualsIgnoreCase(name, "Connection")) {
    head->closes = absl::EqualsIgnoreCase(value, "close");
  } else if (absl::EqualsIgnoreCase(name, "Transfer-Encoding")) {
    head->is_chunked = true;
  } else if (absl::EqualsIgnoreCase(name, "Sec-WebSocket-Key")) {
    head->websocket_key = value;
  }
}

absl::string_view SecondWord(absl::string_view line) {
  const size_t start = line.find(' ');
  if (start == absl::string_view::npos) return {};
  line.remove_prefix(start + 1);
  return line.substr(0, line.find(' '));
}

}  // namespace

absl::string_view HttpHead::path() const { return SecondWord(first_line); }

int HttpHead::status() const {
  int code = 0;
  return absl::SimpleAtoi(SecondWord(first_line), &code) ? code : 0;
}

std::optional<HttpHead> ReadHttpHead(absl::string_view bytes) {
  const size_t end = bytes.find("\r\n\r\n");
  if (end == absl::string_view::npos) return std::nullopt;
  HttpHead head{.size = end + 4};
  absl::string_view rest = bytes.substr(0, end + 2);
  while (!rest.empty()) {
    const size_t line_size = rest.find("\r\n");
    const absl::string_view line = rest.substr(0, line_size);
    if (head.first_line.data() == nullptr) {
      head.first_line = line;
    } else {
      ReadField(line, &head);
    }
    rest.remove_prefix(line_size + 2);
  }
  return head;
}

}  // namespace spawner::bench
