#ifndef SPAWNER_CONTROLLER_CORE_SERVICE_H_
#define SPAWNER_CONTROLLER_CORE_SERVICE_H_

#include <cstdint>
#include <functional>
#include <optional>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "base/ids.h"
#include "controller/core/core_status.h"
#include "controller/core/explanation.h"
#include "controller/core/params.h"
#include "controller/route/route.h"
#include "controller/session/session.h"

// What the edge (controller/api) asks of the core. Every call and every callback is on the loop's
// thread; other threads get there by CoreLoop::Post. Core implements it; the edge's tests fake it.
namespace spawner::core {

struct LeaderView {
  bool is_us = false;
  absl::string_view address;  // gRPC, "IP:PORT"; empty: unknown
};

// Gets a watch's events until it is cancelled or ended by `OnWatchEnd`.
class Watcher {
 public:
  virtual ~Watcher() = default;
  // False: the watcher is full; it gets an OnWatchEnd (RESOURCE_EXHAUSTED) next.
  virtual bool OnWatchEvent(const WatchEvent& event) = 0;
  // Whether it takes more now: lists and changes come in slices, a few ahead of its reader.
  virtual bool HasRoom() const { return true; }
  // Of this process, and quick: it is told of each change when it happens.
  virtual bool IsPrompt() const { return false; }
  virtual void OnWatchEnd(const absl::Status& status) = 0;
};

// The core's end of one proxy's link; the edge implements it.
class ProxyPeer {
 public:
  virtual ~ProxyPeer() = default;
  // Queues a message. NotLeader is the last one: the edge then closes the stream.
  virtual void Send(route::ToProxy message) = 0;
  // Closes the stream with an error: a peer that breaks the protocol or is too slow.
  virtual void Close(const absl::Status& status) = 0;
};

class Service {
 public:
  using ConnectDone = std::function<void(absl::StatusOr<ConnectResult>)>;
  using ViewDone = std::function<void(absl::StatusOr<SessionView>)>;
  using KeepAliveDone = std::function<void(absl::StatusOr<KeepAliveResult>)>;
  using WaitId = uint64_t;
  using RevokeDone = std::function<void(absl::StatusOr<RevokeResult>)>;
  using WatchId = uint64_t;
  using LinkId = uint64_t;

  virtual ~Service() = default;

  // UNAVAILABLE / NO_LEADER on a standby for what only a leader may do: the edge forwards such
  // calls to GetLeader().address.
  virtual void Connect(ConnectParams params, ConnectDone done) = 0;
  virtual absl::StatusOr<SessionView> Get(absl::string_view ns, const SessionId& id,
                                          Epoch epoch) = 0;
  // Looks at kListedPerTurn sessions at most: a page may have few, or none, and another after it.
  virtual absl::StatusOr<ListResult> List(const ListParams& params) = 0;
  // Events come from within the call (the initial list) and later. INVALID_ARGUMENT for a version
  // that is none, OUT_OF_RANGE / VERSION_EXPIRED for one too old.
  virtual absl::StatusOr<WatchId> Watch(const ListParams& filter, absl::string_view resume_version,
                                        Watcher* watcher) = 0;
  virtual void CancelWatch(WatchId id) = 0;
  virtual void Terminate(TerminateParams params, ViewDone done) = 0;
  // Answers when it is in one of the states; FAILED_PRECONDITION / SESSION_ENDING when it never
  // will be, DEADLINE_EXCEEDED / WAIT_TIMEOUT. `done` is called within the call (then 0 is
  // returned) or later, and not after CancelWait.
  virtual WaitId Wait(WaitParams params, ViewDone done) = 0;
  virtual void CancelWait(WaitId id) = 0;
  // Answers when the hold, or its release, is durable.
  virtual void KeepAlive(KeepAliveParams params, KeepAliveDone done) = 0;

  // Answers at once, on a standby too: no write. `created` is false. The edge of a standby asks the
  // leader first, as for a Connect to what lives: its clock signs.
  virtual void CreateGrant(GrantParams params, ConnectDone done) = 0;
  // When it is durable and the connected proxies have it, after 2 s at the most.
  virtual void RevokeGrant(RevokeParams params, RevokeDone done) = 0;

  // `peer` outlives the call of CloseLink. The first message must be a Hello.
  virtual LinkId OpenLink(ProxyPeer* peer) = 0;
  virtual void OnLinkMessage(LinkId link, route::FromProxy message) = 0;
  virtual void CloseLink(LinkId link) = 0;

  virtual CoreStatus GetStatus() = 0;
  // The part of it that every call looks at.
  virtual LeaderView GetLeader() const = 0;
  // Why it is alive, or ended. Answers within 2 s, on every controller with what it knows itself.
  virtual void Explain(absl::string_view ns, const SessionId& id, Epoch epoch,
                       ExplainDone done) = 0;
  // The incarnation before the newest. NOT_FOUND / SESSION_NOT_FOUND.
  virtual absl::StatusOr<Epoch> FindPrevious(absl::string_view ns, const SessionId& id) = 0;
  // Tells a proxy to leave. NOT_FOUND / PROXY_NOT_FOUND, FAILED_PRECONDITION / PROXY_LOST,
  // NO_LEADER.
  virtual absl::Status DrainProxy(absl::string_view proxy,
                                  std::optional<absl::Duration> deadline) = 0;
};

}  // namespace spawner::core

#endif  // SPAWNER_CONTROLLER_CORE_SERVICE_H_
