#ifndef SPAWNER_CONTROLLER_CORE_REMOVAL_H_
#define SPAWNER_CONTROLLER_CORE_REMOVAL_H_

#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "controller/core/all_sessions.h"
#include "controller/core/service.h"
#include "controller/kube/kube_client.h"

namespace spawner::core {

struct RemovalOptions {
  std::vector<std::string> objects;  // API paths of what is deleted last: our keys, our Lease
  bool confirm = false;              // false: only says what would be done
};

// Ends every session, deletes their pods, then `objects`. What people made (PodTemplates, claims
// that are to be kept, namespaces) is not looked at. Done again, it finds nothing and does no harm.
// Thread: the loop's. Owner: shared by the caller, who may drop it at any time, and what is in
// flight, which holds it weakly. `kube` and what is behind `sessions` outlive it.
class Removal : public std::enable_shared_from_this<Removal> {
 public:
  // What it needs of the core.
  struct Sessions {
    AllSessions all;
    std::function<void(TerminateParams, Service::ViewDone)> terminate;
  };
  using OnStep = std::function<void(const std::string& message)>;
  using OnEnd = std::function<void(const absl::Status& status)>;

  Removal(Sessions sessions, kube::KubeClient& kube, RemovalOptions options);

  // `on_step` for each thing that is done, then `on_end`; both also from within the call.
  void Start(OnStep on_step, OnEnd on_end);

 private:
  struct Item {
    std::string ns;
    SessionId id;
    Epoch epoch;
    std::string pod;
    bool is_live = false;
  };

  void OnCollected(const absl::Status& status);
  void Say() const;
  void EndSessions();
  void DeletePods();
  void DeleteObjects();
  // Begins what is waiting, kInFlightMax at a time; `then` when nothing is left.
  void Turn();
  void OnDone(const absl::Status& status);

  const Sessions sessions_;
  kube::KubeClient& kube_;
  const RemovalOptions options_;
  OnStep on_step_;
  OnEnd on_end_;
  std::vector<Item> items_;
  std::deque<std::function<void()>> waiting_;
  std::function<void()> then_;
  int in_flight_ = 0;
  int done_ = 0;
  bool is_turning_ = false;
  absl::Status failed_;  // the first failure: nothing further is begun
};

}  // namespace spawner::core

#endif  // SPAWNER_CONTROLLER_CORE_REMOVAL_H_
