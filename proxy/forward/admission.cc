// The part of Exchange that decides who gets in: tokens, origins, caps.
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "absl/time/time.h"
#include "proxy/forward/answers.h"
#include "proxy/forward/client_origin.h"
#include "proxy/forward/downstream.h"
#include "proxy/forward/exchange.h"
#include "proxy/forward/request_out.h"
#include "proxy/forward/tunnel.h"
#include "proxy/forward/workbench.h"
#include "proxy/route/authorizer.h"

namespace spawner::proxy {

// Asks the authorizer and keeps in bench.decision what the backend is to see.
bool Exchange::IsAllowed(const Sessions::Place& place) {
  const bool is_no_use = seen_.Judge(place.session->route(), place.prefix);
  // It waited for its route, counted as open.
  if (is_no_use && phase_ == Phase::kPending) session_->Uncount(*this);
  bench_.decision = AuthDecision();
  if (bench_.authorizer == nullptr) return true;
  const absl::string_view client_ip =
      ClientIp(bench_.request, client_.peer(), bench_.options.trusted_proxies);
  RequestView view = ViewForAuthorizer(
      bench_, {.prefix = place.prefix, .client_ip = client_ip, .is_secure = is_secure_});
  if (use_ != nullptr && use_->ticket == 0) {
    view.asked_grant = use_->grant;
    view.is_first_use = use_->is_first;
  }
  bench_.decision = bench_.authorizer->Check(view, place.session->route(), bench_.now);
  grant_ = bench_.decision.grant;
  extras_.reset();
  if (bench_.decision.owns_cors || !bench_.decision.response_fields.empty()) {
    extras_ = std::make_unique<ResponseExtras>(
        ResponseExtras{std::move(bench_.decision.response_fields), bench_.decision.owns_cors});
  }
  selects_spawner_ = bench_.decision.select_spawner_protocol;
  if (bench_.decision.action == AuthAction::kAllow) {
    seen_.OnAllowed(client_ip);
    return true;
  }
  if (bench_.decision.action == AuthAction::kUseToken) return false;  // AwaitUse
  Fail(NotAllowed(bench_.decision));
  return false;
}

// Once per request, also if it waits and is asked again.
bool Exchange::HasRoom(Session& session) {
  const uint32_t max = session.route().max_connections;
  if (max == 0 || bench_.caps == nullptr || capped_in_ != nullptr) return true;
  if (!bench_.caps->TryOpen(session.route().session_id, max)) return false;
  capped_in_ = &session;
  return true;
}

// Pages can't see why a WebSocket's handshake failed, so it succeeds and is closed with the reason.
void Exchange::RefuseOverCap() {
  if (!is_websocket_) return Fail(OverCap());
  const std::optional<std::string> refusal = WebSocketRefusal(bench_.request, kCloseOverCap);
  if (!refusal.has_value()) return Fail(OverCap());
  keeps_client_ = false;
  client_.stream().Write({*refusal});
  Finish(429);
}

// Ours, and `more`; good until the next call on this worker.
absl::Span<const AddedField> Exchange::AddedToResponse(absl::Span<const AddedField> more) {
  // An end by idleness is told where a request does not put it off.
  const Route* route =
      session_ == nullptr || session_->route().ends_at == 0 ? nullptr : &session_->route();
  if (route != nullptr && route->ends_as_idle && !is_ignored()) route = nullptr;
  if (extras_ == nullptr && route == nullptr) return more;
  bench_.added_fields.assign(more.begin(), more.end());
  if (extras_ != nullptr) {
    for (const auto& [name, value] : extras_->fields) bench_.added_fields.push_back({name, value});
  }
  if (route != nullptr) {
    bench_.ends_at = absl::FormatTime(absl::RFC3339_sec, absl::FromUnixSeconds(route->ends_at),
                                      absl::UTCTimeZone());
    bench_.added_fields.push_back({"Spawner-Ends-At", bench_.ends_at});
    bench_.added_fields.push_back(
        {"Spawner-Reason", route->ends_as_idle ? "IDLE" : "MAX_LIFETIME"});
  }
  return bench_.added_fields;
}

void Exchange::OnRevoked() {
  if (phase_ == Phase::kFlushing) return;
  if (status_ != 0) return AbortClient();
  Fail(AccessWithdrawn());
}

}  // namespace spawner::proxy
