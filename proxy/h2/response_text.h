#ifndef SPAWNER_PROXY_H2_RESPONSE_TEXT_H_
#define SPAWNER_PROXY_H2_RESPONSE_TEXT_H_

#include <cstddef>
#include <string>

#include "absl/strings/string_view.h"
#include "proxy/h2/inbound_text.h"

namespace spawner::proxy::h2 {

// Makes the head of an HTTP/1.1 response out of a header block, field by field as they are decoded.
// Checked is what the text could hide (RFC 9113 8.2, 8.3): whatever passes is one head, in which
// each field is what the backend sent. It says "connection: close", as a stream is used once.
class ResponseText {
 public:
  // `to_head`: it answers a HEAD request.
  explicit ResponseText(bool to_head) : to_head_(to_head) {}

  void Add(absl::string_view name, absl::string_view value);
  // After the last field. `ends`: no body follows. False: malformed, or larger than a head may be.
  bool Finish(bool ends);

  // ---- of a good one ----
  const std::string& head() const { return head_; }
  InboundText::Framing framing() const { return framing_; }
  bool is_interim() const { return status_.front() == '1'; }

 private:
  bool HasBody() const;

  const bool to_head_;
  bool is_good_ = true;
  bool has_regular_ = false;
  bool has_length_ = false;
  size_t list_bytes_ = 0;  // as SETTINGS_MAX_HEADER_LIST_SIZE counts
  std::string status_;
  std::string fields_;
  std::string head_;
  InboundText::Framing framing_ = InboundText::Framing::kNone;
};

}  // namespace spawner::proxy::h2

#endif  // SPAWNER_PROXY_H2_RESPONSE_TEXT_H_
