#include "proxy/forward/sessions.h"

#include <algorithm>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "base/check.h"
#include "base/ids.h"
#include "base/log.h"
#include "proxy/forward/limits.h"

namespace spawner::proxy {
namespace {

// Static prefixes deeper than this are not found.
constexpr int kPrefixSegmentsMax = 16;

// The session id in "/s/{id}/...", "/s/{id}" or "/s/{id}?..."; empty if it is none.
absl::string_view IdInPath(absl::string_view path) {
  if (!absl::StartsWith(path, "/s/")) return {};
  path.remove_prefix(3);
  return path.substr(0, path.find_first_of("/?"));
}

}  // namespace

Sessions::~Sessions() = default;

Sessions::Place Sessions::Find(const RequestHead& head) {
  if (!bench_.options.has_controller) return FindStatic(head);
  absl::string_view host = HostName(head.host);
  const absl::string_view base = bench_.options.base_domain;
  if (!base.empty() && host.size() > base.size() + 1 && absl::EndsWithIgnoreCase(host, base) &&
      host[host.size() - base.size() - 1] == '.') {
    lower_host_ = absl::AsciiStrToLower(host.substr(0, host.size() - base.size() - 1));
    if (IsDnsLabel(lower_host_)) return FindById(lower_host_, {});
  }
  const absl::string_view id = IdInPath(head.path);
  if (!IsDnsLabel(id)) return {};
  return FindById(id, head.path.substr(0, 3 + id.size()));
}

Sessions::Place Sessions::FindStatic(const RequestHead& head) {
  absl::string_view host = HostName(head.host);
  if (std::any_of(host.begin(), host.end(), absl::ascii_isupper)) {
    lower_host_ = absl::AsciiStrToLower(host);
    host = lower_host_;
  }
  if (RouteEntry* entry = table_.Find(host); entry != nullptr && entry->is_routed) {
    return {Place::Kind::kSession, &Of(*entry)};
  }
  // The longest prefix of whole segments; "/" is none: of "//x" nothing would be taken away.
  absl::string_view prefix = head.path.substr(0, head.path.find('?'));
  for (int i = 0; i < kPrefixSegmentsMax && prefix.size() > 1; ++i) {
    RouteEntry* entry = table_.Find(prefix);
    if (entry != nullptr && entry->is_routed) {
      return {Place::Kind::kSession, &Of(*entry), prefix};
    }
    prefix = prefix.substr(0, prefix.rfind('/'));
  }
  if (RouteEntry* entry = table_.Find("/"); entry != nullptr && entry->is_routed) {
    return {Place::Kind::kSession, &Of(*entry)};
  }
  return {};
}

Sessions::Place Sessions::FindById(absl::string_view id, absl::string_view prefix) {
  RouteEntry* entry = table_.Find(id);
  if (entry != nullptr && entry->is_routed) return {Place::Kind::kSession, &Of(*entry), prefix};
  if (table_.IsUnknown(id, bench_.now)) return {Place::Kind::kUnknown};
  if (!is_link_up_) return {Place::Kind::kUnreachable};
  Session& session = Of(*table_.FindOrAdd(id));
  if (session.asked_at_ == Instant{} || session.asked_at_ + kAskAgainAfter <= bench_.now) {
    session.asked_at_ = bench_.now;
    reports_.OnUnknown(worker_, std::string(id));
  }
  MaybeRelease(session);  // if nothing comes to wait in it
  return {Place::Kind::kSession, &session, prefix};
}

Session& Sessions::Of(RouteEntry& entry) {
  if (entry.owner != nullptr) return *static_cast<Session*>(entry.owner);
  auto session = std::make_unique<Session>(bench_, *this, entry);
  Session& added = *session;
  added.place_ = sessions_.size();
  sessions_.push_back(std::move(session));
  return added;
}

void Sessions::Apply(RouteChange part) {
  applying_ = part.version;
  Take(table_.Apply(std::move(part), bench_.now));
}

size_t Sessions::Sweep(size_t max) {
  const std::vector<RouteEvent> events = table_.Sweep(max, bench_.now);
  Take(events);
  return events.size();
}

void Sessions::Take(const std::vector<RouteEvent>& events) {
  bench_.counters.routes_applied.Add(static_cast<int64_t>(events.size()));
  for (const RouteEvent& event : events) {
    if (event.kind == RouteEvent::Kind::kRefused) {
      Log(LogLevel::kWarning, "route_refused_for_its_epoch",
          {{"session", event.entry->route.session_id}, {"fence", event.entry->fence}});
    }
    if (event.entry->owner != nullptr) static_cast<Session*>(event.entry->owner)->OnRoute(event);
  }
  if (applying_ == RouteVersion{}) return;
  for (const RouteEvent& event : events) {
    const Route& route = event.entry->route;
    if (event.kind != RouteEvent::Kind::kChanged || route.state != RouteState::kGated) continue;
    const auto* session = static_cast<Session*>(event.entry->owner);
    gates_.push_back({.session_id = route.session_id,
                      .epoch = route.epoch,
                      .gate_version = applying_.version,
                      .open = session == nullptr ? 0 : session->open(),
                      .waiting = session == nullptr ? 0 : session->waiting()});
  }
  if (!table_.is_between()) reports_.OnApplied(worker_, applying_, std::exchange(gates_, {}));
}

void Sessions::SetLink(const LinkState& link) { is_link_up_ = link.is_up; }

Instant Sessions::next_report() const {
  if (reported_ < reporting_.size()) return bench_.now;
  if (is_urgent()) return reported_at_ + kUsageGapMin + kUsageSlack;
  Instant next = Instant::Infinite();
  if (!dirty_.empty()) next = reported_at_ + kUsageInterval;
  if (!with_idle_.empty()) next = std::min(next, swept_at_ + kUsageInterval);
  return next;
}

bool Sessions::IsReportDue() const {
  if (!has_news()) return false;
  const Instant due = is_urgent() ? reported_at_ + kUsageGapMin : next_report();
  return due <= bench_.now;
}

void Sessions::EndTurn(bool is_last) {
  if (!with_idle_.empty() && swept_at_ + kUsageInterval <= bench_.now) SweepIdle();
  if (is_last) {
    while (has_news()) Report(sessions_.size());
  } else if (IsReportDue()) {
    Report(kTotalsPerTurn);
  }
  Release();
}

void Sessions::Report(size_t max) {
  if (reported_ == reporting_.size()) {
    reporting_ = std::exchange(dirty_, {});
    reported_ = 0;
    reports_soon_ = false;
    reported_at_ = bench_.now;
  }
  std::vector<SessionTotals> totals = std::exchange(last_reports_, {});
  for (; max > 0 && reported_ < reporting_.size(); --max) {
    Session& session = *reporting_[reported_++];
    session.is_dirty_ = false;
    if (session.is_routed()) {
      totals.push_back(session.Totals());
    } else {
      MaybeRelease(session);
    }
  }
  reports_.OnUsage(worker_, std::move(totals));
}

void Sessions::SweepIdle() {
  swept_at_ = bench_.now;
  std::vector<Session*> still;
  for (Session* session : with_idle_) {
    session->DropIdleBefore(bench_.now - kUpstreamIdleTimeout);
    session->is_swept_ = session->idle() > 0;
    if (session->is_swept_) {
      still.push_back(session);
    } else {
      MaybeRelease(*session);
    }
  }
  with_idle_ = std::move(still);
}

void Sessions::MaybeRelease(Session& session) {
  if (session.maybe_over_) return;
  session.maybe_over_ = true;
  maybe_over_.push_back(&session);
}

// Those that are in a list stay until they have left it: whoever takes them out of it asks again.
void Sessions::Release() {
  for (Session* session : std::exchange(maybe_over_, {})) {
    session->maybe_over_ = false;
    if (session->is_routed() || !session->is_idle()) continue;
    if (session->is_dirty_ || session->is_swept_) continue;
    RouteEntry& entry = session->entry();
    const size_t place = session->place_;
    sessions_.back()->place_ = place;
    std::swap(sessions_[place], sessions_.back());
    sessions_.pop_back();
    table_.Release(&entry);
  }
}

}  // namespace spawner::proxy
