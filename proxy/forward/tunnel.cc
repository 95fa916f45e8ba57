#include "proxy/forward/tunnel.h"

#include "proxy/forward/limits.h"

namespace spawner::proxy {

Tunnel::State Tunnel::Pump(size_t* moved) {
  has_more_ = false;
  if (!client_.Flush() || !backend_.Flush()) return State::kFailed;
  if (State state = MoveToBackend(moved); state != State::kOpen) return state;
  if (State state = MoveToClient(moved); state != State::kOpen) return state;
  const bool is_done = client_.has_ended() && backend_.has_ended() && !client_.is_blocked() &&
                       !backend_.is_blocked();
  return is_done ? State::kDone : State::kOpen;
}

Tunnel::State Tunnel::MoveToBackend(size_t* moved) {
  for (int round = 0; round < kRoundsPerTurn; ++round) {
    if (backend_.is_blocked() || client_.has_ended()) return State::kOpen;
    const IoResult read = client_.Read(bench_.scratch.get(), kScratchBytes);
    if (read.kind == IoResult::Kind::kBlocked) return State::kOpen;
    if (read.kind == IoResult::Kind::kFailed) return State::kFailed;
    if (read.kind == IoResult::Kind::kEnd) {
      backend_.FinishWriting();
      return State::kOpen;
    }
    *moved += read.size;
    if (!backend_.Write({{bench_.scratch.get(), read.size}})) return State::kFailed;
    if (!client_.is_readable()) return State::kOpen;
  }
  has_more_ = true;
  return State::kOpen;
}

Tunnel::State Tunnel::MoveToClient(size_t* moved) {
  for (int round = 0; round < kRoundsPerTurn; ++round) {
    if (client_.is_blocked() || backend_.has_ended()) return State::kOpen;
    const IoResult read = backend_.Read(bench_.scratch.get(), kScratchBytes);
    if (read.kind == IoResult::Kind::kBlocked) return State::kOpen;
    if (read.kind == IoResult::Kind::kFailed) return State::kFailed;
    if (read.kind == IoResult::Kind::kEnd) {
      if (close_code_ != 0) return State::kDone;
      client_.FinishWriting();
      return State::kOpen;
    }
    absl::string_view bytes(bench_.scratch.get(), read.size);
    if (is_websocket_) bytes = bytes.substr(0, frames_.Scan(bytes, close_code_ != 0));
    *moved += bytes.size();
    if (!client_.Write({bytes})) return State::kFailed;
    if (close_code_ != 0 && frames_.is_at_boundary()) return SendClose();
    if (!backend_.is_readable()) return State::kOpen;
  }
  has_more_ = true;
  return State::kOpen;
}

Tunnel::State Tunnel::Close(uint16_t code) {
  if (close_code_ != 0) return State::kOpen;
  close_code_ = code;
  if (!is_websocket_) return State::kDone;
  return frames_.is_at_boundary() ? SendClose() : State::kOpen;
}

// RFC 6455 5.5.1: an unmasked close frame with a status code. A peer that has had one from the
// backend gets no second one.
Tunnel::State Tunnel::SendClose() {
  const char frame[] = {'\x88', 2, static_cast<char>(close_code_ >> 8),
                        static_cast<char>(close_code_ & 0xff)};
  if (!frames_.has_closed() && !client_.is_finished() && !client_.Write({{frame, sizeof(frame)}})) {
    return State::kFailed;
  }
  return State::kDone;
}

}  // namespace spawner::proxy
