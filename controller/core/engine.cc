#include "controller/core/engine.h"

#include <algorithm>
#include <utility>

#include "base/log.h"
#include "controller/session/pod_template.h"

namespace spawner::core {

Engine::Engine(World world, const CoreOptions& options)
    : world_(world),
      core_(world.kube, world.clock, world.random, options),
      proxy_pods_(world.kube, core_),
      controller_id_(options.controller_id) {
  for (const std::string& ns : options.namespaces) {
    reflectors_.push_back(std::make_unique<kube::PodReflector>(
        world.transport, world.clock, world.random, ns, kManagedSelector, core_.PodsOf(ns)));
  }
}

void Engine::Step(Instant now) {
  for (const auto& reflector : reflectors_) reflector->Step(now);
  FollowElection(now);
  core_.Step();
  if (const auto roster = core_.RosterToSave()) {
    if (*roster != roster_in_flight_) {
      const absl::Status status = world_.elector.SetRoster(*roster);
      if (!status.ok()) Log(LogLevel::kError, "roster_too_large", {{"error", status.ToString()}});
      roster_in_flight_ = *roster;
      world_.elector.Step(now);
    }
  }
  proxy_pods_.Step(now);
}

void Engine::FollowElection(Instant now) {
  kube::LeaseElector& elector = world_.elector;
  elector.RaiseFloor(core_.leadership_seen());
  elector.Step(now);
  TellElectionStatus(now);
  Leadership leadership;
  leadership.is_leader = elector.IsLeader(now);
  leadership.number = elector.leadership();
  leadership.leader_id = elector.holder();
  leadership.leader_address = elector.leader_address();
  if (leadership.is_leader) leadership.roster = elector.LastRoster();
  if (!leadership.is_leader) roster_in_flight_.clear();
  core_.SetLeadership(leadership);
  if (leadership.is_leader && !roster_in_flight_.empty() && elector.IsRosterStored()) {
    core_.OnRosterSaved(roster_in_flight_);
  }
}

// Once for each cause: the same one is met again every second. A conflict is none, two controllers
// met.
void Engine::TellElectionStatus(Instant now) {
  const kube::LeaseElector& elector = world_.elector;
  const absl::Status& status = elector.status();
  if (status == election_status_ || absl::IsAborted(status) || absl::IsAlreadyExists(status)) {
    return;
  }
  if (status.ok()) {
    // A read that is answered means little while the write after it is refused.
    const bool another_leads = !elector.holder().empty() && elector.holder() != controller_id_;
    if (!elector.IsLeader(now) && !another_leads) return;
    election_status_ = status;
    Log(LogLevel::kInfo, "lease_answered");
  } else {
    election_status_ = status;
    Log(LogLevel::kWarning, "lease_failed",
        {{"error", status.message()}, {"next", "trying again"}});
  }
}

Instant Engine::NextWake() const {
  Instant next = std::min({core_.NextWake(), world_.elector.NextWake(), proxy_pods_.NextWake()});
  for (const auto& reflector : reflectors_) next = std::min(next, reflector->NextWake());
  return next;
}

}  // namespace spawner::core
