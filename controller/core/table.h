#ifndef SPAWNER_CONTROLLER_CORE_TABLE_H_
#define SPAWNER_CONTROLLER_CORE_TABLE_H_

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "base/clock.h"
#include "base/random.h"
#include "controller/core/core_options.h"
#include "controller/core/event_log.h"
#include "controller/core/feature.h"
#include "controller/core/identity.h"
#include "controller/core/incarnation.h"
#include "controller/core/leadership.h"
#include "controller/core/links.h"
#include "controller/core/request_book.h"
#include "controller/core/service.h"
#include "controller/core/work_queue.h"
#include "controller/kube/kube_client.h"
#include "controller/route/proxy_registry.h"
#include "controller/route/route_log.h"
#include "controller/session/shared_spec.h"

namespace spawner::core {

// What the core knows, for all of its features: the sessions, what is said to proxies and watchers,
// who leads. A feature changes what is its own (see incarnation.h) and marks the session dirty;
// the next turn looks at it with Reconcile.
// Thread: the loop's. Owner: Core.
struct Table {
  // How far the view of one namespace's pods is.
  struct NamespaceView {
    bool is_synced = false;
    absl::Status status;
  };

  Table(kube::KubeClient& a_client, const Clock& a_clock, Random& a_random, CoreOptions some);
  Table(const Table&) = delete;
  Table& operator=(const Table&) = delete;

  // Every pod has been listed.
  bool IsSynced() const;
  // UNAVAILABLE / NO_LEADER, or KUBERNETES_UNREACHABLE, unless this controller may change anything.
  absl::Status CanDecide() const;
  // Null: there is none.
  Incarnation* Find(const SessionId& id, Epoch epoch);
  Incarnation* FindNewest(const SessionId& id);
  // Epoch 0: the newest. It has a plan. NOT_FOUND / SESSION_NOT_FOUND; UNAVAILABLE before the pods
  // have been listed.
  absl::StatusOr<Incarnation*> FindNamed(absl::string_view ns, const SessionId& id, Epoch epoch);
  // ABORTED / EPOCH_FENCED unless `wanted` is 0 or the incarnation's. `tried` is what was tried.
  static absl::Status CheckEpoch(const Incarnation& incarnation, Epoch wanted,
                                 absl::string_view tried);
  // FAILED_PRECONDITION / NOT_IDLE while somebody is connected, or may be at a lost proxy, or a
  // hold keeps it: a hold says that it is in use.
  absl::Status CheckIdle(const Incarnation& incarnation, Instant now,
                         absl::string_view tried) const;
  absl::Time WallOf(Instant at) const { return clock.WallNow() + (at - clock.Now()); }
  SessionView ViewOf(const Incarnation& incarnation) const;
  std::string EtagOf(const Incarnation& incarnation) const;
  // Tells watchers, if they would see a difference.
  void Show(Incarnation& incarnation);
  // Gives an answer at the end of the turn, when no table is being walked: who gets it may call
  // again.
  void Answer(std::function<void()> answer) { answers.push_back(std::move(answer)); }

  kube::KubeClient& client;
  const Clock& clock;
  Random& random;
  const CoreOptions options;
  const Identity identity;
  // Answers of `client` that come after the end are dropped: it holds the other end, weakly.
  const std::shared_ptr<char> alive = std::make_shared<char>();
  // Looks at a session at once.
  std::function<void(const SessionId&)> look_at;
  // In the order of Core's constructor.
  std::vector<Feature*> features;

  Leadership leadership;
  uint32_t counter = 0;          // of epochs of this term
  uint32_t pods_leadership = 0;  // the greatest on any pod
  bool has_taken_over = false;   // routes of all sessions are published, nothing is missing

  std::map<std::string, NamespaceView> pod_views;  // by namespace of the options
  std::map<SessionId, Slot> slots;
  size_t incarnations = 0;
  std::map<SessionState, int64_t> by_state;  // of all that have a plan
  WorkQueue queue;
  std::set<SessionId> waiting_for_acks;
  size_t connects_waiting = 0;
  std::vector<std::function<void()>> answers;
  CoreStatus::Counters counters;

  route::RouteLog routes;
  route::ProxyRegistry proxies;
  Links links;
  EventLog events;
  RequestBook requests;
  SpecPool specs;
};

}  // namespace spawner::core

#endif  // SPAWNER_CONTROLLER_CORE_TABLE_H_
