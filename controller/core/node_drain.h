#ifndef SPAWNER_CONTROLLER_CORE_NODE_DRAIN_H_
#define SPAWNER_CONTROLLER_CORE_NODE_DRAIN_H_

#include <deque>
#include <functional>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "controller/core/all_sessions.h"
#include "controller/core/service.h"

namespace spawner::core {

struct NodeDrainResult {
  int ended = 0;    // nobody was connected
  int waiting = 0;  // in use, or held
};

// One look at the sessions of a node: those that nobody uses end now, without their grace, as
// EVICTED. It keeps nothing: whoever wants the node empty looks again until nothing waits
// (docs/decisions/0023).
// Thread: the loop's. Owner: shared by the caller, who may drop it at any time, and what is in
// flight, which holds it weakly. What is behind `sessions` outlives it.
class NodeDrain : public std::enable_shared_from_this<NodeDrain> {
 public:
  // What it needs of the core.
  struct Sessions {
    AllSessions all;
    std::function<void(TerminateParams, Service::ViewDone)> terminate;
  };
  using Done = std::function<void(const absl::StatusOr<NodeDrainResult>&)>;

  NodeDrain(Sessions sessions, std::string node)
      : sessions_(std::move(sessions)), node_(std::move(node)) {}

  // Looks at a page of sessions a turn; `done` once, from within the call or later. NO_LEADER; what
  // Kubernetes said to the first end that it refused.
  void Start(Done done);

 private:
  void Consider(const SessionView& view);
  // Begins what is left, so many at a time; answers when nothing is.
  void Turn();
  void OnEnded(const absl::Status& status);

  const Sessions sessions_;
  const std::string node_;
  Done done_;
  std::deque<TerminateParams> left_;
  NodeDrainResult result_;
  absl::Status failed_;
  int in_flight_ = 0;
  bool is_turning_ = false;
};

}  // namespace spawner::core

#endif  // SPAWNER_CONTROLLER_CORE_NODE_DRAIN_H_
