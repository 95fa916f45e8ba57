#ifndef SPAWNER_CONTROLLER_CORE_SERVICE_H_
#define SPAWNER_CONTROLLER_CORE_SERVICE_H_

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "base/ids.h"
#include "controller/core/core_status.h"
#include "controller/route/route.h"
#include "controller/session/session.h"
#include "controller/session/spec.h"

// What the edge (controller/api) asks of the core. Every call and every callback is on the loop's
// thread; other threads get there by CoreLoop::Post. Core implements it; the edge's tests fake it.
namespace spawner::core {

enum class StartedFrom { kCold = 1, kWarm = 2, kLive = 3 };

struct ConnectParams {
  std::string ns;
  SessionKey key;                   // empty name: a session without a key
  std::optional<SessionSpec> spec;  // validated by the edge
  std::string request_id;           // may be empty
  std::string payload_hash;         // of the request but its request_id; empty without request_id
  bool wait_until_ready = false;
};

struct ConnectResult {
  SessionView session;
  bool created = false;
  StartedFrom started_from = StartedFrom::kCold;
  // Stable for the same request_id, so that a retry gives the same grant.
  std::string grant_id;
};

struct TerminateParams {
  std::string ns;
  SessionId id;
  bool hard = false;
  bool only_if_idle = false;
  Epoch epoch;  // 0: any
};

struct ListParams {
  std::string ns;  // empty: all that are served
  int page_size = 100;
  std::string page_token;
  // Every condition must hold; empty: no condition.
  std::optional<SessionState> state;
  std::string key_prefix;
  std::map<std::string, std::string> labels;
};

struct ListResult {
  std::vector<SessionView> sessions;
  std::string next_page_token;
};

enum class WatchEventType { kAdded = 1, kModified = 2, kDeleted = 3, kBookmark = 4 };

struct WatchEvent {
  WatchEventType type = WatchEventType::kBookmark;
  SessionView session;
  std::string version;
};

// Gets a watch's events until it is cancelled or ended by `OnWatchEnd`.
class Watcher {
 public:
  virtual ~Watcher() = default;
  // False: the watcher is full; it gets an OnWatchEnd (RESOURCE_EXHAUSTED) next.
  virtual bool OnWatchEvent(const WatchEvent& event) = 0;
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
  using WatchId = uint64_t;
  using LinkId = uint64_t;

  virtual ~Service() = default;

  // UNAVAILABLE / NO_LEADER on a standby for what only a leader may do: the edge forwards such
  // calls to GetStatus().leader_address.
  virtual void Connect(ConnectParams params, ConnectDone done) = 0;
  virtual absl::StatusOr<SessionView> Get(absl::string_view ns, const SessionId& id,
                                          Epoch epoch) = 0;
  virtual absl::StatusOr<ListResult> List(const ListParams& params) = 0;
  // Events come from within the call (the initial list) and later. INVALID_ARGUMENT for a version
  // that is none, OUT_OF_RANGE / VERSION_EXPIRED for one too old.
  virtual absl::StatusOr<WatchId> Watch(const ListParams& filter, absl::string_view resume_version,
                                        Watcher* watcher) = 0;
  virtual void CancelWatch(WatchId id) = 0;
  virtual void Terminate(TerminateParams params, ViewDone done) = 0;

  // `peer` outlives the call of CloseLink. The first message must be a Hello.
  virtual LinkId OpenLink(ProxyPeer* peer) = 0;
  virtual void OnLinkMessage(LinkId link, route::FromProxy message) = 0;
  virtual void CloseLink(LinkId link) = 0;

  virtual CoreStatus GetStatus() = 0;
};

}  // namespace spawner::core

#endif  // SPAWNER_CONTROLLER_CORE_SERVICE_H_
