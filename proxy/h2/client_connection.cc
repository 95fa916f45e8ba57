#include "proxy/h2/client_connection.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "base/check.h"
#include "base/status.h"
#include "proxy/h2/client_callbacks.h"
#include "proxy/h2/limits.h"
#include "proxy/h2/name_values.h"
#include "proxy/http/limits.h"

namespace spawner::proxy::h2 {

ClientConnection::ClientConnection(Bench bench, Owner& owner)
    : bench_(bench),
      owner_(owner),
      stream_(bench.io),
      timer_(bench.timers, *this),
      session_(NewClientSession(*this)),
      held_(&bench.io.held_bytes(), sizeof(*this) + kSessionStateBytes) {}

ClientConnection::~ClientConnection() {
  for (ClientStream* const stream : std::exchange(streams_, {})) Forget(*stream);
  nghttp2_session_del(session_);
}

absl::Status ClientConnection::Connect(const Address& address) {
  const nghttp2_settings_entry settings[] = {
      {NGHTTP2_SETTINGS_ENABLE_PUSH, 0},
      {NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, 0},
      {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, kStreamWindowBytes},
      {NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, kHeadBytesMax},
      {NGHTTP2_SETTINGS_HEADER_TABLE_SIZE, kHpackTableBytes}};
  SPAWNER_CHECK(
      nghttp2_submit_settings(session_, NGHTTP2_FLAG_NONE, settings, std::size(settings)) == 0);
  SPAWNER_CHECK(nghttp2_session_set_local_window_size(session_, NGHTTP2_FLAG_NONE, 0,
                                                      kBackendWindowBytes) == 0);
  ASSIGN_OR_RETURN(const Socket socket, bench_.io.Connect(address, *this));
  stream_.Adopt(socket);
  is_connected_ = bench_.io.IsConnected(socket);
  timer_.Arm(bench_.now + kBackendConnectTimeout);
  WantTurn();
  return absl::OkStatus();
}

void ClientConnection::WantTurn() {
  if (wants_turn_ || state_ == State::kClosed) return;
  wants_turn_ = true;
  owner_.WantsTurn(*this);
}

void ClientConnection::OnIo(IoEvents events) {
  stream_.OnIo(events);
  if (state_ == State::kClosed) return;
  if (!is_connected_) {
    if (events.failed || events.hangup) return Close();
    is_connected_ = events.writable;
  }
  WantTurn();
}

void ClientConnection::RunTurn() {
  wants_turn_ = false;
  if (state_ == State::kClosed || !is_connected_) return;
  Read();
  if (state_ == State::kClosed) return;
  if (!stream_.Flush()) return Close();
  if (!Flush()) return;
  // No edge follows for what Read left.
  if (stream_.is_readable() && !stream_.is_blocked()) WantTurn();
  if (!nghttp2_session_want_read(session_) && !nghttp2_session_want_write(session_)) {
    return Close();
  }
  CheckIdle();
}

void ClientConnection::Read() {
  for (int round = 0; round < kRoundsPerTurn; ++round) {
    // Who does not take what it makes us send is not heard until it does.
    if (nghttp2_session_get_outbound_queue_size(session_) > kFramesQueuedMax) return;
    const IoResult read = stream_.Read(bench_.scratch, kReadBytes);
    if (read.kind == IoResult::Kind::kBlocked) return;
    if (!read.is_bytes()) return Close();
    heard_at_ = bench_.now;
    const ssize_t taken = nghttp2_session_mem_recv(
        session_, reinterpret_cast<const uint8_t*>(bench_.scratch), read.size);
    // What a GOAWAY can tell of, nghttp2 has queued; this is a flood, or no memory.
    if (taken < 0) return Close();
  }
}

// False: it is closed.
bool ClientConnection::Flush() {
  for (int round = 0; round < kRoundsPerTurn; ++round) {
    if (stream_.is_blocked()) {
      out_ = std::string();  // it may stay so for long
      return true;
    }
    out_.clear();
    while (out_.size() < kWriteBytes) {
      const uint8_t* bytes = nullptr;
      const ssize_t size = nghttp2_session_mem_send(session_, &bytes);
      if (size < 0) Close();
      if (state_ == State::kClosed) return false;
      if (size == 0) break;
      out_.append(reinterpret_cast<const char*>(bytes), static_cast<size_t>(size));
    }
    if (out_.empty()) {
      out_ = std::string();
      return true;
    }
    if (!stream_.Write({out_})) Close();
    if (state_ == State::kClosed) return false;
  }
  WantTurn();
  return true;
}

void ClientConnection::Close() {
  if (state_ == State::kClosed) return;
  state_ = State::kClosed;
  timer_.Disarm();
  stream_.Close();
  for (ClientStream* const stream : std::exchange(streams_, {})) {
    if (stream->is_sent) nghttp2_session_set_stream_user_data(session_, stream->id, nullptr);
    // What went out may have been acted upon, so it is not sent again.
    if (stream->is_sent || !stream->may_requeue()) {
      Forget(*stream);
    } else {
      stream->Requeue();
      owner_.OnRequeued(*stream);
    }
  }
  owner_.OnClosed(*this);
}

void ClientConnection::Leave() {
  if (state_ == State::kReady) state_ = State::kLeaving;
  WantTurn();
}

void ClientConnection::CheckIdle() {
  if (state_ == State::kConnecting) return;
  if (!streams_.empty()) {
    is_idle_ = false;
    return timer_.Disarm();
  }
  if (std::exchange(is_idle_, true) && state_ == State::kReady) return;
  if (state_ == State::kReady) return timer_.Arm(bench_.now + kBackendIdleTimeout);
  if (std::exchange(says_goaway_, true)) return;
  nghttp2_session_terminate_session(session_, NGHTTP2_NO_ERROR);
  timer_.Arm(bench_.now + kLingerTimeout);
  WantTurn();
}

void ClientConnection::OnTimer(Instant) {
  if (state_ == State::kConnecting || says_goaway_) return Close();
  if (streams_.empty()) Leave();
}

void ClientConnection::OnSettings() {
  if (state_ != State::kConnecting) return;
  state_ = State::kReady;
  was_ready_ = true;
  timer_.Disarm();
}

// ---- streams ----

bool ClientConnection::has_room() const {
  const size_t allowed =
      nghttp2_session_get_remote_settings(session_, NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS);
  return is_ready() && streams_.size() < std::min(kBackendStreamsMax, allowed) &&
         nghttp2_session_check_request_allowed(session_) != 0;
}

void ClientConnection::Attach(ClientStream& stream) {
  SPAWNER_CHECK(is_ready());
  streams_.push_back(&stream);
  stream.Attach(*this);
  WantTurn();
}

void ClientConnection::Submit(ClientStream& stream) {
  const std::vector<nghttp2_nv> fields = NameValues(stream.head());
  const nghttp2_data_provider data = RequestData();
  const int32_t id = nghttp2_submit_request(session_, nullptr, fields.data(), fields.size(),
                                            stream.has_data() ? &data : nullptr, &stream);
  if (id < 0) {
    // No id is left: this connection has served a billion requests.
    Leave();
    return OnStreamOver(stream, NGHTTP2_REFUSED_STREAM);
  }
  stream.id = id;
  stream.submitted_at = bench_.now;
  WantTurn();
}

void ClientConnection::SendData(ClientStream& stream) {
  if (stream.is_deferred) {
    stream.is_deferred = false;
    nghttp2_session_resume_data(session_, stream.id);
  }
  WantTurn();
}

void ClientConnection::Consume(ClientStream& stream, size_t body_bytes) {
  nghttp2_session_consume(session_, stream.id, body_bytes);
  WantTurn();
}

void ClientConnection::Cancel(ClientStream& stream, uint32_t code) {
  if (!stream.is_submitted()) {
    std::erase(streams_, &stream);
    Forget(stream);
    return WantTurn();
  }
  const bool is_silent = std::max(heard_at_, stream.submitted_at) + kBackendSilence <= bench_.now;
  if (is_silent) Leave();
  nghttp2_submit_rst_stream(session_, NGHTTP2_FLAG_NONE, stream.id, code);
  WantTurn();
}

void ClientConnection::OnStreamOver(ClientStream& stream, uint32_t code) {
  std::erase(streams_, &stream);
  nghttp2_session_consume_connection(session_, stream.unread_bytes());
  const bool is_unseen = !stream.is_sent || code == NGHTTP2_REFUSED_STREAM;
  if (code == NGHTTP2_REFUSED_STREAM) stream.OnReset(code);  // a GOAWAY says so as well
  WantTurn();
  if (!is_unseen || !stream.may_requeue()) return Forget(stream);
  stream.Requeue();
  owner_.OnRequeued(stream);
}

void ClientConnection::Forget(ClientStream& stream) {
  const Socket socket = stream.socket;
  stream.Detach();
  bench_.streams.Release(socket);
}

}  // namespace spawner::proxy::h2
