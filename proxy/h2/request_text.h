#ifndef SPAWNER_PROXY_H2_REQUEST_TEXT_H_
#define SPAWNER_PROXY_H2_REQUEST_TEXT_H_

#include <cstddef>
#include <cstdint>
#include <string>

#include "absl/strings/string_view.h"
#include "proxy/h2/inbound_text.h"

namespace spawner::proxy::h2 {

// RFC 6455 4.1 wants a key by which the client knows that the server has understood it, and not a
// cache; here we are the client and speak to the backend itself, so one will do.
inline constexpr absl::string_view kWebSocketKey = "c3Bhd25lciBvdmVyIGgyIQ==";
inline constexpr absl::string_view kWebSocketAccept = "ayN8Yozy6T/7g2F7qVqMak6g2lM=";

// Makes the head of an HTTP/1.1 request out of a header block, field by field as they are decoded.
// Checked is what the text could hide (RFC 9113 8.2, 8.3): whatever passes is one head, in which
// each field is what the client sent. That it is a good request is for its parser to say.
class RequestText {
 public:
  enum class Verdict : uint8_t {
    kGood,
    kMalformed,  // RFC 9113 8.1.1: the stream is reset
    kTooLarge,   // to be answered with 431
  };

  // For the next block, with the memory of the last.
  void Reset();
  void Add(absl::string_view name, absl::string_view value);
  // After the last field. `ends`: no body follows.
  Verdict Finish(bool ends);

  // ---- of a good one ----
  const std::string& head() const { return head_; }
  InboundText::Framing framing() const { return framing_; }
  bool is_head() const { return method_ == "HEAD"; }
  // RFC 8441: the head is that of an upgrade.
  bool is_websocket() const { return !protocol_.empty(); }

  // RFC 9113 8.2.2: it speaks of one HTTP/1.1 connection, of which there is none. Lower case.
  static bool IsConnectionField(absl::string_view name);
  // Names and values that HTTP/1.1 can carry and RFC 9113 8.2 allows, in trailers as well.
  static bool IsGoodField(absl::string_view name, absl::string_view value);

 private:
  void AddPseudo(absl::string_view name, absl::string_view value);
  void AddRegular(absl::string_view name, absl::string_view value);
  Verdict FinishWebSocket(bool ends);
  // Takes a pseudo-header that may come once, with a value.
  void Take(absl::string_view value, std::string* where);

  Verdict verdict_ = Verdict::kGood;
  size_t list_bytes_ = 0;  // as SETTINGS_MAX_HEADER_LIST_SIZE counts
  bool has_regular_ = false;
  bool has_length_ = false;
  bool has_host_ = false;
  std::string method_;
  std::string protocol_;
  std::string scheme_;
  std::string authority_;
  std::string path_;
  std::string host_;
  std::string cookie_;
  std::string fields_;
  std::string head_;
  InboundText::Framing framing_ = InboundText::Framing::kNone;
};

}  // namespace spawner::proxy::h2

#endif  // SPAWNER_PROXY_H2_REQUEST_TEXT_H_
