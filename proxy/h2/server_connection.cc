#include "proxy/h2/server_connection.h"

#include <algorithm>
#include <iterator>
#include <memory>
#include <string>
#include <utility>

#include "base/check.h"
#include "proxy/h2/request_text.h"
#include "proxy/h2/session_callbacks.h"

namespace spawner::proxy::h2 {

ServerConnection::ServerConnection(Bench bench, Owner& owner, Stream&& stream)
    : bench_(bench),
      owner_(owner),
      stream_(std::move(stream), *this),
      timer_(bench.timers, *this),
      session_(NewServerSession(*this)),
      held_(&bench.streams.held_bytes(), sizeof(*this) + kSessionStateBytes) {}

ServerConnection::ServerConnection(Bench bench, Owner& owner, Io& io)
    : bench_(bench),
      owner_(owner),
      stream_(io),
      timer_(bench.timers, *this),
      session_(NewServerSession(*this)),
      held_(&bench.streams.held_bytes(), sizeof(*this) + kSessionStateBytes) {}

bool ServerConnection::Accept(Socket socket) {
  if (!stream_.io().Register(socket, *this)) return false;
  stream_.Adopt(socket);
  return true;
}

ServerConnection::~ServerConnection() {
  for (ServerStream* const stream : std::exchange(streams_, {})) {
    Forget(*stream);
  }
  nghttp2_session_del(session_);
}

void ServerConnection::Start(absl::string_view bytes) {
  const nghttp2_settings_entry settings[] = {
      {NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, kStreamsMax},
      {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, kStreamWindowBytes},
      {NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, kHeadBytesMax},
      {NGHTTP2_SETTINGS_HEADER_TABLE_SIZE, kHpackTableBytes},
      {NGHTTP2_SETTINGS_ENABLE_CONNECT_PROTOCOL, 1}};  // RFC 8441
  SPAWNER_CHECK(
      nghttp2_submit_settings(session_, NGHTTP2_FLAG_NONE, settings, std::size(settings)) == 0);
  SPAWNER_CHECK(nghttp2_session_set_local_window_size(session_, NGHTTP2_FLAG_NONE, 0,
                                                      kConnectionWindowBytes) == 0);
  timer_.Arm(bench_.now + kSettingsTimeout);
  if (Feed(bytes)) WantTurn();
}

void ServerConnection::WantTurn() {
  if (wants_turn_ || is_closed()) return;
  wants_turn_ = true;
  owner_.WantsTurn(*this);
}

void ServerConnection::OnIo(IoEvents events) {
  stream_.OnIo(events);
  if (is_closed()) return;
  if (stream_.has_failed()) return Close();
  WantTurn();
}

void ServerConnection::RunTurn() {
  wants_turn_ = false;
  if (is_closed()) return;
  if (!stream_.Flush()) return Close();
  Read();
  if (is_closed() || !Flush()) return;
  // No edge follows for what Read left.
  if (stream_.is_readable() && !stream_.is_blocked()) WantTurn();
  if (state_ == State::kLingering) return;
  if (!nghttp2_session_want_read(session_) && !nghttp2_session_want_write(session_)) {
    return Linger();
  }
  CheckIdle();
}

void ServerConnection::Read() {
  for (int round = 0; round < kRoundsPerTurn; ++round) {
    // Who does not take what it makes us send is not heard until it does.
    if (nghttp2_session_get_outbound_queue_size(session_) > kFramesQueuedMax) return;
    const IoResult read = stream_.Read(bench_.scratch, kReadBytes);
    if (read.kind == IoResult::Kind::kBlocked) return;
    if (!read.is_bytes()) return Close();
    if (!Feed(absl::string_view(bench_.scratch, read.size))) return;
  }
}

bool ServerConnection::Feed(absl::string_view bytes) {
  if (state_ == State::kLingering) return true;
  const ssize_t taken = nghttp2_session_mem_recv(
      session_, reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size());
  // What a GOAWAY can tell of, nghttp2 has queued; this is a bad preface, a flood, no memory.
  if (taken < 0) Close();
  held_.Set(sizeof(*this) + kSessionStateBytes + block_bytes_);
  return !is_closed();
}

bool ServerConnection::Flush() {
  for (int round = 0; round < kRoundsPerTurn; ++round) {
    if (stream_.is_blocked()) return true;
    std::string& out = bench_.workspace.out;
    out.clear();
    while (out.size() < kWriteBytes) {
      const uint8_t* bytes = nullptr;
      const ssize_t size = nghttp2_session_mem_send(session_, &bytes);
      if (size < 0) Close();
      if (is_closed()) return false;
      if (size == 0) break;
      out.append(reinterpret_cast<const char*>(bytes), static_cast<size_t>(size));
    }
    if (out.empty()) return true;
    if (!stream_.Write({out})) Close();
    if (is_closed()) return false;
  }
  WantTurn();
  return true;
}

// A close with unread bytes would make the kernel send RST, which can destroy the GOAWAY.
void ServerConnection::Linger() {
  state_ = State::kLingering;
  stream_.FinishWriting();
  timer_.Arm(bench_.now + kLingerTimeout);
}

void ServerConnection::Close() {
  if (is_closed()) return;
  state_ = State::kClosed;
  timer_.Disarm();
  stream_.Close();
  for (ServerStream* const stream : std::exchange(streams_, {})) {
    nghttp2_session_set_stream_user_data(session_, stream->id(), nullptr);
    Forget(*stream);
  }
  owner_.OnClosed(*this);
}

void ServerConnection::CheckIdle() {
  if (state_ != State::kOpen) return;
  if (is_draining_) {
    if (streams_.empty() && !timer_.is_armed()) {
      nghttp2_session_terminate_session(session_, NGHTTP2_NO_ERROR);
      WantTurn();
    }
    return;
  }
  if (!has_settings_) return;
  if (is_in_block()) {
    if (std::exchange(timed_block_, blocks_) == blocks_) return;
    return timer_.Arm(bench_.now + bench_.head_timeout);
  }
  if (std::exchange(timed_block_, 0) != 0) is_idle_ = false;
  if (!streams_.empty()) {
    is_idle_ = false;
    return timer_.Disarm();
  }
  // Once, when the last stream goes: bytes give no new time.
  if (!std::exchange(is_idle_, true)) timer_.Arm(bench_.now + kIdleTimeout);
}

// One whose stream was reset meanwhile holds up nobody.
bool ServerConnection::is_in_block() const {
  return block_id_ != 0 && nghttp2_session_get_stream_user_data(session_, block_id_) != nullptr;
}

void ServerConnection::OnTimer(Instant) {
  if (state_ == State::kLingering) return Close();
  if (is_draining_) {
    // RFC 9113 6.8: what was on its way when the notice went out has come.
    nghttp2_submit_goaway(session_, NGHTTP2_FLAG_NONE,
                          nghttp2_session_get_last_proc_stream_id(session_), NGHTTP2_NO_ERROR,
                          nullptr, 0);
  } else if (timed_block_ == blocks_ && is_in_block()) {
    // Nothing else can come in between (RFC 9113 6.10).
    owner_.OnHeadTimeout();
    EnhanceYourCalm();
  } else if (!streams_.empty()) {
    return;
  } else {
    nghttp2_session_terminate_session(session_,
                                      has_settings_ ? NGHTTP2_NO_ERROR : NGHTTP2_SETTINGS_TIMEOUT);
  }
  WantTurn();
}

void ServerConnection::Drain() {
  if (is_draining_ || state_ != State::kOpen) return;
  is_draining_ = true;
  nghttp2_submit_shutdown_notice(session_);
  timer_.Arm(bench_.now + kGoawayGrace);
  WantTurn();
}

void ServerConnection::EnhanceYourCalm() {
  nghttp2_session_terminate_session(session_, NGHTTP2_ENHANCE_YOUR_CALM);
}

void ServerConnection::CountReset() {
  if (!resets_.Take(bench_.now)) EnhanceYourCalm();
}

void ServerConnection::CountIdleFrame() {
  if (!idle_frames_.Take(bench_.now)) EnhanceYourCalm();
}

// ---- requests ----

void ServerConnection::OnStreamFrame(int32_t id, bool is_headers) {
  if (is_headers && history_.IsNew(id)) return history_.OnOpened(id);
  if (nghttp2_session_get_stream_user_data(session_, id) != nullptr) return;
  if (history_.IsDone(id)) {
    nghttp2_session_terminate_session(session_, NGHTTP2_STREAM_CLOSED);
  } else if (is_headers && history_.IsSkipped(id)) {
    nghttp2_session_terminate_session(session_, NGHTTP2_PROTOCOL_ERROR);
  }
}

void ServerConnection::OnBeginRequest(int32_t id) {
  request_.Reset();
  auto owned = std::make_unique<ServerStream>(*this, id, bench_.streams.held_bytes());
  ServerStream* const stream = owned.get();
  stream->socket = bench_.streams.Add(std::move(owned));
  stream->place = static_cast<uint32_t>(streams_.size());
  streams_.push_back(stream);
  nghttp2_session_set_stream_user_data(session_, id, stream);
}

void ServerConnection::OnRequest(ServerStream& stream, bool ends) {
  const RequestText::Verdict verdict = stream.OnHead(request_, ends);
  if (verdict == RequestText::Verdict::kGood) {
    stream.is_served = true;
    Tell(stream, {.readable = true});
    return owner_.OnStream(*this, stream.socket);
  }
  if (verdict == RequestText::Verdict::kTooLarge) {
    bench_.workspace.block.SetStatus("431");
    SendHead(stream, false);
    if (!ends) Reset(stream, NGHTTP2_NO_ERROR);
    return;
  }
  CountReset();
  Reset(stream, NGHTTP2_PROTOCOL_ERROR);
}

void ServerConnection::OnStreamOver(ServerStream& stream) {
  if (stream.has_ended()) history_.OnClientDone(stream.id());
  streams_[stream.place] = streams_.back();
  streams_[stream.place]->place = stream.place;
  streams_.pop_back();
  nghttp2_session_consume_connection(session_, stream.unread_bytes());
  Forget(stream);
}

void ServerConnection::Forget(ServerStream& stream) {
  const Socket socket = stream.socket;
  const bool is_served = stream.is_served;
  stream.Detach();
  bench_.streams.Release(socket);
  // Nobody else has it.
  if (!is_served) bench_.streams.Close(socket);
}

// ---- for ServerStream ----

void ServerConnection::Consume(ServerStream& stream, size_t body_bytes) {
  nghttp2_session_consume(session_, stream.id(), body_bytes);
  WantTurn();
}

void ServerConnection::SendHead(ServerStream& stream, bool is_interim) {
  const std::vector<nghttp2_nv>& fields = bench_.workspace.Views();
  int error = 0;
  if (is_interim) {
    error = nghttp2_submit_headers(session_, NGHTTP2_FLAG_NONE, stream.id(), nullptr, fields.data(),
                                   fields.size(), nullptr);
  } else {
    const nghttp2_data_provider data = StreamData();
    const bool has_data = stream.is_served && stream.has_data();
    error = nghttp2_submit_response(session_, stream.id(), fields.data(), fields.size(),
                                    has_data ? &data : nullptr);
  }
  if (error != 0) Reset(stream, NGHTTP2_INTERNAL_ERROR);
  WantTurn();
}

void ServerConnection::SendData(ServerStream& stream) {
  if (stream.is_deferred) {
    stream.is_deferred = false;
    nghttp2_session_resume_data(session_, stream.id());
  }
  WantTurn();
}

void ServerConnection::Reset(ServerStream& stream, uint32_t code) {
  nghttp2_submit_rst_stream(session_, NGHTTP2_FLAG_NONE, stream.id(), code);
  WantTurn();
}

void ServerConnection::Tell(ServerStream& stream, IoEvents events) {
  bench_.streams.Tell(stream.socket, events);
}

void ServerConnection::CountOut(int64_t bytes) {
  out_bytes_ += bytes;
  if (!HasRoom()) was_full_ = true;
  if (!was_full_ || out_bytes_ > int64_t{kConnectionOutBytesMax} / 2) return;
  was_full_ = false;
  for (ServerStream* const stream : streams_) stream->OnRoom();
}

}  // namespace spawner::proxy::h2
