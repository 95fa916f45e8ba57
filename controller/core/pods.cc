#include "controller/core/pods.h"

#include <algorithm>
#include <optional>
#include <set>
#include <string>
#include <utility>

#include "absl/strings/numbers.h"
#include "base/check.h"
#include "base/log.h"
#include "controller/core/limits.h"

namespace spawner::core {
namespace {

// Answers to writes and events of the watch overtake each other. resourceVersions of one resource
// are ordered numbers in every API server there is; what is no number can't be compared and passes.
bool IsOlder(const kube::PodState& a, const kube::PodState& b) {
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

// What was for its creation only is as long as all the rest; the pod has the same spec, which
// sessions share.
void Keep(IdentifiedPod pod, Incarnation& incarnation) {
  if (!incarnation.pod.has_value()) {
    incarnation.session.spec = std::move(pod.spec);
    incarnation.birth.reset();
  }
  incarnation.pod = SessionPod(std::move(pod));
}

}  // namespace

// One namespace's pods on their way into the table. Thread: the loop's. Owner: Pods.
class Pods::Feed final : public kube::PodHandler {
 public:
  Feed(Pods& pods, std::string ns) : pods_(pods), ns_(std::move(ns)) {}

  void OnPodsListed(std::vector<kube::Pod> pods) override {
    pods_.OnListed(ns_, std::move(pods));
    View().is_synced = true;
  }
  void OnPodChanged(kube::Pod pod) override { pods_.OnChanged(std::move(pod), true); }
  void OnPodGone(kube::Pod pod) override { pods_.OnGone(pod); }
  // At each change; tries go on meanwhile, ever more slowly, and each new cause is told.
  void OnPodViewStatus(const absl::Status& status) override {
    View().status = status;
    if (status.ok()) {
      Log(LogLevel::kInfo, "pod_view_current", {{"namespace", ns_}});
    } else {
      Log(LogLevel::kWarning, "pod_view_stale",
          {{"namespace", ns_}, {"error", status.message()}, {"next", "trying again"}});
    }
  }

 private:
  Table::NamespaceView& View() { return pods_.table_.pod_views[ns_]; }

  Pods& pods_;
  const std::string ns_;
};

Pods::Pods(Table& table) : table_(table) {
  for (const std::string& ns : table.options.namespaces) {
    feeds_[ns] = std::make_unique<Feed>(*this, ns);
  }
}

Pods::~Pods() = default;

kube::PodHandler& Pods::HandlerOf(const std::string& ns) {
  const auto found = feeds_.find(ns);
  SPAWNER_CHECK(found != feeds_.end());
  return *found->second;
}

Incarnation* Pods::FindByPod(const kube::Pod& pod) {
  const auto label = pod.labels.find(kSessionLabel);
  if (label == pod.labels.end()) return nullptr;
  const auto slot = table_.slots.find(SessionId{label->second});
  if (slot == table_.slots.end()) return nullptr;
  for (auto& [epoch, incarnation] : slot->second.incarnations) {
    if (incarnation->pod.has_value() && incarnation->pod->pod.uid == pod.uid) {
      return incarnation.get();
    }
  }
  return nullptr;
}

void Pods::OnListed(const std::string& ns, std::vector<kube::Pod> pods) {
  const Instant now = table_.clock.Now();
  std::set<std::string> listed;
  for (const kube::Pod& pod : pods) listed.insert(pod.uid);
  for (kube::Pod& pod : pods) OnChanged(std::move(pod), true);
  for (auto& [id, slot] : table_.slots) {
    for (auto& [epoch, incarnation] : slot.incarnations) {
      if (incarnation->presence != PodView::Presence::kPresent) continue;
      if (!ns.empty() && incarnation->identity.ns != ns) continue;
      if (listed.count(incarnation->pod->pod.uid) > 0) continue;
      // Our own create may be newer than the list; the watch shows it next.
      if (!incarnation->was_watched && now < incarnation->session.created_at + kListLagMax)
        continue;
      incarnation->presence = PodView::Presence::kGone;
      table_.queue.MarkDirty(id);
    }
  }
}

void Pods::OnChanged(kube::Pod pod, bool is_from_watch) {
  auto session = ParseSessionPod(std::move(pod), &table_.specs);
  if (!session.ok()) {
    ++table_.counters.pods_ignored;
    Log(LogLevel::kWarning, "pod_ignored", {{"error", session.status().ToString()}});
    return;
  }
  const PodIdentity& identity = session->identity;
  table_.pods_leadership = std::max(table_.pods_leadership, identity.epoch.leadership());
  Incarnation* incarnation = table_.Find(identity.id, identity.epoch);
  if (incarnation == nullptr) {
    incarnation = &Adopt(*session, table_.clock.Now());
  } else if (incarnation->identity.ns != identity.ns ||
             session->name != PodName(identity.id, identity.epoch)) {
    ++table_.counters.pods_ignored;
    Log(LogLevel::kWarning, "pod_ignored",
        {{"pod", session->name}, {"error", "it copies the labels of another session's pod"}});
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
  Keep(*std::move(session), *incarnation);
  for (Feature* feature : table_.features) feature->OnPod(*incarnation);
  table_.queue.MarkDirty(id);
}

Incarnation& Pods::Adopt(const IdentifiedPod& pod, Instant now) {
  const absl::Time wall_now = table_.clock.WallNow();
  auto incarnation = std::make_unique<Incarnation>();
  Incarnation& adopted = *incarnation;
  adopted.identity = pod.identity;
  adopted.session.spec = pod.spec;
  adopted.session.is_adopted = true;
  adopted.session.node_lost_after = table_.options.node_lost_after;
  adopted.session.created_at = InstantOf(pod.pod.create_time, wall_now, now);
  adopted.session.state = SessionState::kStarting;
  adopted.idle_since = now;
  if (pod.pod.IsFinal() && pod.end.has_value()) {
    adopted.session.observed.ended_at = InstantOf(pod.end->end_time, wall_now, now);
  }
  table_.slots[pod.identity.id].incarnations[pod.identity.epoch] = std::move(incarnation);
  ++table_.incarnations;
  return adopted;
}

void Pods::OnGone(const kube::Pod& pod) {
  Incarnation* incarnation = FindByPod(pod);
  if (incarnation == nullptr) return;
  if (auto session = ParseSessionPod(pod, &table_.specs); session.ok()) {
    Keep(*std::move(session), *incarnation);
  }
  incarnation->presence = PodView::Presence::kGone;
  table_.queue.MarkDirty(incarnation->identity.id);
}

}  // namespace spawner::core
