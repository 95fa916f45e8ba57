#include "proxy/forward/inspection.h"

#include <algorithm>
#include <cstddef>
#include <string>
#include <utility>
#include <vector>

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
          .client = seen_.client().empty() ? client_.peer().ip : seen_.client(),
          .user = seen_.user(),
          .age = bench_.now - seen_.started_at(),
          .idle_for = bench_.now - seen_.moved_at(),
          .bytes = seen_.bytes(),
          .to_client_bytes = client_.stream().kept(),
          .to_backend_bytes = upstream_ == nullptr ? 0 : upstream_->stream().kept(),
          .is_ignored = is_ignored()};
}

ConnectionView Tunnel::View() const {
  const absl::string_view who = who_.get();
  const size_t client_size = who.find(' ');
  return {.kind = is_websocket_ ? "websocket" : "tunnel",
          .phase = close_code_ != 0 ? "closing"
                   : is_half_open() ? "half_open"
                                    : "open",
          .client = std::string(who.substr(0, client_size)),
          .user = std::string(who.substr(client_size + 1)),
          .age = bench_.now - started_at_,
          .idle_for = bench_.now - moved_at_,
          .bytes = bytes_,
          .to_client_bytes = client_.kept(),
          .to_backend_bytes = backend_.kept(),
          .is_ignored = is_ignored_};
}

// Of tunnels there may be very many: only those that are wanted become views.
void Session::InspectOldest(size_t count, Inspection* inspection) const {
  std::vector<ConnectionView>& found = inspection->connections;
  for (const Exchange* exchange : pending_) found.push_back(exchange->View());
  for (const Exchange* exchange : active_) found.push_back(exchange->View());
  std::vector<const Tunnel*> tunnels(tunnels_.begin(), tunnels_.end());
  const size_t kept = std::min(count, tunnels.size());
  std::partial_sort(
      tunnels.begin(), tunnels.begin() + static_cast<std::ptrdiff_t>(kept), tunnels.end(),
      [](const Tunnel* a, const Tunnel* b) { return a->started_at() < b->started_at(); });
  for (size_t i = 0; i < kept; ++i) found.push_back(tunnels[i]->View());
  std::sort(found.begin(), found.end(), [](const auto& a, const auto& b) { return a.age > b.age; });
  inspection->has_more = found.size() > count || kept < tunnels.size();
  if (found.size() > count) found.resize(count);
  for (ConnectionView& view : found) {
    view.session = route().session_id;
    view.epoch = route().epoch;
  }
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

void Sessions::Inspect(const InspectOrder& order, Inspection* inspection) {
  inspection->routes = table_.routed();
  if (!order.session.empty()) {
    const RouteEntry* entry = table_.Find(order.session);
    if (entry == nullptr || entry->owner == nullptr) return;
    const auto* session = static_cast<const Session*>(entry->owner);
    if (order.oldest > 0) return session->InspectOldest(order.oldest, inspection);
    return session->Inspect(inspection);
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
