#include "proxy/forward/tunnel.h"

#include <cstring>
#include <utility>

#include "proxy/forward/access_log.h"
#include "proxy/forward/limits.h"
#include "proxy/forward/session.h"
#include "proxy/forward/tunnels.h"

namespace spawner::proxy {

namespace {

size_t SizeOfWho(const Tunnel::Origin& origin) {
  return origin.client.size() + origin.user.size() + 2;
}

std::unique_ptr<const char[]> CopyWho(const Tunnel::Origin& origin) {
  auto who = std::make_unique<char[]>(SizeOfWho(origin));  // all zero
  origin.client.copy(who.get(), origin.client.size());
  who[origin.client.size()] = ' ';
  origin.user.copy(who.get() + origin.client.size() + 1, origin.user.size());
  return who;
}

}  // namespace

// The goal is 400 bytes an idle tunnel with everything (tests/bench/peers --cases=idle8k: 290).
static_assert(sizeof(void*) != 8 || sizeof(Tunnel) <= 216);

Tunnel::Tunnel(Workbench& bench, const Origin& origin, AddressSlot address, Stream& client,
               Stream& backend)
    : bench_(bench),
      session_(&origin.session),
      started_at_(origin.started_at),
      client_(std::move(client), *this),
      backend_events_(*this),
      backend_(std::move(backend), backend_events_),
      grant_(origin.grant),
      address_(std::move(address)),
      who_(CopyWho(origin)),
      moved_at_(bench.now),
      is_websocket_(origin.is_websocket),
      is_capped_(origin.is_capped),
      is_logged_(origin.is_logged),
      is_ignored_(origin.is_ignored) {
  bench_.ClientsOf(client_.io()).Add(1);
  bench_.counters.upstreams.Add(1);
  bench_.counters.tunnels.Add(1);
  bench_.io.held_bytes().Add(held());
}

Tunnel::~Tunnel() { bench_.io.held_bytes().Add(-held()); }

int64_t Tunnel::held() const {
  return static_cast<int64_t>(sizeof(*this) + std::strlen(who_.get()));
}

void Tunnel::Begin(absl::string_view from_backend, bool is_alive) {
  frames_.Scan(from_backend, false);
  bytes_ += from_backend.size();
  if (!is_alive) return End(State::kFailed);
  Pump();
}

void Tunnel::OnIo(IoEvents events) {
  client_.OnIo(events);
  if (session_ == nullptr) {
    if (!client_.Flush()) return Close();
    return DiscardInput();
  }
  if (client_.has_failed()) return End(State::kFailed);
  Pump();
}

void Tunnel::OnBackendIo(IoEvents events) {
  backend_.OnIo(events);
  Pump();
}

void Tunnel::OnMore() {
  is_later_ = false;
  if (is_closed()) return;
  if (session_ == nullptr) return DiscardInput();
  Pump();
}

void Tunnel::Pump() {
  size_t moved = 0;
  const State state = Move(&moved);
  if (moved > 0) {
    if (!is_ignored_) session_->CountBytes(moved);
    bytes_ += moved;
    moved_at_ = bench_.now;
  }
  if (state != State::kOpen) return End(state);
  if (has_more_) RunLater();
  // Silence of the other side ends it; bytes give it new time.
  if (is_half_open() && close_code_ == 0) SetDeadline(kHalfOpenTimeout);
}

Tunnel::State Tunnel::Move(size_t* moved) {
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
    if (!bench_.bytes.MayRead(0, round)) break;
    const IoResult read = client_.Read(bench_.scratch.get(), bench_.bytes.ReadSize());
    if (read.kind == IoResult::Kind::kBlocked) return State::kOpen;
    if (read.kind == IoResult::Kind::kFailed) return State::kFailed;
    if (read.kind == IoResult::Kind::kEnd) {
      backend_.FinishWriting();
      return State::kOpen;
    }
    *moved += read.size;
    bench_.bytes.Add(read.size);
    if (is_logged_) bench_.access_log->Of(*this).bytes_in += read.size;
    if (!backend_.Write({{bench_.scratch.get(), read.size}})) return State::kFailed;
    if (!client_.is_readable()) return State::kOpen;
  }
  has_more_ = true;
  return State::kOpen;
}

Tunnel::State Tunnel::MoveToClient(size_t* moved) {
  for (int round = 0; round < kRoundsPerTurn; ++round) {
    if (client_.is_blocked() || backend_.has_ended()) return State::kOpen;
    if (!bench_.bytes.MayRead(0, round)) break;
    const IoResult read = backend_.Read(bench_.scratch.get(), bench_.bytes.ReadSize());
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
    bench_.bytes.Add(bytes.size());
    if (is_logged_) bench_.access_log->Of(*this).bytes_out += bytes.size();
    if (!client_.Write({bytes})) return State::kFailed;
    if (close_code_ != 0 && frames_.is_at_boundary()) return SendClose();
    if (!backend_.is_readable()) return State::kOpen;
  }
  has_more_ = true;
  return State::kOpen;
}

void Tunnel::OnSessionOver(uint16_t code) {
  if (session_ == nullptr || close_code_ != 0) return;
  close_code_ = code;
  if (!is_websocket_) return End(State::kDone);
  if (frames_.is_at_boundary()) return End(SendClose());
  SetDeadline(kCloseFrameTimeout);
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

void Tunnel::End(State state) {
  backend_.Close();
  bench_.counters.upstreams.Add(-1);
  bench_.counters.tunnels.Add(-1);
  bench_.counters.Finish(101, bench_.now - started_at_);
  if (is_logged_) {
    bench_.access_log->Of(*this).total = bench_.now - started_at_;
    bench_.access_log->WriteAndForget(*this);
  }
  if (is_capped_) bench_.caps->Close(session_->route().session_id);
  std::exchange(session_, nullptr)->Leave(*this);
  if (state == State::kFailed) {
    client_.Abort();
    return Close();
  }
  // As Downstream::Linger: a close with unread bytes would destroy what is on its way.
  SetDeadline(kLingerTimeout);
  client_.FinishWriting();
  DiscardInput();
}

void Tunnel::DiscardInput() {
  for (int round = 0; round < kRoundsPerTurn; ++round) {
    if (!bench_.bytes.MayRead(0, round)) break;
    const IoResult read = client_.Read(bench_.scratch.get(), bench_.bytes.ReadSize());
    bench_.bytes.Add(read.size);
    if (read.kind == IoResult::Kind::kBlocked) return;
    if (!read.is_bytes()) {
      if (client_.is_blocked() && read.kind == IoResult::Kind::kEnd) return;
      return Close();
    }
    discarded_ += static_cast<uint32_t>(read.size);
    if (discarded_ > kLingerBytesMax) return Close();
  }
  RunLater();
}

void Tunnel::OnTimer(Instant) {
  if (session_ == nullptr) return Close();
  End(State::kFailed);
}

void Tunnel::OnDrainDeadline() {
  if (session_ == nullptr) return Close();
  OnSessionOver(kCloseLeaving);
}

void Tunnel::CutOff() {
  if (session_ == nullptr) return Close();
  End(State::kFailed);
}

void Tunnel::Close() {
  client_.Close();
  timer_.reset();
  bench_.ClientsOf(client_.io()).Add(-1);
  bench_.tunnels->Remove(*this);
}

void Tunnel::SetDeadline(absl::Duration patience) {
  if (timer_ == nullptr) timer_ = std::make_unique<Timer>(bench_.timers, *this);
  timer_->Arm(bench_.now + patience);
}

void Tunnel::RunLater() {
  if (is_later_) return;
  is_later_ = true;
  bench_.tunnels->RunLater(*this);
}

}  // namespace spawner::proxy
