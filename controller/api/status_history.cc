#include "controller/api/status_history.h"

#include <algorithm>

#include "controller/api/limits.h"

namespace spawner::api {
namespace {

// On the loop.
StatusHistory::Look LookNow(const Edge& edge) {
  StatusHistory::Look look{.time = edge.clock().WallNow(), .lease_problem = edge.lease_problem()};
  if (edge.service() == nullptr) return look;
  const core::CoreStatus status = edge.Status();
  look.is_reachable = status.kubernetes_status.ok();
  look.has_leader =
      status.is_leader || (!status.leader_id.empty() && status.leader_id != status.controller_id);
  if (status.is_leader) {
    look.connections = 0;
    for (const core::ProxyInfo& proxy : status.proxies) look.connections += proxy.connections;
  }
  for (const auto& [state, count] : status.sessions) {
    if (state != SessionState::kTerminated) look.sessions += count;
  }
  for (const auto& [labels, count] : status.kubernetes_requests) look.requests += count;
  return look;
}

void Note(bool is_so, absl::Time time, std::optional<absl::Time>& since) {
  if (!is_so) {
    since.reset();
  } else if (!since.has_value()) {
    since = time;
  }
}

}  // namespace

void StatusHistory::LookOn() {
  edge_.Post([edge = &edge_, thread = thread_, alive = alive_, this] {
    const Look look = LookNow(*edge);
    thread->Post([look, alive, this] {
      if (*alive) Take(look);
    });
  });
  timer_ = thread_->After(kHistoryLookEvery, [this] { LookOn(); });
}

void StatusHistory::Take(const Look& look) {
  Note(!look.is_reachable, look.time, unreachable_since_);
  Note(!look.has_leader, look.time, no_leader_since_);
  lease_problem_ = look.lease_problem;
  // Timers are late by a little, never early.
  const absl::Duration step = kHistoryStep - kHistoryLookEvery / 2;
  if (!points_.empty() && look.time >= points_.back().time &&
      look.time - points_.back().time < step) {
    return;
  }
  points_.push_back(look);
  ++taken_;
  if (points_.size() > kHistoryPointsMax) points_.pop_front();
}

Json StatusHistory::PointsAfter(uint64_t& seen) const {
  Json points = Json::array();
  const size_t fresh = static_cast<size_t>(std::min<uint64_t>(taken_ - seen, points_.size()));
  for (size_t i = points_.size() - fresh; i < points_.size(); ++i) {
    const Look& look = points_[i];
    points.push_back(Json::array(
        {absl::ToUnixSeconds(look.time), look.connections, look.sessions, look.requests}));
  }
  seen = taken_;
  return points;
}

}  // namespace spawner::api
