#ifndef SPAWNER_CONTROLLER_CORE_CORE_H_
#define SPAWNER_CONTROLLER_CORE_CORE_H_

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "base/clock.h"
#include "base/ids.h"
#include "base/random.h"
#include "controller/core/chronicle.h"
#include "controller/core/claims.h"
#include "controller/core/connects.h"
#include "controller/core/core_options.h"
#include "controller/core/ends.h"
#include "controller/core/explainer.h"
#include "controller/core/grants.h"
#include "controller/core/holds.h"
#include "controller/core/incarnation.h"
#include "controller/core/leadership.h"
#include "controller/core/notes.h"
#include "controller/core/one_time_tokens.h"
#include "controller/core/pods.h"
#include "controller/core/preparation.h"
#include "controller/core/service.h"
#include "controller/core/start_details.h"
#include "controller/core/table.h"
#include "controller/core/waits.h"
#include "controller/core/writes.h"
#include "controller/kube/kube_client.h"
#include "controller/kube/pod_reflector.h"
#include "controller/route/proxy_registry.h"
#include "controller/route/roster.h"

namespace spawner::core {

// The Service: joins the session table (table.h) and its features, and takes the turns.
// Level-based: an event only marks a session dirty; Step looks at dirty sessions with Reconcile and
// does what the plan says. Thread: the loop's. Owner: CoreLoop's maker. `kube` outlives it.
class Core final : public Service {
 public:
  Core(kube::KubeClient& kube, const Clock& clock, Random& random, CoreOptions options);
  ~Core() override;
  Core(const Core&) = delete;
  Core& operator=(const Core&) = delete;

  void Connect(ConnectParams params, ConnectDone done) override {
    connects_.Connect(std::move(params), std::move(done));
  }
  absl::StatusOr<SessionView> Get(absl::string_view ns, const SessionId& id, Epoch epoch) override;
  absl::StatusOr<ListResult> List(const ListParams& params) override;
  absl::StatusOr<WatchId> Watch(const ListParams& filter, absl::string_view resume_version,
                                Watcher* watcher) override;
  void CancelWatch(WatchId id) override { table_.events.Cancel(id); }
  void Terminate(TerminateParams params, ViewDone done) override {
    ends_.Terminate(std::move(params), std::move(done));
  }
  WaitId Wait(WaitParams params, ViewDone done) override {
    return waits_.Wait(std::move(params), std::move(done));
  }
  void CancelWait(WaitId id) override { waits_.Cancel(id); }
  void KeepAlive(KeepAliveParams params, KeepAliveDone done) override {
    holds_.KeepAlive(std::move(params), std::move(done));
  }
  void CreateGrant(GrantParams params, ConnectDone done) override {
    grants_.Create(std::move(params), std::move(done));
  }
  void RevokeGrant(RevokeParams params, RevokeDone done) override {
    grants_.Revoke(std::move(params), std::move(done));
  }
  LinkId OpenLink(ProxyPeer* peer) override { return table_.links.Open(peer, table_.clock.Now()); }
  void OnLinkMessage(LinkId link, route::FromProxy message) override;
  void CloseLink(LinkId link) override;
  CoreStatus GetStatus() override;
  LeaderView GetLeader() const override {
    return {table_.leadership.is_leader, table_.leadership.leader_address};
  }
  void Explain(absl::string_view ns, const SessionId& id, Epoch epoch, ExplainDone done) override {
    explainer_.Explain(ns, id, epoch, std::move(done));
  }
  absl::StatusOr<Epoch> FindPrevious(absl::string_view ns, const SessionId& id) override;
  absl::Status DrainProxy(absl::string_view proxy, std::optional<absl::Duration> deadline) override;

  // --- what the loop brings ----------------------------------------------------------------------
  // Gets the pods of one of the options' namespaces.
  kube::PodHandler& PodsOf(const std::string& ns) { return pods_.HandlerOf(ns); }
  void SetLeadership(const Leadership& leadership);
  // A controller may lead only with a number above this.
  uint32_t leadership_seen() const;
  // Proof of a proxy's death.
  void OnProxyPodGone(absl::string_view pod_uid);
  // Lost proxies whose pods are to be looked for.
  std::vector<route::RosterEntry> LostProxies() const;
  std::optional<std::string> RosterToSave() { return table_.links.RosterToSave(); }
  void OnRosterSaved(const std::string& roster);

  // One bounded turn. Call again at NextWake at the latest.
  void Step();
  Instant NextWake() const;

 private:
  void FeedLists();
  // core.cc: terms
  void TakeOver(Instant now);
  void StandDown();
  void TakeRegistryChanges();
  void GiveAnswers();
  // core_turn.cc: one look at a session
  void LookAt(const SessionId& id, Instant now);
  Verdict MakePlan(Incarnation& incarnation, bool is_newest, Instant now);
  void TakePlan(Incarnation& incarnation, bool is_newest, Instant now);
  void TakeUsage(Incarnation& incarnation, const route::ProxyRegistry::UsageSum& sum, Instant now);
  void Publish(const SessionId& id, Slot& slot);
  void Withdraw(const SessionId& id, bool is_last);

  Table table_;
  // What the Service is made of: feature.h says how one is added.
  Chronicle chronicle_;
  Connects connects_;
  Ends ends_;
  Explainer explainer_;
  Notes notes_;
  Holds holds_;
  Waits waits_;
  Grants grants_;
  OneTimeTokens one_time_tokens_;
  Pods pods_;
  StartDetails start_details_;
  Claims claims_;
  Preparation preparation_;
  Writes writes_;
};

}  // namespace spawner::core

#endif  // SPAWNER_CONTROLLER_CORE_CORE_H_
