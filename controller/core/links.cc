#include "controller/core/links.h"

#include <algorithm>
#include <utility>
#include <variant>

#include "absl/strings/str_cat.h"
#include "base/log.h"
#include "base/status.h"
#include "controller/core/limits.h"
#include "controller/route/limits.h"
#include "controller/route/roster.h"

namespace spawner::core {

Links::LinkId Links::Open(ProxyPeer* peer, Instant now) {
  const LinkId id = ++last_id_;
  Link& link = links_[id];
  link.peer = peer;
  link.opened_at = now;
  if (links_.size() > kLinksMax) {
    End(id, link, absl::ResourceExhaustedError("link: too many links are open"), now);
  }
  return id;
}

void Links::OnMessage(LinkId id, route::FromProxy message, Instant now) {
  const auto found = links_.find(id);
  if (found == links_.end() || found->second.is_over) return;
  const absl::Status status = Take(id, found->second, message, now);
  if (!status.ok()) {
    Log(LogLevel::kWarning, "proxy_refused", {{"error", status.ToString()}});
    End(id, found->second, status, now);
  }
}

absl::Status Links::Take(LinkId id, Link& link, route::FromProxy& message, Instant now) {
  if (const auto* hello = std::get_if<route::Hello>(&message)) {
    if (link.has_hello) return absl::InvalidArgumentError("link: a second hello");
    return TakeHello(id, link, *hello, now);
  }
  if (!link.has_hello) return absl::InvalidArgumentError("link: the first message is no hello");
  if (const auto* ack = std::get_if<route::Ack>(&message)) return registry_.OnAck(id, *ack, now);
  if (const auto* usage = std::get_if<route::Usage>(&message)) {
    return registry_.OnUsage(id, *usage, now);
  }
  if (const auto* query = std::get_if<route::Query>(&message)) {
    registry_.OnHeartbeat(id, now);
    if (link.is_admitted) {
      SendRoutes(id, link);  // what is known now comes before the answer
      Answer(link, *query);
    }
  } else if (std::holds_alternative<route::Leaving>(message)) {
    registry_.OnLeaving(id, now);
  } else {
    registry_.OnHeartbeat(id, now);
    const bool is_heartbeat = std::holds_alternative<route::ProxyHeartbeat>(message);
    if (!is_heartbeat && link.is_admitted && listener_ != nullptr) listener_(id, message, now);
  }
  return absl::OkStatus();
}

bool Links::Send(LinkId id, route::ToProxy message) {
  const auto found = links_.find(id);
  if (found == links_.end() || found->second.is_over || !found->second.is_admitted) return false;
  found->second.peer->Send(std::move(message));
  return true;
}

void Links::SendToAll(const route::ToProxy& message) {
  for (auto& [id, link] : links_) {
    if (link.is_admitted && !link.is_over) link.peer->Send(message);
  }
}

absl::Status Links::TakeHello(LinkId id, Link& link, const route::Hello& hello, Instant now) {
  link.has_hello = true;
  leadership_seen_ = std::max(leadership_seen_, hello.leadership);
  // A proxy that followed a later leader proves that we are out of date, whatever we believe.
  if (!leadership_.is_leader || hello.leadership > leadership_.number) {
    Refuse(id, link, now);
    return absl::OkStatus();
  }
  LinkId replaced = 0;
  RETURN_IF_ERROR(registry_.OnHello(id, hello, now, replaced));
  if (const auto old = links_.find(replaced); old != links_.end()) {
    End(replaced, old->second, absl::AbortedError("link: the proxy has dialled again"), now);
  }
  link.resume_from = hello.leadership == leadership_.number ? hello.route_version : 0;
  Log(LogLevel::kInfo, "proxy_connected",
      {{"proxy", hello.proxy_id}, {"generation", hello.generation}, {"version", hello.version}});
  return absl::OkStatus();
}

void Links::Answer(Link& link, const route::Query& query) {
  const route::Route* route = log_.Find(query.session);
  if (route == nullptr) {
    link.peer->Send(route::RouteUnknown{query.session});
    return;
  }
  route::Routes routes;
  routes.version = log_.version();
  routes.routes.push_back(*route);
  link.peer->Send(std::move(routes));
}

void Links::Close(LinkId id, Instant now) {
  if (links_.erase(id) > 0) registry_.OnLinkClosed(id, now);
}

void Links::SetLeadership(const Leadership& leadership, Instant now) {
  const bool is_new_term =
      leadership.is_leader && (!leadership_.is_leader || leadership.number != leadership_.number);
  const bool leads_another = !leadership.is_leader && leadership.number > leadership_.number;
  leadership_ = leadership;
  if (is_new_term) {
    are_routes_complete_ = false;
    saved_roster_ = leadership.roster;
  }
  if (!is_new_term && !leads_another) return;
  for (auto& [id, link] : links_) {
    if (link.has_hello && !link.is_over) Refuse(id, link, now);
  }
}

void Links::Refuse(LinkId id, Link& link, Instant now) {
  link.is_over = true;
  link.peer->Send(route::NotLeader{leadership_.leader_address, leadership_.number});
  registry_.OnLinkClosed(id, now);
}

void Links::End(LinkId id, Link& link, const absl::Status& status, Instant now) {
  if (link.is_over) return;
  link.is_over = true;
  link.peer->Close(status);
  registry_.OnLinkClosed(id, now);
}

std::optional<std::string> Links::RosterToSave() {
  if (!leadership_.is_leader) return std::nullopt;
  if (roster_serial_ != registry_.roster_serial()) {
    roster_serial_ = registry_.roster_serial();
    roster_ = route::EncodeRoster(registry_.Roster());
  }
  if (roster_ == saved_roster_) return std::nullopt;
  return roster_;
}

void Links::OnRosterSaved(const std::string& roster) { saved_roster_ = roster; }

void Links::Admit(LinkId id, Link& link) {
  link.is_admitted = true;
  link.sent = link.resume_from;
  link.peer->Send(
      route::Welcome{leadership_.leader_id, leadership_.number, route::kHeartbeatInterval});
  for (route::Routes& routes : log_.Since(link.sent)) link.peer->Send(std::move(routes));
  link.sent = log_.version();
  registry_.OnRoutesSent(id, link.sent);
}

void Links::SendRoutes(LinkId id, Link& link) {
  if (link.sent == log_.version()) return;
  for (route::Routes& routes : log_.Since(link.sent)) link.peer->Send(std::move(routes));
  link.sent = log_.version();
  registry_.OnRoutesSent(id, link.sent);
}

void Links::Step(Instant now) {
  for (const LinkId id : registry_.SilentLinks(now)) {
    if (const auto found = links_.find(id); found != links_.end()) {
      End(id, found->second, absl::DeadlineExceededError("link: silent for 5 s"), now);
    }
  }
  const bool is_saved = !RosterToSave().has_value();
  const bool beats = now >= next_heartbeat_;
  if (beats) {
    ++heartbeat_;
    next_heartbeat_ = now + route::kHeartbeatInterval;
  }
  for (auto& [id, link] : links_) {
    if (link.is_over) continue;
    if (!link.has_hello) {
      if (now >= link.opened_at + kHelloWaitMax) {
        End(id, link, absl::DeadlineExceededError("link: no hello within 5 s"), now);
      }
      continue;
    }
    if (!link.is_admitted) {
      // The next leader has to know of it before it can serve anybody. A leader that can't write
      // the Lease is none in a moment.
      if (leadership_.is_leader && are_routes_complete_ && is_saved) Admit(id, link);
      continue;
    }
    // Out of office: what is published stays as it is until the next leader is known.
    if (leadership_.is_leader) SendRoutes(id, link);
    if (beats) link.peer->Send(route::ControllerHeartbeat{heartbeat_});
  }
}

Instant Links::NextWake() const {
  Instant next = Instant::Infinite();
  for (const auto& [id, link] : links_) {
    if (link.is_over) continue;
    if (!link.has_hello) next = std::min(next, link.opened_at + kHelloWaitMax);
    if (link.has_hello) next = std::min(next, next_heartbeat_);
  }
  return next;
}

}  // namespace spawner::core
