#include "proxy/forward/session.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/string_view.h"
#include "base/check.h"
#include "proxy/forward/exchange.h"
#include "proxy/forward/limits.h"
#include "proxy/forward/sessions.h"
#include "proxy/forward/tunnel.h"
#include "proxy/route/busy.h"
#include "proxy/route/revocation.h"

namespace spawner::proxy {

Session::Session(Workbench& bench, Sessions& sessions, RouteEntry& entry)
    : bench_(bench), sessions_(sessions), entry_(entry), last_active_(bench.now) {
  entry_.owner = this;
  if (is_routed() && route().state == RouteState::kOpen) opened_at_ = bench.now;
}

Session::~Session() {
  SPAWNER_CHECK(pending_.empty() && active_.empty() && tunnels_.empty());
  SPAWNER_CHECK(open_ == 0 && held_ == 0 && waiting_ == 0 && ignored_ == 0);
  entry_.owner = nullptr;
}

bool Session::TryEnter(Exchange& exchange) {
  if (!TakeRoomToWait()) return false;
  pending_.push_back(&exchange);
  bench_.counters.held.Add(1);
  if (exchange.is_ignored()) {
    exchange.set_waiting(false);
    ++ignored_;
    return true;
  }
  if (is_routed() && route().state == RouteState::kGated) {
    exchange.set_waiting(true);
    ++waiting_;
    return true;
  }
  exchange.set_waiting(false);
  ++held_;
  ++open_;
  ++opened_total_;
  MarkDirty(open_ == 1);
  return true;
}

// Counted in the whole process under the session's id, and all together under none.
bool Session::TakeRoomToWait() {
  const HoldOptions& options = bench_.options.hold;
  if (pending_.size() >= options.per_session_max) return false;
  if (bench_.counters.held.value() >= static_cast<int64_t>(options.max)) return false;
  if (bench_.held == nullptr) return true;
  if (!bench_.held->TryOpen(route().session_id, options.per_session_max)) return false;
  if (bench_.held->TryOpen({}, options.max)) return true;
  bench_.held->Close(route().session_id);
  return false;
}

bool Session::StopWaiting(Exchange& exchange) {
  const auto it = std::find(pending_.begin(), pending_.end(), &exchange);
  if (it == pending_.end()) return false;
  pending_.erase(it);
  bench_.counters.held.Add(-1);
  if (bench_.held == nullptr) return true;
  bench_.held->Close(route().session_id);
  bench_.held->Close({});
  return true;
}

// Nobody has been told yet: without a route there are no reports.
void Session::Uncount(Exchange& exchange) {
  if (exchange.is_waiting()) {
    exchange.set_waiting(false);
    --waiting_;
  } else {
    --held_;
    --open_;
    --opened_total_;
  }
  ++ignored_;
}

void Session::Start(Exchange& exchange) {
  const bool has_waited = StopWaiting(exchange);
  exchange.set_place(active_.size());
  active_.push_back(&exchange);
  if (exchange.is_ignored()) {
    if (!has_waited) ++ignored_;
    return;
  }
  if (has_waited) {
    SPAWNER_CHECK(!exchange.is_waiting());  // AdmitWaiting came first
    --held_;
  } else {
    ++open_;
    ++opened_total_;
  }
  last_active_ = bench_.now;
  MarkDirty(open_ == 1);
}

void Session::Leave(Exchange& exchange) {
  if (StopWaiting(exchange)) {
    if (exchange.is_waiting()) {
      --waiting_;
      sessions_.MaybeRelease(*this);
      return;
    }
    if (!exchange.is_ignored()) --held_;
  } else {
    RemoveActive(exchange);
  }
  OneLess(exchange.is_ignored());
}

void Session::RemoveActive(Exchange& exchange) {
  const size_t place = exchange.place();
  SPAWNER_CHECK(place < active_.size() && active_[place] == &exchange);
  active_[place] = active_.back();
  active_[place]->set_place(place);
  active_.pop_back();
}

void Session::Continue(Exchange& exchange, Tunnel& tunnel) {
  RemoveActive(exchange);
  tunnel.session_place = static_cast<uint32_t>(tunnels_.size());
  tunnels_.push_back(&tunnel);
}

void Session::Leave(Tunnel& tunnel) {
  const uint32_t place = tunnel.session_place;
  SPAWNER_CHECK(place < tunnels_.size() && tunnels_[place] == &tunnel);
  tunnels_[place] = tunnels_.back();
  tunnels_[place]->session_place = place;
  tunnels_.pop_back();
  OneLess(tunnel.is_ignored());
}

void Session::OneLess(bool is_ignored) {
  if (is_ignored) {
    --ignored_;
    SPAWNER_CHECK(ignored_ >= 0);
    return sessions_.MaybeRelease(*this);
  }
  --open_;
  SPAWNER_CHECK(open_ >= 0 && held_ >= 0 && waiting_ >= 0);
  last_active_ = bench_.now;
  MarkDirty(open_ == 0);
  sessions_.MaybeRelease(*this);
}

void Session::CountBytes(size_t count) {
  bytes_total_ += count;
  last_active_ = bench_.now;
  MarkDirty(false);
}

void Session::OnBusy(absl::string_view value) {
  if (!bench_.options.has_controller) return;
  std::optional<Busy> busy = ParseBusy(value);
  if (!busy.has_value()) return;
  busy->session_id = route().session_id;
  busy->epoch = route().epoch;
  sessions_.ReportBusy(*std::move(busy));
}

std::unique_ptr<Upstream> Session::TakeIdle() {
  if (idle_.empty()) return nullptr;
  std::unique_ptr<Upstream> upstream = std::move(idle_.back());
  idle_.pop_back();
  return upstream;
}

void Session::PutIdle(std::unique_ptr<Upstream> upstream) {
  const bool is_wanted = is_routed() && route().state != RouteState::kEnded &&
                         idle_.size() < kIdleUpstreamsPerSession && !bench_.is_draining;
  if (!is_wanted || !upstream->HasNothingToSay()) {
    upstream->stream().Close();
    bench_.Bury(std::move(upstream));
    return;
  }
  upstream->Rest(bench_.now);
  if (!is_swept_) sessions_.HasIdle(*this);
  is_swept_ = true;
  idle_.push_back(std::move(upstream));
}

void Session::Drop(Upstream& upstream) {
  for (std::unique_ptr<Upstream>& idle : idle_) {
    if (idle.get() != &upstream) continue;
    idle->stream().Close();
    bench_.Bury(std::move(idle));
    idle_.erase(idle_.begin() + (&idle - idle_.data()));
    sessions_.MaybeRelease(*this);
    return;
  }
}

void Session::DropIdleBefore(Instant idle_since) {
  // The one used last is at the end, so the oldest come first.
  while (!idle_.empty() && idle_.front()->idle_since() < idle_since) Drop(*idle_.front());
}

void Session::OnRoute(const RouteEvent& event) {
  if (event.kind == RouteEvent::Kind::kRefused) return;
  const bool is_new_incarnation =
      event.was_routed && is_routed() && event.was_epoch != route().epoch;
  const bool is_over = !is_routed() || route().state == RouteState::kEnded;
  if (is_over || is_new_incarnation) {
    DropIdleBefore(Instant::Infinite());
    EndActive(/*is_fenced=*/is_new_incarnation);
  }
  if (is_new_incarnation || (event.was_routed && !is_routed())) {
    // What waited counts for the new incarnation from now on: the old one has nothing open.
    sessions_.ReportLast({.session_id = route().session_id,
                          .epoch = event.was_epoch,
                          .opened_total = opened_total_,
                          .bytes_total = bytes_total_,
                          .last_active = last_active_});
    opened_total_ = static_cast<uint64_t>(open_);
    bytes_total_ = 0;
  }
  EndRevoked();
  MarkDirty(true);
  if (!is_routed()) {
    GoOnPending();
    sessions_.MaybeRelease(*this);
    return;
  }
  switch (route().state) {
    case RouteState::kGated:
      // What came before it stays open; what came before any route did not come before the gate.
      if (!event.was_routed) SendBehindGate();
      break;
    case RouteState::kHold:
      AdmitWaiting();
      for (Exchange* exchange : pending_) exchange->WaitAnew();
      break;
    case RouteState::kOpen:
      if (!event.was_routed || event.was_state != RouteState::kOpen || is_new_incarnation) {
        opened_at_ = bench_.now;
      }
      AdmitWaiting();
      GoOnPending();
      break;
    case RouteState::kEnded:
      GoOnPending();
      break;
  }
}

// The gate is open again, or the next incarnation has begun: those behind it count.
void Session::AdmitWaiting() {
  for (Exchange* exchange : pending_) {
    if (!exchange->is_waiting()) continue;
    exchange->set_waiting(false);
    --waiting_;
    ++held_;
    ++open_;
    ++opened_total_;
  }
}

void Session::SendBehindGate() {
  for (Exchange* exchange : pending_) {
    exchange->WaitAnew();
    if (exchange->is_waiting() || exchange->is_ignored()) continue;
    exchange->set_waiting(true);
    ++waiting_;
    --held_;
    --open_;
  }
}

void Session::GoOnPending() {
  // A copy: going on takes them out.
  const std::vector<Exchange*> pending = pending_;
  for (Exchange* exchange : pending) exchange->GoOn();
}

uint16_t Session::EndCloseCode(bool is_ignored) const {
  const absl::string_view reason = is_routed() ? absl::string_view(route().reason) : "";
  if (is_ignored && absl::StartsWith(reason, "IDLE")) return kCloseIdle;
  if (is_routed() && route().reason == "MAX_LIFETIME") return kCloseLifetime;
  if (is_routed() && route().reason == "REPLACED") return kCloseFenced;
  return kCloseEnded;
}

void Session::EndActive(bool is_fenced) {
  const std::vector<Exchange*> active = active_;
  for (Exchange* exchange : active) exchange->OnSessionOver();
  const std::vector<Tunnel*> tunnels = tunnels_;
  for (Tunnel* tunnel : tunnels) {
    tunnel->OnSessionOver(is_fenced ? kCloseFenced : EndCloseCode(tunnel->is_ignored()));
  }
}

// What waits is asked for its token again before it goes on.
void Session::EndRevoked() {
  if (!HasRevocations(route())) return;
  const std::vector<Exchange*> active = active_;
  for (Exchange* exchange : active) {
    if (IsRevoked(route(), exchange->grant())) exchange->OnRevoked();
  }
  const std::vector<Tunnel*> tunnels = tunnels_;
  for (Tunnel* tunnel : tunnels) {
    if (IsRevoked(route(), tunnel->grant())) tunnel->OnSessionOver(kCloseRevoked);
  }
}

void Session::MarkDirty(bool is_transition) {
  if (!bench_.options.has_controller) return;  // nobody asks for the counts
  if (is_transition) sessions_.ReportSoon();
  if (is_dirty_ || !is_routed()) return;
  is_dirty_ = true;
  sessions_.AddDirty(*this);
}

SessionTotals Session::Totals() const {
  return {.session_id = route().session_id,
          .epoch = route().epoch,
          .open = open_,
          .held = held_,
          .opened_total = opened_total_,
          .bytes_total = bytes_total_,
          .last_active = last_active_};
}

}  // namespace spawner::proxy
