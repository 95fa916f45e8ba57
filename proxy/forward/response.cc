// The half of Exchange that deals with the backend's response.
#include <array>
#include <memory>
#include <string>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "proxy/forward/answers.h"
#include "proxy/forward/downstream.h"
#include "proxy/forward/exchange.h"
#include "proxy/forward/limits.h"
#include "proxy/forward/tunnels.h"

namespace spawner::proxy {
namespace {

// RFC 9110 7.8: only to a protocol that the request named. `head` is the request's as we sent it.
bool AsksFor(absl::string_view head, absl::string_view protocol) {
  const std::string line = absl::StrCat("\r\nupgrade: ", absl::AsciiStrToLower(protocol), "\r\n");
  return !protocol.empty() && absl::StrContains(absl::AsciiStrToLower(head), line);
}

}  // namespace

void Exchange::OnUpstreamIo() {
  if (phase_ == Phase::kConnecting) {
    SendHead();
  } else {
    const size_t kept = upstream_->stream().kept();
    // If it broke, its answer may be there all the same.
    is_upstream_broken_ |= !upstream_->stream().Flush();
    has_moved_ |= upstream_->stream().kept() < kept;
  }
  if (phase_ == Phase::kAwaiting || phase_ == Phase::kRelaying) PumpResponse();
  const bool had_body = !request_body_.is_done();
  PumpRequest();
  if (!is_running()) return;
  WatchBody();
  if (had_body) CheckClientEnd(false);
}

// RFC 9112 9.2 knows no response without a request: one that came before it, such as the 408 of a
// backend that closes an idle connection, would answer another request than it was meant for.
void Exchange::OnUnasked() {
  const IoResult read = upstream_->stream().Read(bench_.scratch.get(), kScratchBytes);
  // The edge of the last response's end, which was read together with its beginning.
  if (read.kind == IoResult::Kind::kBlocked) return;
  if (read.is_bytes()) bench_.counters.Error(UpstreamError::kUnasked);
  bench_.counters.retried.Add();
  DropUpstream();
  Connect();
}

// What is long and only to be passed on is not read: `is_moved`. Else it is in the scratch buffer.
IoResult Exchange::ReadOrMove(Stream& from, Stream& to, BodyScanner& body, bool* is_moved) {
  *is_moved = false;
  if (body.payload_ahead() >= kSpliceBytesMin) {
    const size_t size = std::min<uint64_t>(body.payload_ahead(), kSpliceBytesMax);
    if (const std::optional<IoResult> moved = from.MoveTo(to, size)) {
      *is_moved = true;
      body.Skip(moved->size);
      if (moved->is_bytes()) {
        has_moved_ = true;
        const bool is_in = &from == &client_.stream();
        seen_.Count(*session_, is_in ? moved->size : 0, is_in ? 0 : moved->size);
        bench_.bytes.Add(moved->size);
      }
      return *moved;
    }
  }
  const IoResult read = from.Read(bench_.scratch.get(), bench_.bytes.ReadSize());
  bench_.bytes.Add(read.size);
  return read;
}

void Exchange::PumpResponse() {
  for (int round = 0; round < kRoundsPerTurn; ++round) {
    if (client_.stream().is_blocked()) return;
    if (!bench_.bytes.MayRead(response_body_.payload_ahead(), round)) break;
    if (!TakeFromBackend()) return;
  }
  client_.RunLater();
}

// False: nothing more to be had now, or the exchange is over.
bool Exchange::TakeFromBackend() {
  bool is_moved = false;
  const IoResult read =
      ReadOrMove(upstream_->stream(), client_.stream(), response_body_, &is_moved);
  if (read.kind == IoResult::Kind::kBlocked) return false;
  if (!read.is_bytes()) {
    OnUpstreamEnd(read.kind == IoResult::Kind::kEnd);
    return false;
  }
  if (!is_moved) {
    TakeResponse({bench_.scratch.get(), read.size});
  } else if (client_.stream().has_failed()) {
    ClientGone();
  } else if (response_body_.is_done()) {
    Complete();
  }
  if (phase_ != Phase::kAwaiting && phase_ != Phase::kRelaying) return false;
  return upstream_->stream().is_readable();
}

void Exchange::TakeResponse(absl::string_view bytes) {
  if (phase_ == Phase::kRelaying) return RelayBody({}, bytes);
  // What came before: a part of the head.
  Buffer held = std::move(upstream_->input());
  upstream_->input() = Buffer();
  if (!held.empty()) {
    held.Append(bytes, &bench_.io.held_bytes());
    bytes = held.view();
  }
  while (phase_ == Phase::kAwaiting && !bytes.empty()) {
    if (!TakeResponseHead(&bytes)) return;
  }
}

// False: the head is not complete, or this was the final one.
bool Exchange::TakeResponseHead(absl::string_view* bytes) {
  HeadScanner& scanner = upstream_->scanner();
  switch (scanner.Scan(*bytes)) {
    case HeadScanner::State::kIncomplete:
      upstream_->input().Append(*bytes, &bench_.io.held_bytes());
      return false;
    case HeadScanner::State::kBareLf:
      FailUpstream(UpstreamError::kMalformed, "its backend ended a header line with LF alone");
      return false;
    case HeadScanner::State::kTooLong:
      FailUpstream(UpstreamError::kMalformed, "its backend sent a header larger than 32 KiB");
      return false;
    case HeadScanner::State::kComplete:
      break;
  }
  const absl::string_view head = bytes->substr(0, scanner.size());
  bytes->remove_prefix(head.size());
  scanner = HeadScanner();
  if (const HeadError error = bench_.response.Parse(head, is_head_); error.is_error()) {
    FailUpstream(UpstreamError::kMalformed,
                 absl::StrCat("its backend sent an invalid response: ", error.why));
    return false;
  }
  if (bench_.response.is_interim()) return AnswerInterim(head);
  if (bench_.response.status == 101) {
    BecomeTunnel(*bytes);
  } else {
    AnswerFinal(*bytes);
  }
  return false;
}

// 100, 103 and their like go to every client that can know them (RFC 9110 15.2).
bool Exchange::AnswerInterim(absl::string_view) {
  if (++interims_ > kInterimResponsesMax) {
    FailUpstream(UpstreamError::kMalformed, "its backend sent interim responses without end");
    return false;
  }
  if (is_http10_) return true;
  bench_.head_out.clear();
  AppendResponseHead(bench_.response, {}, &bench_.head_out);
  if (client_.stream().Write({bench_.head_out})) return true;
  ClientGone();
  return false;
}

void Exchange::AnswerFinal(absl::string_view body) {
  const ResponseHead& response = bench_.response;
  status_ = response.status;
  if (response.fields.Has(FieldName::kSpawnerBusy)) {
    session_->OnBusy(response.fields.Value(FieldName::kSpawnerBusy));
  }
  seen_.OnAnswered();
  phase_ = Phase::kRelaying;
  bench_.ReturnString(std::move(head_));  // nothing is sent again from here on
  head_ = std::string();
  response_body_ = BodyScanner(response.body, &IsRefusedInTrailers);
  keeps_upstream_ = response.is_persistent && !is_upstream_broken_;
  decodes_ = is_http10_ && response.body.kind == BodyKind::kChunked;
  // A body of unknown end, for a client that can't know it otherwise.
  if (decodes_ || response.body.kind == BodyKind::kUntilClose) keeps_client_ = false;
  if (!request_body_.is_done() || bench_.is_draining) keeps_client_ = false;
  ResponseRewrite rewrite = {.drop_framing = decodes_,
                             .drop_cors = extras_ != nullptr && extras_->owns_cors,
                             .add = AddedToResponse()};
  if (!keeps_client_) {
    rewrite.connection = ResponseRewrite::Connection::kClose;
  } else if (is_http10_) {
    rewrite.connection = ResponseRewrite::Connection::kKeepAlive;
  }
  std::array<AddedField, 2> more;
  size_t count = 0;
  const absl::string_view hsts = bench_.options.hsts;
  if (is_secure_ && !hsts.empty() && !response.fields.Has(FieldName::kStrictTransportSecurity)) {
    more[count++] = {kHsts, hsts};
  }
  std::string timing;
  if (seen_.tells_timing()) {
    timing = seen_.Timing();
    more[count++] = {"Server-Timing", timing};
  }
  if (count > 0) rewrite.add = AddedToResponse(absl::MakeConstSpan(more.data(), count));
  bench_.head_out.clear();
  AppendResponseHead(response, rewrite, &bench_.head_out);
  RelayBody(bench_.head_out, body);
}

void Exchange::RelayBody(absl::string_view head, absl::string_view bytes) {
  bench_.payload.clear();
  const BodyScanner::Result body = response_body_.Scan(bytes, decodes_ ? &bench_.payload : nullptr);
  if (!body.is_valid) {
    bench_.counters.Error(UpstreamError::kMalformed);
    return AbortClient();
  }
  if (body.taken < bytes.size()) keeps_upstream_ = false;  // it says more than its response
  const absl::string_view out = decodes_ ? bench_.payload : bytes.substr(0, body.taken);
  const bool is_last = response_body_.is_done() && !keeps_client_;
  const bool is_alive =
      is_last ? client_.stream().WriteLast({head, out}) : client_.stream().Write({head, out});
  if (!is_alive) return ClientGone();
  if (body.taken > 0) seen_.Count(*session_, 0, body.taken);
  has_moved_ |= !bytes.empty();
  if (response_body_.is_done()) Complete();
}

// The backend has closed (`is_clean`) or its connection died.
void Exchange::OnUpstreamEnd(bool is_clean) {
  const uint32_t code = upstream_->stream().failure_code();
  if (phase_ == Phase::kRelaying) {
    if (is_clean) response_body_.OnEnd();
    if (response_body_.is_done()) return Complete();
    bench_.counters.Error(UpstreamError::kTruncated);
    return AbortClient(code);
  }
  if (IsReplayable()) {
    bench_.counters.retried.Add();
    DropUpstream();
    return Connect();
  }
  if (code != 0 && is_stream_ && &client_.stream().io() != &bench_.io) {
    // A gRPC client makes a status of a stream's reset code, and would make another one of a 502.
    bench_.counters.Error(UpstreamError::kReset);
    status_ = 502;  // what it is counted as
    return AbortClient(code);
  }
  FailUpstream(UpstreamError::kReset, "its backend closed the connection without a response");
}

// A reused connection that died before the first byte: the backend had closed it when the request
// was on its way, so it has not seen it; and if it has, it may see it twice (RFC 9112 9.3.1).
bool Exchange::IsReplayable() const {
  return upstream_->is_reused() && is_idempotent_ && !has_body_ && interims_ == 0 &&
         upstream_->input().empty();
}

// The two connections give their sockets to a tunnel and are gone.
void Exchange::BecomeTunnel(absl::string_view early) {
  const absl::string_view protocol = bench_.response.fields.Value(FieldName::kUpgrade);
  const bool is_asked = is_websocket_ ? absl::EqualsIgnoreCase(protocol, "websocket")
                                      : is_upgrade_ && AsksFor(head_, protocol);
  if (!is_asked) {
    return FailUpstream(UpstreamError::kMalformed, "its backend switched protocols unasked");
  }
  const AddedField selected = {"Sec-WebSocket-Protocol", "spawner"};
  ResponseRewrite rewrite = {.connection = ResponseRewrite::Connection::kUpgrade};
  rewrite.add = AddedToResponse();
  if (selects_spawner_ && !bench_.response.fields.Has(FieldName::kSecWebSocketProtocol)) {
    rewrite.add = AddedToResponse(absl::MakeConstSpan(&selected, 1));
  }
  bench_.head_out.clear();
  AppendResponseHead(bench_.response, rewrite, &bench_.head_out);
  const absl::string_view ahead = client_.unread();
  seen_.Count(*session_, ahead.size(), early.size());
  const bool is_alive =
      client_.stream().Write({bench_.head_out, early}) && upstream_->stream().Write({ahead});
  client_.Take(ahead.size());
  auto owned = std::make_unique<Tunnel>(
      bench_,
      Tunnel::Origin{.session = *session_,
                     .started_at = seen_.started_at(),
                     .is_websocket = is_websocket_,
                     .is_capped = std::exchange(capped_in_, nullptr) != nullptr,
                     .is_logged = seen_.is_logged(),
                     .is_ignored = is_ignored(),
                     .grant = grant_,
                     .client = seen_.client().empty() ? client_.peer().ip : seen_.client(),
                     .user = seen_.user()},
      client_.TakeAddress(), client_.stream(), upstream_->stream());
  Tunnel& tunnel = *owned;
  seen_.GoOnAs(tunnel);
  bench_.tunnels->Add(std::move(owned));
  session_->Continue(*this, tunnel);
  session_ = nullptr;
  extras_.reset();
  phase_ = Phase::kNone;
  bench_.Bury(std::move(upstream_));
  bench_.ReturnString(std::move(head_));
  head_ = std::string();
  client_.OnSocketGone();
  tunnel.Begin(early, is_alive);
}

}  // namespace spawner::proxy
