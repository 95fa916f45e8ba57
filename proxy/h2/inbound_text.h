#ifndef SPAWNER_PROXY_H2_INBOUND_TEXT_H_
#define SPAWNER_PROXY_H2_INBOUND_TEXT_H_

#include <cstddef>
#include <cstdint>
#include <string>

#include "absl/strings/string_view.h"
#include "proxy/io/buffer.h"
#include "proxy/io/counter.h"
#include "proxy/io/held_bytes.h"

namespace spawner::proxy::h2 {

// A message that comes in frames and is read as the text of HTTP/1.1, in pieces of any size. Body
// bytes become chunks when they are read, so that a peer's tiny frames cost no more than their
// bytes.
class InboundText {
 public:
  enum class Framing : uint8_t {
    kNone,     // no body, or none yet (interim responses)
    kPlain,    // as it stands: its head says how long it is, or it is a tunnel
    kChunked,  // RFC 9112 7.1
  };

  // `held` counts what waits to be read; null: nobody does.
  explicit InboundText(Counter* held = nullptr) : held_(held), text_held_(held) {}

  // A head, its empty line included. Several may precede the body: interim responses.
  void AddHead(absl::string_view head, Framing framing);
  void AddBody(absl::string_view bytes) { body_.Append(bytes, held_); }
  // One field of the trailers. False: there are too many.
  bool AddTrailer(absl::string_view name, absl::string_view value);
  // No more comes: the last chunk, with the trailers, may be read.
  void End() { has_ended_ = true; }
  bool has_ended() const { return has_ended_; }

  struct Piece {
    size_t size = 0;        // bytes given
    size_t body_bytes = 0;  // of them the peer's: they are to be acknowledged to it
  };
  Piece Read(char* bytes, size_t size);
  // Everything that has come was read.
  bool is_drained() const { return text_.empty() && body_.empty() && !owes_last_chunk(); }
  size_t body_bytes() const { return body_.size(); }
  // A head came that a body may follow.
  bool takes_body() const { return framing_ != Framing::kNone; }

 private:
  bool owes_last_chunk() const {
    return framing_ == Framing::kChunked && has_ended_ && !has_last_chunk_;
  }
  // Makes text of what is next. False: there is nothing.
  bool MakeText();

  void CountText() { text_held_.Set(text_.size() + trailers_.size()); }

  Counter* held_;
  HeldBytes text_held_;
  std::string text_;      // to be read before body_
  size_t text_read_ = 0;  // of it
  Buffer body_;
  size_t chunk_left_ = 0;
  std::string trailers_;
  Framing framing_ = Framing::kNone;
  bool has_ended_ = false;
  bool has_last_chunk_ = false;
};

}  // namespace spawner::proxy::h2

#endif  // SPAWNER_PROXY_H2_INBOUND_TEXT_H_
