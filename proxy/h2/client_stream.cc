#include "proxy/h2/client_stream.h"

#include <nghttp2/nghttp2.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "base/check.h"
#include "proxy/h2/limits.h"
#include "proxy/h2/request_text.h"
#include "proxy/h2/reset_codes.h"
#include "proxy/http/head.h"
#include "proxy/http/head_scanner.h"

namespace spawner::proxy::h2 {

const size_t ClientStream::kOwnBytes = sizeof(ClientStream) + kStreamStateBytes;

void ClientStream::Attach(Link& link) {
  SPAWNER_CHECK(link_ == nullptr && !is_over_);
  link_ = &link;
  if (!head_.empty()) return link_->Submit(*this);
  io_.Tell(socket, {.writable = true});
}

void ClientStream::Requeue() {
  SPAWNER_CHECK(may_requeue());
  link_ = nullptr;
  id = 0;
  is_sent = is_deferred = false;
  // One that nobody has written to yet has lost nothing.
  was_requeued_ = !head_.empty();
}

void ClientStream::Detach() {
  if (is_over_) return;
  is_over_ = true;
  link_ = nullptr;
  const bool is_clean = in_.has_ended();
  io_.Tell(socket, {.readable = true, .writable = true, .hangup = true, .failed = !is_clean});
}

// ---- frames ----

void ClientStream::OnBeginHeaders() {
  if (!has_response_) response_ = std::make_unique<ResponseText>(to_head_);
}

bool ClientStream::OnField(absl::string_view name, absl::string_view value) {
  if (response_ != nullptr) {
    response_->Add(name, value);  // Finish gives the verdict
    return true;
  }
  return RequestText::IsGoodField(name, value) && in_.AddTrailer(name, value);
}

bool ClientStream::OnHeaders(bool ends) {
  if (response_ != nullptr) {
    const std::unique_ptr<ResponseText> response = std::move(response_);
    if (!response->Finish(ends)) return false;
    if (response->is_interim() && ++interims_ > kInterimsMax) return false;
    in_.AddHead(response->head(), response->framing());
    if (!response->is_interim()) {
      has_response_ = true;
      head_ = OwnedFields();
      held_.Set(kOwnBytes);
    }
  }
  if (ends) {
    OnEnd();
  } else {
    io_.Tell(socket, {.readable = true});
  }
  return true;
}

bool ClientStream::OnData(absl::string_view bytes) {
  // Nobody reads it: it must not hold up the other streams.
  if (is_closed_) {
    if (link_ != nullptr) link_->Consume(*this, bytes.size());
    return true;
  }
  in_.AddBody(bytes);
  io_.Tell(socket, {.readable = true});
  return in_.takes_body();
}

void ClientStream::OnEnd() {
  in_.End();
  io_.Tell(socket, {.readable = true, .hangup = true});
}

void ClientStream::OnReset(uint32_t code) {
  failure_code_ = ResetCodeForOtherSide(code, NGHTTP2_INTERNAL_ERROR);
}

ClientStream::Fill ClientStream::FillData(uint8_t* bytes, size_t size) {
  Fill fill = {std::min(size, out_.payload().size())};
  if (fill.size > 0) {
    std::memcpy(bytes, out_.payload().view().data(), fill.size);
    out_.payload().Consume(fill.size);
    body_sent_ += fill.size;
  }
  fill.is_last = out_.is_complete() && out_.payload().empty();
  if (is_blocked_ && out_.payload().size() <= kStreamOutBytesMax / 2) {
    is_blocked_ = false;
    io_.Tell(socket, {.writable = true});
  }
  return fill;
}

// ---- the socket ----

IoResult ClientStream::Read(char* bytes, size_t size) {
  if (is_over_ && !in_.has_ended()) return {IoResult::Kind::kFailed, 0, ECONNRESET};
  const InboundText::Piece piece = in_.Read(bytes, size);
  if (piece.body_bytes > 0 && link_ != nullptr) link_->Consume(*this, piece.body_bytes);
  if (piece.size > 0) return {IoResult::Kind::kBytes, piece.size};
  return {in_.has_ended() ? IoResult::Kind::kEnd : IoResult::Kind::kBlocked};
}

IoResult ClientStream::Write(absl::Span<const iovec> parts) {
  if (is_over_) return {IoResult::Kind::kFailed, 0, EPIPE};
  size_t taken = 0;
  for (const iovec& part : parts) {
    absl::string_view left(static_cast<const char*>(part.iov_base), part.iov_len);
    while (!left.empty()) {
      const size_t held = out_.payload().size();
      is_blocked_ = held >= kStreamOutBytesMax;
      if (is_blocked_) break;
      absl::string_view piece = left.substr(0, kStreamOutBytesMax - held);
      const size_t offered = piece.size();
      if (!Take(&piece)) return {IoResult::Kind::kFailed, 0, EPIPE};
      left.remove_prefix(offered - piece.size());
      taken += offered - piece.size();
    }
    if (is_blocked_) break;
  }
  if (link_ != nullptr && is_submitted()) {
    link_->SendData(*this);
  } else if (link_ != nullptr && !head_.empty()) {
    link_->Submit(*this);
  }
  if (taken == 0 && is_blocked_) return {IoResult::Kind::kBlocked};
  return {IoResult::Kind::kBytes, taken};
}

bool ClientStream::Take(absl::string_view* bytes) {
  if (out_.wants_head()) return TakeHead(bytes);
  // Kept no longer than it is used: a stream may live long. A second request is nobody's.
  std::string scratch;
  if (!out_.is_complete() && out_.TakeBody(bytes, &scratch)) return true;
  if (link_ != nullptr) link_->Cancel(*this, NGHTTP2_INTERNAL_ERROR);
  return false;
}

bool ClientStream::TakeHead(absl::string_view* bytes) {
  absl::string_view text;
  const HeadScanner::State state = out_.TakeHead(bytes, &text);
  if (state == HeadScanner::State::kIncomplete) return true;
  const std::unique_ptr<RequestHead> head = std::make_unique<RequestHead>();
  if (state != HeadScanner::State::kComplete || head->Parse(text).is_error()) {
    if (link_ != nullptr) link_->Cancel(*this, NGHTTP2_INTERNAL_ERROR);
    return false;
  }
  to_head_ = head->is_head();
  head_ = RequestFields(*head);
  held_.Set(kOwnBytes + text.size() + head_.size() * sizeof(OwnedFields::value_type));
  out_.BeginBody(head->body);
  return true;
}

void ClientStream::OnClose(bool) {
  is_closed_ = true;
  if (is_over_) return;
  if (link_ == nullptr) return queue_.Leave(*this);
  if (in_.body_bytes() > 0) link_->Consume(*this, in_.body_bytes());
  const bool has_ended = in_.has_ended();
  in_ = InboundText(&io_.held_bytes());
  if (has_ended) in_.End();
  // The response was read and the request is on its way: both end by themselves.
  if (has_ended && !has_data() && is_submitted()) return;
  link_->Cancel(*this, abort_code_ != 0 ? abort_code_ : NGHTTP2_CANCEL);
}

}  // namespace spawner::proxy::h2
