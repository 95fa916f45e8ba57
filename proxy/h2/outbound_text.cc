#include "proxy/h2/outbound_text.h"

namespace spawner::proxy::h2 {

HeadScanner::State OutboundText::TakeHead(absl::string_view* bytes, absl::string_view* head) {
  if (is_held_used_) held_.Clear();
  is_held_used_ = false;
  const size_t held = held_.size();
  if (held > 0) held_.Append(*bytes, held_bytes_);
  const absl::string_view all = held > 0 ? held_.view() : *bytes;
  const HeadScanner::State state = scanner_.Scan(all);
  if (state == HeadScanner::State::kIncomplete) {
    if (held == 0) held_.Append(*bytes, held_bytes_);
    *bytes = {};
  }
  if (state != HeadScanner::State::kComplete) return state;
  const size_t size = scanner_.size();
  scanner_ = HeadScanner();
  *head = all.substr(0, size);
  bytes->remove_prefix(size - held);
  is_held_used_ = held > 0;
  return state;
}

void OutboundText::BeginBody(BodyFraming framing) {
  body_ = BodyScanner(framing);
  state_ = body_.is_done() ? State::kComplete : State::kBody;
}

bool OutboundText::TakeBody(absl::string_view* bytes, std::string* scratch) {
  if (is_held_used_) held_.Clear();
  is_held_used_ = false;
  if (state_ == State::kTunnel) {
    payload_.Append(*bytes, held_bytes_);
    *bytes = {};
    return true;
  }
  const bool is_chunked = body_.kind() == BodyKind::kChunked;
  scratch->clear();
  const BodyScanner::Result body = body_.Scan(*bytes, is_chunked ? scratch : nullptr, &trailers_);
  if (!body.is_valid) return false;
  payload_.Append(is_chunked ? absl::string_view(*scratch) : bytes->substr(0, body.taken),
                  held_bytes_);
  bytes->remove_prefix(body.taken);
  if (body_.is_done()) state_ = State::kComplete;
  return true;
}

void OutboundText::OnEnd() {
  body_.OnEnd();
  if (state_ == State::kTunnel || (state_ == State::kBody && body_.is_done())) {
    state_ = State::kComplete;
  }
}

absl::string_view OutboundText::trailers() const {
  // Without the empty line that ends it.
  return trailers_.size() <= 2 ? absl::string_view()
                               : absl::string_view(trailers_).substr(0, trailers_.size() - 2);
}

}  // namespace spawner::proxy::h2
