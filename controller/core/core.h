#ifndef SPAWNER_CONTROLLER_CORE_CORE_H_
#define SPAWNER_CONTROLLER_CORE_CORE_H_

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/random.h"
#include "controller/core/core_options.h"
#include "controller/core/event_log.h"
#include "controller/core/identity.h"
#include "controller/core/incarnation.h"
#include "controller/core/leadership.h"
#include "controller/core/links.h"
#include "controller/core/request_book.h"
#include "controller/core/service.h"
#include "controller/core/work_queue.h"
#include "controller/kube/kube_client.h"
#include "controller/kube/pod_reflector.h"
#include "controller/route/proxy_registry.h"
#include "controller/route/route_log.h"

namespace spawner::core {

// The session table and everything that moves it. Level-based: an event only marks a session dirty;
// Step looks at dirty sessions with Reconcile and does what the plan says.
// Thread: the loop's. Owner: CoreLoop's maker. `kube` outlives it.
class Core final : public Service {
 public:
  Core(kube::KubeClient& kube, const Clock& clock, Random& random, CoreOptions options);
  ~Core() override;
  Core(const Core&) = delete;
  Core& operator=(const Core&) = delete;

  void Connect(ConnectParams params, ConnectDone done) override;
  absl::StatusOr<SessionView> Get(absl::string_view ns, const SessionId& id, Epoch epoch) override;
  absl::StatusOr<ListResult> List(const ListParams& params) override;
  absl::StatusOr<WatchId> Watch(const ListParams& filter, absl::string_view resume_version,
                                Watcher* watcher) override;
  void CancelWatch(WatchId id) override { events_.Cancel(id); }
  void Terminate(TerminateParams params, ViewDone done) override;
  LinkId OpenLink(ProxyPeer* peer) override { return links_.Open(peer, clock_.Now()); }
  void OnLinkMessage(LinkId link, route::FromProxy message) override;
  void CloseLink(LinkId link) override;
  CoreStatus GetStatus() override;

  // --- what the loop brings ----------------------------------------------------------------------
  // Gets the pods of one of the options' namespaces.
  kube::PodHandler& PodsOf(const std::string& ns);
  void SetLeadership(const Leadership& leadership);
  // A controller may lead only with a number above this.
  uint32_t leadership_seen() const;
  // Proof of a proxy's death.
  void OnProxyPodGone(absl::string_view pod_uid);
  // Lost proxies whose pods are to be looked for.
  std::vector<route::RosterEntry> LostProxies() const;
  std::optional<std::string> RosterToSave() { return links_.RosterToSave(); }
  void OnRosterSaved(const std::string& roster);

  // One bounded turn. Call again at NextWake at the latest.
  void Step();
  Instant NextWake() const;

 private:
  class Feed;
  using Waiters = std::vector<ConnectWaiter>;

  // core.cc: the turn
  void LookAt(const SessionId& id, Instant now);
  Plan MakePlan(Incarnation& incarnation, bool is_newest, Instant now);
  void TakePlan(Incarnation& incarnation, bool is_newest, Instant now);
  void TakeUsage(Incarnation& incarnation, const route::ProxyRegistry::UsageSum& sum, Instant now);
  void Publish(const SessionId& id, Slot& slot);
  void Withdraw(const SessionId& id, bool is_last);
  void TakeOver(Instant now);
  void TakeRegistryChanges();
  void StandDown();
  void GiveAnswers();
  // core_pods.cc: what Kubernetes says
  void OnPodsListed(const std::string& ns, std::vector<kube::Pod> pods);
  void OnPodChanged(kube::Pod pod, bool is_from_watch);
  void OnPodGone(const kube::Pod& pod);
  Incarnation* FindByPod(const kube::Pod& pod);
  Incarnation& Adopt(SessionPod& pod, Instant now);
  // core_writes.cc: what we ask of it
  void IssueWrite(Incarnation& incarnation, Instant now);
  void IssueCreate(Incarnation& incarnation);
  void OnCreated(SessionId id, Epoch epoch, absl::StatusOr<kube::Pod> pod);
  void ResolveConflict(const Incarnation& incarnation);
  void FailCreate(const SessionId& id, Epoch epoch, const absl::Status& status);
  void OnWritten(SessionId id, Epoch epoch, absl::StatusOr<kube::Pod> pod);
  void OnDeleted(SessionId id, Epoch epoch, const absl::Status& status);
  void BackOff(Incarnation& incarnation, const absl::Status& status, Instant now);
  Incarnation* Find(const SessionId& id, Epoch epoch);
  // core_connect.cc
  void ConnectNow(ConnectWaiter waiter, Instant now);
  void Join(Incarnation& incarnation, ConnectWaiter waiter, Instant now);
  absl::StatusOr<Incarnation*> Start(Slot& slot, PodIdentity identity, const SessionSpec& spec,
                                     Instant now);
  void AnswerWaiters(Incarnation& incarnation, Instant now, Instant& wake_at);
  void StartNext(const SessionId& id, Slot& slot, Instant now);
  absl::Status CanDecide() const;
  // core_view.cc
  SessionView ViewOf(const Incarnation& incarnation) const;
  void Show(Incarnation& incarnation);
  std::vector<SessionView> AllViews() const;
  absl::StatusOr<Incarnation*> FindNamed(absl::string_view ns, const SessionId& id, Epoch epoch);
  absl::Time WallOf(Instant at) const;
  bool IsSynced() const;

  kube::KubeClient& kube_;
  const Clock& clock_;
  Random& random_;
  const CoreOptions options_;
  const Identity identity_;
  // Answers of `kube_` that come after the end are dropped: it holds the other end, weakly.
  std::shared_ptr<char> alive_ = std::make_shared<char>();

  Leadership leadership_;
  uint32_t counter_ = 0;          // of epochs of this term
  uint32_t pods_leadership_ = 0;  // the greatest on any pod
  bool has_taken_over_ = false;   // routes of all sessions are published, nothing is missing

  std::map<std::string, std::unique_ptr<Feed>> feeds_;
  std::map<SessionId, Slot> slots_;
  size_t incarnations_ = 0;
  WorkQueue queue_;
  std::set<SessionId> waiting_for_acks_;
  int writes_in_flight_ = 0;
  size_t connects_waiting_ = 0;
  // Given at the end of the turn, when no table is being walked: who gets one may call again.
  std::vector<std::function<void()>> answers_;
  CoreStatus::Counters counters_;

  route::RouteLog routes_;
  route::ProxyRegistry proxies_;
  Links links_;
  EventLog events_;
  RequestBook requests_;
};

}  // namespace spawner::core

#endif  // SPAWNER_CONTROLLER_CORE_CORE_H_
