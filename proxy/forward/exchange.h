#ifndef SPAWNER_PROXY_FORWARD_EXCHANGE_H_
#define SPAWNER_PROXY_FORWARD_EXCHANGE_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "base/clock.h"
#include "proxy/forward/exchange_phase.h"
#include "proxy/forward/inspection.h"
#include "proxy/forward/observation.h"
#include "proxy/forward/session.h"
#include "proxy/forward/sessions.h"
#include "proxy/forward/upstream.h"
#include "proxy/forward/workbench.h"
#include "proxy/http/answer.h"
#include "proxy/http/body_scanner.h"
#include "proxy/http/rewrite.h"
#include "proxy/route/revocation.h"
#include "proxy/route/token_use.h"

namespace spawner::proxy {

class Downstream;

// One request and its response, from the parsed head to the last byte handed to the kernel. Every
// exchange ends in exactly one place, Finish, with one status; or goes on as a Tunnel, after a 101.
// Thread: its worker's. Owner: Downstream, which uses one for all its requests, one by one.
class Exchange {
 public:
  Exchange(Workbench& bench, Downstream& client) : bench_(bench), client_(client), seen_(bench) {}
  ~Exchange();

  bool is_running() const { return phase_ != Phase::kNone; }
  // bench.request was parsed from `head`; what follows it is client.unread().
  void Begin(absl::string_view head);

  // ---- events, of the connections and of Session ----
  void OnClientIo();    // bytes, space, an end, or a failure: the stream knows
  void OnUpstreamIo();  // of a connected upstream
  void OnUnasked();     // a reused one had something to say before the request was sent
  void OnConnectFailed();
  void OnDeadline();
  void OnMore();           // a turn's bound was reached: go on
  void CutOff();           // the client's connection is being closed
  void OnDrainDeadline();  // the worker leaves
  void GoOn();             // the route has changed, this waits
  void WaitAnew();         // the time it may wait begins again
  void OnSessionOver();
  void OnUseAnswered(UseVerdict verdict);  // from TokenUses
  const GrantMark& grant() const { return grant_; }
  void OnRevoked();
  ConnectionView View() const;
  bool is_ignored() const { return seen_.is_ignored(); }  // no use: nothing counts it
  bool is_waiting() const { return is_waiting_; }
  void set_waiting(bool is_waiting) { is_waiting_ = is_waiting; }
  size_t place() const { return place_; }  // in its list
  void set_place(size_t place) { place_ = place; }

 private:
  using Phase = ExchangePhase;
  // Request (exchange.cc).
  void Admit(absl::string_view head);
  void SendToHttps();
  void Send(const Sessions::Place& place);
  void Dispatch();
  void Connect();
  void SendHead();
  void PumpRequest();
  bool TakeRequestBody();
  bool OnRequestWritten(bool is_alive);
  void CheckClientEnd(bool was_sent);
  // Holding (holding.cc), and for one-time tokens (token_uses.cc).
  void Wait(absl::string_view head);
  void SetHoldDeadline();
  void OnHeldLongEnough();
  bool TellProgress();
  void AwaitUse(Session& session, absl::string_view head);
  bool IsAskingForUse() const { return use_ != nullptr && use_->ticket != 0; }
  void ForgetUse();
  // Who gets in (admission.cc).
  bool IsAllowed(const Sessions::Place& place);
  bool HasRoom(Session& session);
  void RefuseOverCap();
  absl::Span<const AddedField> AddedToResponse(absl::Span<const AddedField> more = {});
  // Response (response.cc).
  void PumpResponse();
  bool TakeFromBackend();
  void TakeResponse(absl::string_view bytes);
  bool TakeResponseHead(absl::string_view* bytes);
  bool AnswerInterim(absl::string_view head);
  void AnswerFinal(absl::string_view body);
  void RelayBody(absl::string_view head, absl::string_view body);
  void OnUpstreamEnd(bool is_clean);
  bool IsReplayable() const;
  IoResult ReadOrMove(Stream& from, Stream& to, BodyScanner& body, bool* is_moved);
  void BecomeTunnel(absl::string_view early);
  // Bodies that stand still (body_timing.cc), then ends (exchange.cc).
  void WatchBody();
  void OnBodyIdle();
  void Complete();
  void Fail(Answer answer);
  void FailUpstream(UpstreamError kind, absl::string_view why);
  void AbortClient(uint32_t code = 0);
  void ClientGone();
  void DropUpstream();
  void Finish(int status);

  Workbench& bench_;
  Downstream& client_;
  Observation seen_;
  Session* session_ = nullptr;
  Session* capped_in_ = nullptr;  // whose cap it counts for
  GrantMark grant_;
  std::unique_ptr<ResponseExtras> extras_;  // null: nothing
  std::unique_ptr<GrantUse> use_;           // null: no one-time token
  std::unique_ptr<Upstream> upstream_;
  std::string head_;  // pending: as the client sent it; later: as the backend gets it
  BodyScanner request_body_;
  BodyScanner response_body_;
  Instant connect_until_;
  absl::Duration retry_after_;
  size_t place_ = 0;
  int status_ = 0;  // of the response's head, once it is sent
  Phase phase_ = Phase::kNone;
  uint8_t interims_ = 0;
  bool is_waiting_ = false;
  bool is_head_ = false, is_http10_ = false, has_body_ = false, is_idempotent_ = false;
  bool is_upgrade_ = false, is_websocket_ = false;
  bool is_secure_ = false;  // the client speaks https
  bool selects_spawner_ = false, as_html_ = false, is_report_due_ = false;
  bool shows_page_ = false;     // held: a browser that is shown the progress page
  bool asks_progress_ = false;  // it comes from that page
  bool is_last_ = false;        // the client said that it sends nothing behind it
  bool is_stream_ = false;      // its body may stand still
  bool keeps_client_ = false;
  bool is_half_closed_ = false;      // the client finished with its request: let it have the answer
  bool has_moved_ = false;           // bytes of a body, since WatchBody
  bool is_timed_ = false;            // the deadline is of a body
  bool is_upstream_broken_ = false;  // writing to it failed; its answer may still be there
  bool keeps_upstream_ = false;
  bool decodes_ = false;  // chunked, for a client that does not know it
};

}  // namespace spawner::proxy

#endif  // SPAWNER_PROXY_FORWARD_EXCHANGE_H_
