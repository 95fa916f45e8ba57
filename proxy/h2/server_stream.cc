#include "proxy/h2/server_stream.h"

#include <nghttp2/nghttp2.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "absl/strings/match.h"
#include "proxy/h2/limits.h"
#include "proxy/h2/reset_codes.h"
#include "proxy/h2/response_fields.h"
#include "proxy/http/head.h"
#include "proxy/http/head_scanner.h"

namespace spawner::proxy::h2 {

RequestText::Verdict ServerStream::OnHead(RequestText& request, bool ends) {
  has_head_ = true;
  const RequestText::Verdict verdict = request.Finish(ends);
  if (verdict != RequestText::Verdict::kGood) return verdict;
  to_head_ = request.is_head();
  is_websocket_ = request.is_websocket();
  in_.AddHead(request.head(), request.framing());
  if (ends) in_.End();
  return verdict;
}

void ServerStream::OnData(absl::string_view bytes) {
  if (link_ == nullptr) return;
  // Nobody reads it: it must not hold up the other streams.
  if (is_closed_) return link_->Consume(*this, bytes.size());
  in_.AddBody(bytes);
  link_->Tell(*this, {.readable = true});
}

bool ServerStream::OnTrailer(absl::string_view name, absl::string_view value) {
  return RequestText::IsGoodField(name, value) && in_.AddTrailer(name, value);
}

void ServerStream::OnEnd() {
  in_.End();
  // Only a tunnel's end is an end of its own, as a FIN is.
  if (link_ != nullptr) link_->Tell(*this, {.readable = true, .hangup = is_websocket_});
  CheckEnd();
}

IoResult ServerStream::Read(char* bytes, size_t size) {
  if (link_ == nullptr && !(out_.is_complete() && in_.has_ended())) {
    return {IoResult::Kind::kFailed, 0, ECONNRESET};
  }
  const InboundText::Piece piece = in_.Read(bytes, size);
  if (piece.body_bytes > 0 && link_ != nullptr) link_->Consume(*this, piece.body_bytes);
  if (piece.size > 0) return {IoResult::Kind::kBytes, piece.size};
  // END_STREAM alone is no end of a connection: the client waits for its response.
  if (in_.has_ended() && (is_websocket_ || out_.is_complete())) return {IoResult::Kind::kEnd};
  return {IoResult::Kind::kBlocked};
}

IoResult ServerStream::Write(absl::Span<const iovec> parts) {
  if (link_ == nullptr) return {IoResult::Kind::kFailed, 0, ECONNRESET};
  size_t taken = 0;
  for (const iovec& part : parts) {
    absl::string_view left(static_cast<const char*>(part.iov_base), part.iov_len);
    while (!left.empty()) {
      const size_t held = out_.payload().size();
      const size_t most = out_bytes_max();
      is_blocked_ = held >= most;
      if (is_blocked_) break;
      absl::string_view piece = left.substr(0, most - held);
      const size_t offered = piece.size();
      const bool is_good = Take(&piece);
      link_->CountOut(static_cast<int64_t>(out_.payload().size() - held));
      if (!is_good) return {IoResult::Kind::kFailed, 0, EPIPE};
      left.remove_prefix(offered - piece.size());
      taken += offered - piece.size();
    }
    if (is_blocked_) break;
  }
  if (has_final_head_) link_->SendData(*this);
  CheckEnd();
  if (taken == 0 && is_blocked_) return {IoResult::Kind::kBlocked};
  return {IoResult::Kind::kBytes, taken};
}

bool ServerStream::Take(absl::string_view* bytes) {
  // A second response is nobody's.
  if (out_.is_complete()) return Break();
  if (out_.wants_head()) return TakeHead(bytes);
  return out_.TakeBody(bytes, &link_->workspace().payload) || Break();
}

bool ServerStream::TakeHead(absl::string_view* bytes) {
  absl::string_view text;
  const HeadScanner::State state = out_.TakeHead(bytes, &text);
  if (state == HeadScanner::State::kIncomplete) return true;
  ResponseHead& head = link_->workspace().head;
  FieldBlock& block = link_->workspace().block;
  if (state != HeadScanner::State::kComplete || head.Parse(text, to_head_).is_error()) {
    return Break();
  }
  if (head.status == 101) {
    // RFC 9113 8.6: but for RFC 8441 there is none.
    if (!is_websocket_ || !IsAgreement(head)) return Break();
    out_.BeginTunnel();
    has_final_head_ = true;
    block.SetUpgrade(head);
    link_->SendHead(*this, false);
    return true;
  }
  if (!head.is_interim()) {
    // It would mean that the tunnel is there.
    if (is_websocket_ && head.status < 300) return Break();
    out_.BeginBody(head.body);
    has_final_head_ = true;
  }
  block.SetResponse(head);
  link_->SendHead(*this, head.is_interim());
  return true;
}

bool ServerStream::IsAgreement(const ResponseHead& head) const {
  for (const Field& field : head.fields.all()) {
    if (absl::EqualsIgnoreCase(field.name, "sec-websocket-accept")) {
      return field.value == kWebSocketAccept;
    }
  }
  return false;
}

// RFC 8441 5: a tunnel's failure is a CANCEL.
uint32_t ServerStream::reset_code() const {
  if (abort_code_ != 0) return abort_code_;
  return is_websocket_ ? NGHTTP2_CANCEL : NGHTTP2_INTERNAL_ERROR;
}

bool ServerStream::Break() {
  link_->Reset(*this, NGHTTP2_INTERNAL_ERROR);
  return false;
}

ServerStream::Fill ServerStream::FillData(uint8_t* bytes, size_t size) {
  Fill fill = {std::min(size, out_.payload().size())};
  if (fill.size > 0) {
    std::memcpy(bytes, out_.payload().view().data(), fill.size);
    out_.payload().Consume(fill.size);
    link_->CountOut(-static_cast<int64_t>(fill.size));
  }
  fill.is_last = out_.is_complete() && out_.payload().empty();
  if (is_blocked_ && out_.payload().size() <= out_bytes_max() / 2) OnRoom();
  return fill;
}

// Streams that the client does not read must not stop the others.
size_t ServerStream::out_bytes_max() const {
  return link_->HasRoom() ? kStreamOutBytesMax : kStreamOutBytesFloor;
}

void ServerStream::OnRoom() {
  if (!std::exchange(is_blocked_, false)) return;
  link_->Tell(*this, {.writable = true});
}

// Whatever it says, the request is not wanted any more.
void ServerStream::OnReset(uint32_t code) {
  failure_code_ = ResetCodeForOtherSide(code, NGHTTP2_CANCEL);
}

void ServerStream::OnEndSent() {
  is_end_sent_ = true;
  // RFC 9113 8.1: the rest of the request is not wanted.
  if (is_closed_ && !in_.has_ended()) link_->Reset(*this, NGHTTP2_NO_ERROR);
}

void ServerStream::CheckEnd() {
  if (link_ == nullptr || !in_.has_ended() || !out_.is_complete()) return;
  link_->Tell(*this, {.readable = true, .hangup = true});
}

void ServerStream::ShutdownWrite() {
  if (link_ == nullptr) return;
  out_.OnEnd();
  if (!out_.is_complete()) return link_->Reset(*this, reset_code());
  link_->SendData(*this);
  CheckEnd();
}

void ServerStream::OnClose(bool is_abort) {
  is_closed_ = true;
  if (link_ == nullptr) return;
  if (in_.body_bytes() > 0) link_->Consume(*this, in_.body_bytes());
  const bool has_ended = in_.has_ended();
  in_ = InboundText(held_);
  if (has_ended) in_.End();
  if (!is_abort) out_.OnEnd();
  // An incomplete response never ends with END_STREAM.
  if (!out_.is_complete()) return link_->Reset(*this, reset_code());
  if (!is_end_sent_) return link_->SendData(*this);
  if (!in_.has_ended()) link_->Reset(*this, NGHTTP2_NO_ERROR);
}

void ServerStream::Detach() {
  if (link_ == nullptr) return;
  const bool is_clean = in_.has_ended() && is_end_sent_;
  link_->Tell(*this, {.readable = true, .writable = true, .hangup = true, .failed = !is_clean});
  link_->CountOut(-static_cast<int64_t>(out_.payload().size()));
  link_ = nullptr;
}

}  // namespace spawner::proxy::h2
