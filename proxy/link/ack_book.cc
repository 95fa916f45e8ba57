#include "proxy/link/ack_book.h"

#include <set>

#include "base/check.h"

namespace spawner::proxy {

void AckBook::Posted(const RouteChange& change) {
  if (change.version == RouteVersion{}) return;
  posted_.push_back({change.version, static_cast<int>(next_.size()), {}});
  if (change.replaces_all) {
    closed_.clear();
    standing_.clear();
  }
  for (const std::string& id : change.removed) ForgetGate(id);
  for (const Route& route : change.routes) {
    ForgetGate(route.session_id);
    if (route.state == RouteState::kGated) closed_[route.session_id] = change.version.version;
  }
}

void AckBook::ForgetGate(const std::string& session_id) {
  closed_.erase(session_id);
  standing_.erase(session_id);
}

void AckBook::Applied(int worker, RouteVersion version, const std::vector<GateCount>& gates) {
  if (version == RouteVersion{}) return;
  const uint64_t index = next_[worker]++ - first_;
  SPAWNER_CHECK(index < posted_.size());
  Change& change = posted_[index];
  SPAWNER_CHECK(change.version == version);
  for (const GateCount& gate : gates) {
    GateCount& sum = change.gates[gate.session_id];
    sum.session_id = gate.session_id;
    sum.epoch = gate.epoch;
    sum.gate_version = version.version;
    sum.open += gate.open;
    sum.waiting += gate.waiting;
  }
  --change.workers_left;
  while (!posted_.empty() && posted_.front().workers_left == 0) {
    Complete(posted_.front());
    posted_.pop_front();
    ++first_;
  }
}

void AckBook::Complete(const Change& change) {
  if (change.version.leadership != leadership_) return;  // of a log that is over
  completed_ = change.version;
  for (const auto& [id, gate] : change.gates) {
    due_.push_back(gate);
    const auto closed = closed_.find(id);
    if (closed != closed_.end() && closed->second == gate.gate_version) standing_[id] = gate;
  }
}

void AckBook::BeginLink(uint32_t leadership) {
  acked_.reset();
  if (leadership != leadership_) {
    leadership_ = leadership;
    completed_.reset();
    due_.clear();
    closed_.clear();
    standing_.clear();
    return;
  }
  std::set<std::string> named;
  for (const GateCount& gate : due_) named.insert(gate.session_id);
  for (const auto& [id, gate] : standing_) {
    if (named.count(id) == 0) due_.push_back(gate);
  }
}

bool AckBook::IsDue() const {
  return completed_.has_value() && (!due_.empty() || !acked_.has_value() || *acked_ < *completed_);
}

std::optional<v1::Ack> AckBook::Take() {
  if (!IsDue()) return std::nullopt;
  v1::Ack ack;
  ack.set_leadership(completed_->leadership);
  ack.set_version(completed_->version);
  for (const GateCount& gate : due_) {
    v1::GateCount* const proto = ack.add_gates();
    proto->set_session_id(gate.session_id);
    proto->set_epoch(gate.epoch);
    proto->set_gate_version(gate.gate_version);
    proto->set_open(gate.open);
    proto->set_waiting(gate.waiting);
  }
  due_.clear();
  acked_ = completed_;
  return ack;
}

}  // namespace spawner::proxy
