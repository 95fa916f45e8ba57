// What Kubernetes says: pods into the table.
#include <algorithm>
#include <optional>
#include <set>
#include <string>
#include <utility>

#include "absl/strings/numbers.h"
#include "base/log.h"
#include "controller/core/core.h"
#include "controller/core/limits.h"
#include "controller/core/pod_feed.h"

namespace spawner::core {
namespace {

// Answers to writes and events of the watch overtake each other. resourceVersions of one resource
// are ordered numbers in every API server there is; what is no number can't be compared and passes.
bool IsOlder(const kube::Pod& a, const kube::Pod& b) {
  uint64_t version_a = 0;
  uint64_t version_b = 0;
  return a.uid == b.uid && absl::SimpleAtoi(a.resource_version, &version_a) &&
         absl::SimpleAtoi(b.resource_version, &version_b) && version_a < version_b;
}

// The API server's clock is another's: never in our future, never before what a process remembers.
Instant InstantOf(absl::Time time, absl::Time wall_now, Instant now) {
  const absl::Duration ago =
      std::clamp(wall_now - time, absl::ZeroDuration(), absl::Hours(24 * 3650));
  return now - ago;
}

}  // namespace

Incarnation* Core::FindByPod(const kube::Pod& pod) {
  const auto label = pod.labels.find(kSessionLabel);
  if (label == pod.labels.end()) return nullptr;
  const auto slot = slots_.find(SessionId{label->second});
  if (slot == slots_.end()) return nullptr;
  for (auto& [epoch, incarnation] : slot->second.incarnations) {
    if (incarnation->pod.has_value() && incarnation->pod->pod.uid == pod.uid) {
      return incarnation.get();
    }
  }
  return nullptr;
}

void Core::OnPodsListed(const std::string& ns, std::vector<kube::Pod> pods) {
  const Instant now = clock_.Now();
  std::set<std::string> listed;
  for (const kube::Pod& pod : pods) listed.insert(pod.uid);
  for (kube::Pod& pod : pods) OnPodChanged(std::move(pod), true);
  for (auto& [id, slot] : slots_) {
    for (auto& [epoch, incarnation] : slot.incarnations) {
      if (incarnation->presence != PodView::Presence::kPresent) continue;
      if (!ns.empty() && incarnation->identity.ns != ns) continue;
      if (listed.count(incarnation->pod->pod.uid) > 0) continue;
      // Our own create may be newer than the list; the watch shows it next.
      if (!incarnation->was_watched && now < incarnation->session.created_at + kListLagMax)
        continue;
      incarnation->presence = PodView::Presence::kGone;
      queue_.MarkDirty(id);
    }
  }
}

void Core::OnPodChanged(kube::Pod pod, bool is_from_watch) {
  auto session = ParseSessionPod(std::move(pod));
  if (!session.ok()) {
    ++counters_.pods_ignored;
    Log(LogLevel::kWarning, "pod_ignored", {{"error", session.status().ToString()}});
    return;
  }
  const PodIdentity& identity = session->identity;
  pods_leadership_ = std::max(pods_leadership_, identity.epoch.leadership());
  Incarnation* incarnation = Find(identity.id, identity.epoch);
  if (incarnation == nullptr) {
    incarnation = &Adopt(*session, clock_.Now());
  } else if (incarnation->identity.ns != identity.ns ||
             session->pod.name != PodName(identity.id, identity.epoch)) {
    ++counters_.pods_ignored;
    Log(LogLevel::kWarning, "pod_ignored",
        {{"pod", session->pod.name}, {"error", "it copies the labels of another session's pod"}});
    return;
  }
  if (incarnation->pod.has_value() && IsOlder(session->pod, incarnation->pod->pod)) return;
  if (incarnation->presence == PodView::Presence::kGone &&
      incarnation->pod->pod.uid == session->pod.uid) {
    return;
  }
  const SessionId id = identity.id;
  incarnation->was_watched = incarnation->was_watched || is_from_watch;
  incarnation->presence = PodView::Presence::kPresent;
  incarnation->create_time = session->pod.create_time;
  if (session->end.has_value()) incarnation->end_time = session->end->end_time;
  incarnation->pod = *std::move(session);
  queue_.MarkDirty(id);
}

Incarnation& Core::Adopt(SessionPod& pod, Instant now) {
  const absl::Time wall_now = clock_.WallNow();
  auto incarnation = std::make_unique<Incarnation>();
  Incarnation& adopted = *incarnation;
  adopted.identity = pod.identity;
  adopted.session.spec = pod.spec;
  adopted.session.is_adopted = true;
  adopted.session.node_lost_after = options_.node_lost_after;
  adopted.session.created_at = InstantOf(pod.pod.create_time, wall_now, now);
  adopted.session.state = SessionState::kStarting;
  adopted.idle_since = now;
  if (pod.pod.IsFinal() && pod.end.has_value()) {
    adopted.session.observed.ended_at = InstantOf(pod.end->end_time, wall_now, now);
  }
  slots_[pod.identity.id].incarnations[pod.identity.epoch] = std::move(incarnation);
  ++incarnations_;
  return adopted;
}

void Core::OnPodGone(const kube::Pod& pod) {
  Incarnation* incarnation = FindByPod(pod);
  if (incarnation == nullptr) return;
  if (auto session = ParseSessionPod(pod); session.ok()) incarnation->pod = *std::move(session);
  incarnation->presence = PodView::Presence::kGone;
  queue_.MarkDirty(incarnation->identity.id);
}

void Core::OnProxyPodGone(absl::string_view pod_uid) { proxies_.OnPodGone(pod_uid, clock_.Now()); }

std::vector<route::RosterEntry> Core::LostProxies() const {
  std::vector<route::RosterEntry> lost;
  for (const auto& proxy : proxies_.List(clock_.Now())) {
    if (!proxy.is_connected && !proxy.entry.pod_uid.empty()) lost.push_back(proxy.entry);
  }
  return lost;
}

}  // namespace spawner::core
