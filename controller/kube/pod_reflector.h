#ifndef SPAWNER_CONTROLLER_KUBE_POD_REFLECTOR_H_
#define SPAWNER_CONTROLLER_KUBE_POD_REFLECTOR_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "base/clock.h"
#include "base/random.h"
#include "controller/kube/http_transport.h"
#include "controller/kube/pod.h"

namespace spawner::kube {

// Told of every pod that matches, on the loop's thread.
class PodHandler {
 public:
  virtual ~PodHandler() = default;
  // A complete list: what is not in it is gone. First call of all, and again after a 410.
  virtual void OnPodsListed(std::vector<Pod> pods) = 0;
  virtual void OnPodChanged(Pod pod) = 0;  // added or modified
  virtual void OnPodGone(Pod pod) = 0;     // its last state
  // The view may be old from now on (`status` says why), or is whole again (OK).
  virtual void OnPodViewStatus(const absl::Status& status) = 0;
};

// Keeps a handler's view of one namespace's pods (or all, with ns "") equal to the API server's:
// list, then watch from its resourceVersion with bookmarks; 410 -> list again; a broken or silent
// watch is resumed; errors back off 100 ms .. 10 s with jitter, and honour Retry-After. Never
// polls. Thread: the loop's. Owner: Core.
class PodReflector {
 public:
  PodReflector(HttpTransport& transport, const Clock& clock, Random& random, std::string ns,
               std::string label_selector, PodHandler& handler);
  ~PodReflector();
  PodReflector(const PodReflector&) = delete;
  PodReflector& operator=(const PodReflector&) = delete;

  // Starts what is due. Call in every turn of the loop.
  void Step(Instant now);
  // When Step wants to be called next, at the latest.
  Instant NextWake() const;

 private:
  class Worker;
  std::unique_ptr<Worker> worker_;
};

}  // namespace spawner::kube

#endif  // SPAWNER_CONTROLLER_KUBE_POD_REFLECTOR_H_
