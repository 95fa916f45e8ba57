#ifndef SPAWNER_CONTROLLER_LOCAL_LOCAL_KUBERNETES_H_
#define SPAWNER_CONTROLLER_LOCAL_LOCAL_KUBERNETES_H_

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>

#include "base/clock.h"
#include "base/random.h"
#include "controller/kube/http_transport.h"
#include "controller/local/api_server.h"
#include "controller/local/kubelet.h"
#include "controller/local/object_store.h"
#include "controller/local/reviews.h"
#include "controller/local/runtime.h"
#include "controller/local/watch_stream.h"

namespace spawner::local {

// A small Kubernetes of our own: pods, podtemplates, secrets and leases in memory, and a runtime
// that the pods run in. It is a newcomer's cluster (controller --local, with ProcessRuntime) and
// the fake of all tests (with ScriptedRuntime). Deterministic if clock, random and runtime are:
// all happens within Poll.
//   ScriptedRuntime runtime(clock);
//   LocalKubernetes kubernetes(clock, random, runtime);
//   kubernetes.Start({.method = "POST", .path = "/api/v1/namespaces/a/pods", .body = json}, &done);
//   kubernetes.Poll(absl::ZeroDuration());  // answers, starts the pod, feeds the watches
// Thread: one, but for Wake.
class LocalKubernetes : public kube::HttpTransport {
 public:
  // What a test does to a request instead of, or after, answering it.
  struct Fault {
    int code = 0;             // an error answer with this code; 0: the connection breaks
    bool is_applied = false;  // the request takes effect before
    std::optional<absl::Duration> retry_after;
    // It takes effect at once and is answered as it would be, but so much later: whoever watches
    // is faster. The other members do not count. Not of a stream.
    std::optional<absl::Duration> answer_after;
  };
  using FaultHook = std::function<std::optional<Fault>(const kube::HttpRequest&)>;

  LocalKubernetes(const Clock& clock, Random& random, Runtime& runtime);
  ~LocalKubernetes() override;
  LocalKubernetes(const LocalKubernetes&) = delete;
  LocalKubernetes& operator=(const LocalKubernetes&) = delete;

  RequestId Start(kube::HttpRequest request, kube::HttpHandler* handler) override;
  void Cancel(RequestId id) override;
  void SetPaused(RequestId id, bool is_paused) override;
  void Poll(absl::Duration max_wait) override;
  void Wake() override;
  std::string Describe() const override { return "local"; }

  // When Poll has something to do even if nothing is started: what a simulation's clock goes to.
  Instant NextWake() const;

  // For tests. Called for each request; nothing: it is served as it is.
  void SetFaultHook(FaultHook hook) { fault_hook_ = std::move(hook); }
  // What TokenReviews and SubjectAccessReviews find.
  void SetReviewers(Reviewers reviewers) { reviewers_ = std::move(reviewers); }
  // Ends all open streams as a server's restart does.
  void BreakStreams();
  // Forgets the changes so far: watches from before get 410.
  void ForgetHistory() { store_.Compact(); }
  const ObjectStore& store() const { return store_; }

 private:
  // A `log?follow=true`.
  struct LogFollower {
    ObjectKey key;
    std::string uid;
    PodLog::Query query;
  };
  struct LateAnswer {
    Instant at;
    int code = 0;
    std::string body;
  };
  struct Exchange {
    kube::HttpRequest request;
    kube::HttpHandler* handler = nullptr;
    std::optional<LateAnswer> late;
    std::optional<WatchStream> watch;
    std::optional<LogFollower> log;
    bool is_paused = false;
    Instant last_data;
  };

  void Step(Instant now);
  void Answer(RequestId id, Instant now);
  // Opens the stream that the request asks for. False: it isn't one.
  bool OpenStream(RequestId id, const ApiPath& path, Instant now);
  void OpenLog(RequestId id, const ApiPath& path, Instant now);
  void MoveWatch(RequestId id, Instant now);
  void MoveLog(RequestId id, Instant now);
  ApiResult<Json> Serve(const kube::HttpRequest& request, const ApiPath& path);
  // Gives a whole answer and ends the exchange.
  void Finish(RequestId id, int code, const std::string& body,
              std::optional<absl::Duration> retry_after = std::nullopt);
  void FinishWithError(RequestId id, const ApiError& error);
  // Ends the exchange. Its handler may start and cancel others.
  void End(RequestId id, const absl::Status& status);
  Exchange* Find(RequestId id);

  const Clock& clock_;
  Random& random_;
  Runtime& runtime_;
  ObjectStore store_;
  ApiServer api_;
  Kubelet kubelet_;
  FaultHook fault_hook_;
  Reviewers reviewers_;
  RequestId last_id_ = 0;
  std::map<RequestId, Exchange> exchanges_;
  std::set<RequestId> new_;
  std::set<RequestId> streams_;
  std::set<RequestId> late_;
};

}  // namespace spawner::local

#endif  // SPAWNER_CONTROLLER_LOCAL_LOCAL_KUBERNETES_H_
