#include "proxy/forward/exchange.h"

#include <algorithm>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "base/check.h"
#include "proxy/forward/answers.h"
#include "proxy/forward/downstream.h"
#include "proxy/forward/limits.h"
#include "proxy/forward/progress_page.h"
#include "proxy/forward/request_out.h"

namespace spawner::proxy {

Exchange::~Exchange() { SPAWNER_CHECK(phase_ == Phase::kNone); }

void Exchange::Begin(absl::string_view head) {
  const RequestHead& request = bench_.request;
  seen_.Begin();
  status_ = 0;
  interims_ = 0;
  is_head_ = request.is_head();
  is_http10_ = request.minor_version == 0;
  has_body_ = request.body.has_body();
  is_idempotent_ = request.is_idempotent();
  is_upgrade_ = !request.upgrade.empty();
  is_secure_ = IsSecure(request, client_.peer());
  is_websocket_ = absl::EqualsIgnoreCase(request.upgrade, "websocket");
  selects_spawner_ = false;
  shows_page_ = is_report_due_ = false;
  asks_progress_ = request.fields.Has(FieldName::kSpawnerProgress) && request.method == "GET" &&
                   !has_body_ && !is_upgrade_;
  as_html_ = PrefersHtml(request.fields.Value(FieldName::kAccept));
  keeps_client_ = request.is_persistent;
  is_last_ = !request.is_persistent;
  is_half_closed_ = client_.stream().is_hung_up();
  is_stream_ =
      absl::StartsWithIgnoreCase(request.fields.Value(FieldName::kContentType), "application/grpc");
  has_moved_ = is_timed_ = false;
  is_upstream_broken_ = keeps_upstream_ = decodes_ = false;
  connect_until_ = Instant::Infinite();
  retry_after_ = kConnectRetryMin;
  request_body_ = BodyScanner(request.body, &IsRefusedTrailer);
  response_body_ = BodyScanner();
  if (bench_.access_log != nullptr) {
    seen_.BeginRecord(client_.peer(), client_.stream(), is_secure_);
  }
  if (bench_.is_out_of_memory()) {
    bench_.counters.refused_requests.Add();
    keeps_client_ = false;
    return Fail(OutOfMemory());
  }
  if (bench_.options.redirects_to_https && !is_secure_) return SendToHttps();
  Admit(head);
}

void Exchange::SendToHttps() {
  const absl::string_view name = HostName(bench_.request.host);
  // A client of WebSockets does not follow redirects.
  if (name.empty() || is_upgrade_) return Fail(HttpsRequired());
  const uint16_t port = bench_.options.https_port;
  bench_.target = absl::StrCat("https://", name);
  if (port != 443) absl::StrAppend(&bench_.target, ":", port);
  absl::StrAppend(&bench_.target, bench_.request.path);
  Fail(MovedToHttps(bench_.target));
}

// May it go to a backend now? Else it waits, or is answered.
void Exchange::Admit(absl::string_view head) {
  const Sessions::Place place = bench_.sessions->Find(bench_.request);
  switch (place.kind) {
    case Sessions::Place::Kind::kNoSession:
      return Fail(NoSessionInUrl());
    case Sessions::Place::Kind::kUnknown:
      return Fail(SessionUnknown());
    case Sessions::Place::Kind::kUnreachable:
      return Fail(ControllerUnreachable());
    case Sessions::Place::Kind::kSession:
      break;
  }
  Session& session = *place.session;
  seen_.OnSession(session);
  SPAWNER_CHECK(session_ == nullptr || session_ == &session);
  if (!session.is_routed()) {
    if (session_ == nullptr) session_ = &session;
    return Wait(head);
  }
  if (!IsAllowed(place)) {
    if (bench_.decision.action != AuthAction::kUseToken) return;
    if (session.route().state != RouteState::kEnded) return AwaitUse(session, head);
  }
  if (!HasRoom(session)) return RefuseOverCap();
  session_ = &session;
  switch (session.route().state) {
    case RouteState::kEnded:
      // With the link down its key may run anew, and nobody would have told us.
      if (!bench_.sessions->is_current()) return Fail(ControllerUnreachable());
      return Fail(SessionEnded(session.route()));
    case RouteState::kHold:
    case RouteState::kGated:
      return Wait(head);
    case RouteState::kOpen:
      if (asks_progress_) return Fail(ProgressDone());
      return Send(place);
  }
}

void Exchange::Send(const Sessions::Place& place) {
  // A route that came meanwhile lets it in without the leader's word: nobody waits for that now.
  if (IsAskingForUse()) ForgetUse();
  session_->Start(*this);
  client_.SetDeadline(is_half_closed_ ? bench_.now + kHalfClosedTimeout : Instant::Infinite());
  if (head_.empty()) head_ = bench_.TakeString();
  head_.clear();
  seen_.OnSend();
  AppendRequestForBackend(bench_, place, {&client_.peer(), is_secure_}, &head_);
  connect_until_ = std::max(bench_.now, session_->opened_at() + kConnectPatience);
  // Streams are not kept: their connections are, elsewhere.
  if (session_->route().protocol == BackendProtocol::kH2c) return Connect();
  Dispatch();
}

// An idle connection to the backend, or a new one.
void Exchange::Dispatch() {
  // What could not be sent again goes only to a connection that is known to be alive. Of others the
  // events are told: an answer that was there before its request is none (OnUnasked).
  const bool is_repeatable = is_idempotent_ && !has_body_;
  for (size_t i = 0; i < kIdleUpstreamsPerSession; ++i) {
    upstream_ = session_->TakeIdle();
    if (upstream_ == nullptr) break;
    if (is_repeatable && !upstream_->has_just_rested()) {
      upstream_->GiveUnasked(*this);
      return SendHead();
    }
    upstream_->GiveTo(*this);
    if (upstream_->IsStillQuiet()) return SendHead();
    DropUpstream();
  }
  Connect();
}

void Exchange::Connect() {
  const Route& route = session_->route();
  const bool is_h2c = route.protocol == BackendProtocol::kH2c;
  upstream_ =
      std::make_unique<Upstream>(bench_, *session_, is_h2c ? *bench_.h2_backends : bench_.io);
  upstream_->GiveTo(*this);
  phase_ = Phase::kConnecting;
  is_timed_ = false;
  const absl::Status status = upstream_->Connect({route.ip, route.port});
  if (absl::IsResourceExhausted(status)) {
    bench_.counters.Error(UpstreamError::kConnect);
    return Fail(is_h2c ? TooManyWaiting() : OutOfDescriptors());
  }
  if (!status.ok()) return OnConnectFailed();
  if (upstream_->is_connected()) return SendHead();
  client_.SetDeadline(bench_.now + bench_.options.limits.connect_timeout);
}

void Exchange::OnConnectFailed() {
  DropUpstream();
  if (bench_.now + retry_after_ > connect_until_) {
    return FailUpstream(UpstreamError::kConnect,
                        session_->route().protocol == BackendProtocol::kH2c
                            ? "its backend refused the connection, or does not speak HTTP/2 there"
                            : "its backend refused the connection");
  }
  // Ready, but its listener is not there yet: readiness probes see less than users.
  phase_ = Phase::kRefused;
  client_.SetDeadline(bench_.now + retry_after_);
  retry_after_ = std::min(2 * retry_after_, kConnectRetryMax);
}

void Exchange::OnDeadline() {
  switch (phase_) {
    case Phase::kPending:
      return OnHeldLongEnough();
    case Phase::kRefused:
      return Connect();
    case Phase::kConnecting:
      bench_.counters.Error(UpstreamError::kConnectTimeout);
      return Fail(BackendSilent(bench_.options.limits.connect_timeout));
    case Phase::kNone:
      return;
    case Phase::kAwaiting:
    case Phase::kRelaying:
    case Phase::kFlushing:
      if (!is_half_closed_) return OnBodyIdle();
      return ClientGone();  // kHalfClosedTimeout: it had left after all
  }
}

// Head and the part of the body that is there, in one write.
void Exchange::SendHead() {
  phase_ = Phase::kAwaiting;
  client_.SetDeadline(is_half_closed_ ? bench_.now + kHalfClosedTimeout : Instant::Infinite());
  const absl::string_view unread = client_.unread();
  const BodyScanner::Result body = request_body_.Scan(unread);
  if (!body.is_valid) return Fail(MalformedBody());
  if (!upstream_->stream().Write({head_, unread.substr(0, body.taken)})) is_upstream_broken_ = true;
  client_.Take(body.taken);
  if (body.taken > 0) seen_.Count(*session_, body.taken, 0);
  is_timed_ = false;
  WatchBody();
  // Not at once: client.unread() may be in the scratch buffer, which reading would overwrite.
  if (is_upstream_broken_ || !request_body_.is_done()) client_.RunLater();
}

void Exchange::PumpRequest() {
  for (int round = 0; round < kRoundsPerTurn; ++round) {
    if (phase_ != Phase::kAwaiting && phase_ != Phase::kRelaying) return;
    if (request_body_.is_done() || is_upstream_broken_) return;
    if (upstream_->stream().is_blocked()) return;
    if (!bench_.bytes.MayRead(request_body_.payload_ahead(), round)) break;
    if (!TakeRequestBody()) return;
  }
  client_.RunLater();
}

// False: nothing more to be had now, or the exchange is over.
bool Exchange::TakeRequestBody() {
  absl::string_view bytes = client_.unread();
  const bool is_read_now = bytes.empty();
  if (is_read_now) {
    bool is_moved = false;
    const IoResult read =
        ReadOrMove(client_.stream(), upstream_->stream(), request_body_, &is_moved);
    if (read.kind == IoResult::Kind::kBlocked) return false;
    if (!read.is_bytes()) {
      ClientGone();  // within its request
      return false;
    }
    if (is_moved) return OnRequestWritten(!upstream_->stream().has_failed());
    bytes = {bench_.scratch.get(), read.size};
  }
  const BodyScanner::Result body = request_body_.Scan(bytes);
  if (!body.is_valid) {
    Fail(MalformedBody());
    return false;
  }
  seen_.Count(*session_, body.taken, 0);
  has_moved_ = true;
  const bool is_written = upstream_->stream().Write({bytes.substr(0, body.taken)});
  if (is_read_now) {
    client_.KeepAhead(bytes.substr(body.taken));
  } else {
    client_.Take(body.taken);
  }
  return OnRequestWritten(is_written);
}

// False: the backend takes no more of the body; its answer may be there all the same.
bool Exchange::OnRequestWritten(bool is_alive) {
  if (is_alive) return true;
  is_upstream_broken_ = true;
  PumpResponse();
  return false;
}

void Exchange::OnClientIo() {
  const size_t kept = client_.stream().kept();
  if (client_.stream().has_failed() || !client_.stream().Flush()) return ClientGone();
  has_moved_ |= client_.stream().kept() < kept;
  if (phase_ == Phase::kFlushing) {
    if (!client_.stream().is_blocked()) return Finish(status_);
    WatchBody();
    return CheckClientEnd(true);
  }
  const bool was_sent = request_body_.is_done();
  if (phase_ == Phase::kAwaiting || phase_ == Phase::kRelaying) {
    PumpRequest();
    if (phase_ == Phase::kAwaiting || phase_ == Phase::kRelaying) PumpResponse();
  }
  if (!is_running()) return;
  WatchBody();
  CheckClientEnd(was_sent);
}

// A FIN after the request: nearly always a client that left, so that its session does not count as
// used; but one that came with the request's last byte may mean "answer, then close".
void Exchange::CheckClientEnd(bool was_sent) {
  if (!client_.stream().is_hung_up() || is_half_closed_) return;
  const bool takes_body = phase_ == Phase::kAwaiting || phase_ == Phase::kRelaying;
  if (!request_body_.is_done() && takes_body) return;  // PumpRequest will read its end
  const bool is_late = was_sent && bench_.now > seen_.started_at() + kFinWithRequest;
  if (is_late || !request_body_.is_done()) return ClientGone();
  is_half_closed_ = true;
  if (takes_body || phase_ == Phase::kFlushing) {
    client_.SetDeadline(bench_.now + kHalfClosedTimeout);
  }
}

void Exchange::OnMore() {
  PumpRequest();
  if (phase_ == Phase::kAwaiting || phase_ == Phase::kRelaying) PumpResponse();
  if (is_running()) WatchBody();
}

void Exchange::OnSessionOver() {
  if (phase_ == Phase::kFlushing) return;  // the backend has no part in it any more
  if (status_ != 0) return AbortClient();
  if (!session_->is_routed()) return Fail(SessionUnknown());
  const bool has_ended = session_->route().state == RouteState::kEnded;
  Fail(has_ended ? SessionEnded(session_->route()) : SessionRestarted());
}

void Exchange::OnDrainDeadline() {
  if (status_ != 0) return AbortClient();
  Fail(Leaving());
}

void Exchange::CutOff() {
  if (is_running()) ClientGone();
}

void Exchange::Complete() {
  const bool is_request_done = request_body_.is_done();
  if (keeps_upstream_ && is_request_done && !upstream_->stream().is_blocked()) {
    session_->PutIdle(std::move(upstream_));
  } else {
    DropUpstream();
  }
  keeps_client_ = keeps_client_ && is_request_done;
  if (!client_.stream().is_blocked()) return Finish(status_);
  phase_ = Phase::kFlushing;
}

// An answer of our own instead of the backend's; an abort if the backend's has begun.
void Exchange::Fail(Answer answer) {
  if (status_ != 0) return AbortClient();
  DropUpstream();
  // What is left of the body would have to be read first to use the connection again.
  keeps_client_ = keeps_client_ && request_body_.is_done() && !bench_.is_draining;
  const AnswerForm form = {
      .as_html = as_html_, .without_body = is_head_, .keeps_connection = keeps_client_};
  if (is_secure_ && !bench_.options.hsts.empty()) {
    answer.fields.push_back({kHsts, bench_.options.hsts});
  }
  status_ = answer.status;
  seen_.OnOwnAnswer(answer.reason);
  for (const AddedField& field : AddedToResponse()) answer.fields.push_back(field);
  if (!client_.stream().Write({RenderAnswer(answer, form)})) keeps_client_ = false;
  Finish(answer.status);
}

void Exchange::FailUpstream(UpstreamError kind, absl::string_view why) {
  bench_.counters.Error(kind);
  Fail(BackendBroke(why));
}

// The client has got a part of the response: it must not look whole (RFC 9112 8).
void Exchange::AbortClient(uint32_t code) {
  const int status = status_;
  keeps_client_ = false;
  client_.Abort(code);
  Finish(status);
}

void Exchange::ClientGone() {
  keeps_client_ = false;
  const uint32_t code = client_.stream().failure_code();
  const bool is_h2c = upstream_ != nullptr && &upstream_->stream().io() == bench_.h2_backends;
  if (code != 0 && is_h2c) upstream_->stream().Abort(code);
  client_.Abort();
  Finish(status_ != 0 ? status_ : 499);  // as nginx counts it
}

void Exchange::DropUpstream() {
  if (upstream_ == nullptr) return;
  upstream_->stream().Close();
  bench_.Bury(std::move(upstream_));
}

void Exchange::Finish(int status) {
  DropUpstream();
  ForgetUse();
  bench_.counters.Finish(status, bench_.now - seen_.started_at());
  seen_.End(status);
  if (session_ != nullptr && phase_ != Phase::kNone) session_->Leave(*this);
  session_ = nullptr;
  if (capped_in_ != nullptr) bench_.caps->Close(capped_in_->route().session_id);
  capped_in_ = nullptr;
  grant_ = {};
  extras_.reset();
  phase_ = Phase::kNone;
  is_waiting_ = false;
  bench_.ReturnString(std::move(head_));
  head_ = std::string();
  client_.OnExchangeDone(keeps_client_, is_last_ && request_body_.is_done());
}

}  // namespace spawner::proxy
