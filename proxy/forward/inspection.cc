#include "proxy/forward/inspection.h"

#include "absl/strings/string_view.h"
#include "proxy/forward/downstream.h"
#include "proxy/forward/exchange.h"
#include "proxy/forward/limits.h"
#include "proxy/forward/session.h"
#include "proxy/forward/sessions.h"
#include "proxy/forward/tunnel.h"

namespace spawner::proxy {
namespace {

const char* NameOf(ExchangePhase phase) {
  switch (phase) {
    case ExchangePhase::kNone:
      return "none";
    case ExchangePhase::kPending:
      return "held";
    case ExchangePhase::kConnecting:
      return "connecting";
    case ExchangePhase::kRefused:
      return "refused";
    case ExchangePhase::kAwaiting:
      return "awaiting";
    case ExchangePhase::kRelaying:
      return "relaying";
    case ExchangePhase::kFlushing:
      return "flushing";
  }
  return "none";
}

}  // namespace

ConnectionView Exchange::View() const {
  return {.kind = "request",
          .phase = is_waiting_ ? "behind_gate" : NameOf(phase_),
          .client = client_.peer().ip,
          .age = bench_.now - seen_.started_at(),
          .to_client_bytes = client_.stream().kept(),
          .to_backend_bytes = upstream_ == nullptr ? 0 : upstream_->stream().kept()};
}

ConnectionView Tunnel::View() const {
  return {.kind = is_websocket_ ? "websocket" : "tunnel",
          .phase = close_code_ != 0 ? "closing"
                   : is_half_open() ? "half_open"
                                    : "open",
          .age = bench_.now - started_at_,
          .to_client_bytes = client_.kept(),
          .to_backend_bytes = backend_.kept()};
}

void Session::Inspect(Inspection* inspection) const {
  const auto add = [this, inspection](ConnectionView view) {
    inspection->has_more = inspection->connections.size() >= kInspectedMax;
    if (inspection->has_more) return false;
    view.session = route().session_id;
    view.epoch = route().epoch;
    inspection->connections.push_back(std::move(view));
    return true;
  };
  for (const Exchange* exchange : pending_) {
    if (!add(exchange->View())) return;
  }
  for (const Exchange* exchange : active_) {
    if (!add(exchange->View())) return;
  }
  for (const Tunnel* tunnel : tunnels_) {
    if (!add(tunnel->View())) return;
  }
}

void Sessions::Inspect(absl::string_view only, Inspection* inspection) {
  inspection->routes = table_.routed();
  if (!only.empty()) {
    const RouteEntry* entry = table_.Find(only);
    if (entry == nullptr || entry->owner == nullptr) return;
    return static_cast<const Session*>(entry->owner)->Inspect(inspection);
  }
  size_t seen = 0;
  for (const std::unique_ptr<Session>& session : sessions_) {
    if (inspection->has_more) return;
    if (++seen > kInspectedSessionsMax) {
      inspection->has_more = true;
      return;
    }
    session->Inspect(inspection);
  }
}

}  // namespace spawner::proxy
