#ifndef SPAWNER_PROXY_H2_OUTBOUND_TEXT_H_
#define SPAWNER_PROXY_H2_OUTBOUND_TEXT_H_

#include <cstddef>
#include <cstdint>
#include <string>

#include "absl/strings/string_view.h"
#include "proxy/http/body_scanner.h"
#include "proxy/http/head.h"
#include "proxy/http/head_scanner.h"
#include "proxy/io/buffer.h"
#include "proxy/io/counter.h"

namespace spawner::proxy::h2 {

// A message that is written as the text of HTTP/1.1 and sent in frames: finds its heads, takes the
// chunks from its body, keeps what is not sent yet, and its trailers.
//   while (!bytes.empty() && !out.is_complete()) {
//     if (out.wants_head()) { out.TakeHead(&bytes, &head) ... out.BeginBody(framing); }
//     else if (!out.TakeBody(&bytes, &scratch)) return Broken();
//   }
class OutboundText {
 public:
  // `held` counts what is not sent yet; null: nobody does.
  explicit OutboundText(Counter* held = nullptr) : held_bytes_(held) {}

  bool wants_head() const { return state_ == State::kHead; }
  // Takes what belongs to the head off `*bytes`. kComplete: `*head` is one, good until the next
  // Take. Another head is expected until BeginBody or BeginTunnel.
  HeadScanner::State TakeHead(absl::string_view* bytes, absl::string_view* head);
  void BeginBody(BodyFraming framing);
  void BeginTunnel() { state_ = State::kTunnel; }
  // False: the body is broken. `scratch` is used up at once.
  bool TakeBody(absl::string_view* bytes, std::string* scratch);
  // The writer has finished: a tunnel or a body until then is complete.
  void OnEnd();

  // All of the message was written.
  bool is_complete() const { return state_ == State::kComplete; }
  // Bytes to be sent in DATA.
  Buffer& payload() { return payload_; }
  const Buffer& payload() const { return payload_; }
  // The trailer section, each line with its CRLF; empty if there is none.
  absl::string_view trailers() const;

 private:
  enum class State : uint8_t { kHead, kBody, kTunnel, kComplete };

  Counter* held_bytes_;
  State state_ = State::kHead;
  HeadScanner scanner_;
  BodyScanner body_;
  Buffer held_;  // a part of a head
  bool is_held_used_ = false;
  Buffer payload_;
  std::string trailers_;
};

}  // namespace spawner::proxy::h2

#endif  // SPAWNER_PROXY_H2_OUTBOUND_TEXT_H_
