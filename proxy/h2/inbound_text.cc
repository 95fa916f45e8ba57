#include "proxy/h2/inbound_text.h"

#include <algorithm>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "proxy/http/limits.h"

namespace spawner::proxy::h2 {

void InboundText::AddHead(absl::string_view head, Framing framing) {
  text_.append(head.data(), head.size());
  framing_ = framing;
  CountText();
}

bool InboundText::AddTrailer(absl::string_view name, absl::string_view value) {
  if (trailers_.size() + name.size() + value.size() + 4 > kTrailerBytesMax) return false;
  absl::StrAppend(&trailers_, name, ": ", value, "\r\n");
  CountText();
  return true;
}

bool InboundText::MakeText() {
  if (framing_ != Framing::kChunked) return false;
  if (!body_.empty()) {
    chunk_left_ = body_.size();
    absl::StrAppend(&text_, absl::Hex(chunk_left_), "\r\n");
    return true;
  }
  if (!owes_last_chunk()) return false;
  has_last_chunk_ = true;
  absl::StrAppend(&text_, "0\r\n", trailers_, "\r\n");
  return true;
}

InboundText::Piece InboundText::Read(char* bytes, size_t size) {
  Piece piece;
  while (piece.size < size) {
    const size_t room = size - piece.size;
    if (!text_.empty()) {
      const size_t count = std::min(room, text_.size() - text_read_);
      std::memcpy(bytes + piece.size, text_.data() + text_read_, count);
      piece.size += count;
      text_read_ += count;
      if (text_read_ < text_.size()) break;
      // A head's memory goes with it: the stream may live long.
      text_ = std::string();
      text_read_ = 0;
      CountText();
      continue;
    }
    const bool is_plain = framing_ == Framing::kPlain;
    if (body_.empty() || (!is_plain && chunk_left_ == 0)) {
      if (!MakeText()) break;
      continue;
    }
    const size_t count = std::min({room, body_.size(), is_plain ? room : chunk_left_});
    std::memcpy(bytes + piece.size, body_.view().data(), count);
    body_.Consume(count);
    piece.size += count;
    piece.body_bytes += count;
    if (is_plain) continue;
    chunk_left_ -= count;
    if (chunk_left_ == 0) text_ = "\r\n";
  }
  return piece;
}

}  // namespace spawner::proxy::h2
