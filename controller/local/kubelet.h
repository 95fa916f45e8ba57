#ifndef SPAWNER_CONTROLLER_LOCAL_KUBELET_H_
#define SPAWNER_CONTROLLER_LOCAL_KUBELET_H_

#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>

#include "base/clock.h"
#include "controller/local/api_server.h"
#include "controller/local/object_store.h"
#include "controller/local/pod_events.h"
#include "controller/local/pod_status.h"
#include "controller/local/runtime.h"

namespace spawner::local {

// Scheduler and kubelet of the one node: starts what pods there are in the runtime, writes what
// became of them as status, ends what is deleted or past its activeDeadlineSeconds.
// Thread: one. Owner: LocalKubernetes.
class Kubelet {
 public:
  Kubelet(ObjectStore& store, ApiServer& api, Runtime& runtime, const Clock& clock)
      : store_(store), api_(api), runtime_(runtime), clock_(clock) {}
  Kubelet(const Kubelet&) = delete;
  Kubelet& operator=(const Kubelet&) = delete;

  void Step(Instant now);
  Instant NextWake() const;
  // The log of the pod of this key; null if it never ran.
  const PodLog* FindLog(const ObjectKey& key) const;
  const PodEvents& events() const { return events_; }

 private:
  // One pod that the runtime knows, until it has exited and its object is gone.
  struct Worker {
    ObjectKey key;
    PodRecord record;
    Instant scheduled_at;
    Instant deadline = Instant::Infinite();
    std::optional<int64_t> stop_grace_seconds;  // StopPod is called
    bool is_orphan = false;                     // its object is gone
  };

  // Compares a pod that was written with what its worker does.
  void Sync(const ObjectKey& key, Instant now);
  void Abandon(const std::string& uid, Instant now);
  void Stop(const std::string& uid, Worker& worker, int64_t grace_seconds, Instant now);
  void SetDeadline(const std::string& uid, Worker& worker, const Json& pod);
  void Apply(const RuntimeEvent& event, Instant now, Worker& worker);
  void Write(const Worker& worker);
  // An event of the pod, if its object is still there.
  void TellOfWaiting(const Worker& worker, const RuntimeEvent& event);
  void Tell(const Worker& worker, const PodEvents::What& what);
  void EndOverdue(Instant now);
  std::string NameOfContainer(const Worker& worker) const;

  ObjectStore& store_;
  ApiServer& api_;
  Runtime& runtime_;
  const Clock& clock_;
  std::map<std::string, Worker> workers_;     // by uid
  std::map<ObjectKey, std::string> present_;  // uid of the worker of the present object
  std::set<std::pair<Instant, std::string>> deadlines_;
  PodEvents events_;
};

}  // namespace spawner::local

#endif  // SPAWNER_CONTROLLER_LOCAL_KUBELET_H_
