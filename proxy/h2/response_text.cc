#include "proxy/h2/response_text.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "proxy/h2/limits.h"
#include "proxy/h2/request_text.h"
#include "proxy/http/limits.h"

namespace spawner::proxy::h2 {
namespace {

// 101 is HTTP/1.1's (RFC 9113 8.6).
bool IsStatus(absl::string_view value) {
  return value.size() == 3 && value.front() >= '1' && value != "101" &&
         std::all_of(value.begin(), value.end(), absl::ascii_isdigit);
}

}  // namespace

void ResponseText::Add(absl::string_view name, absl::string_view value) {
  list_bytes_ += name.size() + value.size() + kFieldOverheadBytes;
  if (list_bytes_ > kHeadBytesMax) is_good_ = false;
  if (!is_good_) return;
  if (absl::StartsWith(name, ":")) {
    is_good_ = name == ":status" && !has_regular_ && status_.empty() && IsStatus(value);
    if (is_good_) status_.assign(value.data(), value.size());
    return;
  }
  has_regular_ = true;
  is_good_ = RequestText::IsGoodField(name, value);
  if (name == "content-length") has_length_ = true;
  absl::StrAppend(&fields_, name, ": ", value, "\r\n");
}

// RFC 9112 6.3.
bool ResponseText::HasBody() const {
  return !to_head_ && status_.front() != '1' && status_ != "204" && status_ != "304";
}

bool ResponseText::Finish(bool ends) {
  is_good_ = is_good_ && !status_.empty() && !(ends && status_.front() == '1');
  if (!is_good_) return false;
  head_ = absl::StrCat("HTTP/1.1 ", status_, " \r\n", fields_);
  if (HasBody() && !has_length_)
    head_ += ends ? "content-length: 0\r\n" : "transfer-encoding: chunked\r\n";
  if (!is_interim()) head_ += "connection: close\r\n";
  head_ += "\r\n";
  if (HasBody() && !ends) {
    framing_ = has_length_ ? InboundText::Framing::kPlain : InboundText::Framing::kChunked;
  }
  return head_.size() <= kHeadBytesMax;
}

}  // namespace spawner::proxy::h2
