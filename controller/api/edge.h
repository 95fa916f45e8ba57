#ifndef SPAWNER_CONTROLLER_API_EDGE_H_
#define SPAWNER_CONTROLLER_API_EDGE_H_

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "base/clock.h"
#include "base/grpc_security.h"
#include "controller/api/edge_options.h"
#include "controller/api/key_ring.h"
#include "controller/api/metrics.h"
#include "controller/api/urls.h"
#include "controller/core/all_sessions.h"
#include "controller/core/log_source.h"
#include "controller/core/service.h"
#include "controller/core/template_store.h"

namespace spawner::api {

// What the services of the edge share. They take calls as soon as the port is open; until Open, and
// after Close, every call is answered with UNAVAILABLE, which says why.
// Thread: the loop's, but for what says otherwise. Owner: main().
class Edge {
 public:
  Edge(Poster post, const Clock& clock, EdgeOptions options);
  Edge(const Edge&) = delete;
  Edge& operator=(const Edge&) = delete;

  // Before Open. It outlives the call of Close.
  void SetTemplates(core::TemplateStore& templates) { templates_ = &templates; }
  // Both outlive the call of Close.
  void Open(core::Service& service, core::LogSource& logs, KeyRing keys);
  void SetKeys(KeyRing keys);
  // `changed` is called on the loop after each SetKeys, until the listener is removed.
  void AddKeyListener(const void* listener, std::function<void()> changed);
  void RemoveKeyListener(const void* listener) { key_listeners_.erase(listener); }
  // Ends every open watch, log and link, and refuses new ones and new calls: UNAVAILABLE.
  void EndStreams();
  void Close();
  // Why there is no service yet: "keys: get secrets: connection refused".
  void SetNotReadyReason(absl::string_view reason) { not_ready_reason_ = std::string(reason); }
  // Why the Lease can't be read or written; empty: it can.
  void SetLeaseProblem(absl::string_view problem) { lease_problem_ = std::string(problem); }
  const std::string& lease_problem() const { return lease_problem_; }

  // Who leads, as the Lease says. What is relayed from another leader ends, and so does every watch
  // when it is not us: UNAVAILABLE / NO_LEADER.
  void SetLeader(absl::string_view id);

  // Null before Open and after Close.
  core::Service* service() const { return service_; }
  core::LogSource* logs() const { return logs_; }
  core::TemplateStore* templates() const { return templates_; }
  // For a walk over all of them, a page a turn. NotReady's error after Close.
  core::AllSessions all_sessions();
  // The core's, with the requests to Kubernetes. Only while there is a service.
  core::CoreStatus Status() const;
  const KeyRing& keys() const { return keys_; }
  void RotateKeys(absl::Duration overlap, RotateDone done) const;
  // UNAVAILABLE with a wait, which says why: what a call gets while `service` is null
  // (KUBERNETES_UNREACHABLE) and after EndStreams (NO_LEADER).
  absl::Status NotReady() const;
  // UNAVAILABLE / NO_LEADER with a wait: what was relayed from the leader can't go on.
  static absl::Status LeaderGone();
  // Why /readyz fails, one reason a line; empty: ready.
  std::string NotReadyReasons() const;

  // --- any thread -------------------------------------------------------------------------------
  void Post(std::function<void()> work) const { post_(std::move(work)); }
  const Clock& clock() const { return clock_; }
  const SessionUrls& urls() const { return options_.urls; }
  const std::string& http_public_url() const { return options_.http_public_url; }
  // Of a caller by HTTP that names none: the first that is served.
  const std::string& default_namespace() const { return default_namespace_; }
  const std::string& command_image() const { return options_.command_image; }
  auth::Guard* guard() const { return options_.guard; }           // asked on the loop only
  core::Fairness* fairness() const { return options_.fairness; }  // on the loop only
  const TlsClientFiles& peer_tls() const { return options_.peer_tls; }
  core::PodUsage* usage() const { return options_.usage; }  // on the loop only
  const core::Operations* operations() const { return options_.operations; }
  const std::vector<std::string>& namespaces() const { return options_.namespaces; }
  absl::Time start_time() const { return options_.start_time; }
  // PERMISSION_DENIED / NAMESPACE_FORBIDDEN unless `ns` is served.
  absl::Status CheckNamespace(absl::string_view ns) const;
  // RESOURCE_EXHAUSTED / RATE_LIMITED if kCallsMax are in flight. Each OK needs a LeaveCall.
  absl::Status EnterCall();
  void LeaveCall() { calls_.fetch_sub(1, std::memory_order_relaxed); }

  // --- loop's thread ----------------------------------------------------------------------------
  Metrics& metrics() { return metrics_; }
  // A stream that is open, of one kind: `end` ends it, and calls RemoveStream. UNAVAILABLE while
  // there is no service, RESOURCE_EXHAUSTED / RATE_LIMITED if `kind` has `max` of them.
  enum class StreamKind { kWatch, kRelay, kLog, kLink, kSteps };
  absl::Status AddStream(StreamKind kind, const void* stream, int max,
                         std::function<void(const absl::Status&)> end);
  // Of a stream that was not added: nothing happens.
  void RemoveStream(StreamKind kind, const void* stream);
  // A unary call that the core works on. UNAVAILABLE while there is no service, and once streams
  // have been ended. Each OK needs an EndCall.
  absl::Status BeginCall();
  void EndCall() { --open_calls_; }
  // Nothing that a client waits for: no call, no stream.
  bool IsQuiet() const;

 private:
  using Streams = std::map<const void*, std::function<void(const absl::Status&)>>;

  // Takes a copy: what ends leaves its table.
  static void EndAll(Streams streams, const absl::Status& status);

  const Poster post_;
  const Clock& clock_;
  const EdgeOptions options_;
  const std::string default_namespace_;
  core::Service* service_ = nullptr;
  core::LogSource* logs_ = nullptr;
  core::TemplateStore* templates_ = nullptr;
  KeyRing keys_;
  std::map<const void*, std::function<void()>> key_listeners_;
  std::string not_ready_reason_ = "starting";
  std::string lease_problem_;
  std::string leader_id_;
  Metrics metrics_;
  std::map<StreamKind, Streams> streams_;
  int open_calls_ = 0;
  bool takes_work_ = true;
  // Counts only: gRPC's threads enter and leave, nothing else hangs on its value.
  std::atomic<int> calls_{0};
};

}  // namespace spawner::api

#endif  // SPAWNER_CONTROLLER_API_EDGE_H_
