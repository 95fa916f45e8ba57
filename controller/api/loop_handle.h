#ifndef SPAWNER_CONTROLLER_API_LOOP_HANDLE_H_
#define SPAWNER_CONTROLLER_API_LOOP_HANDLE_H_

#include <memory>
#include <utility>

#include "controller/api/edge.h"

namespace spawner::api {

// How a stream's reactor gets from gRPC's threads to the loop, where all its state belongs. gRPC
// deletes a reactor after Finish, while something posted may still be on its way: what is posted
// holds the handle's cell, never the reactor, and runs only until Clear.
//   OnWriteDone(bool ok) { handle_.Post([ok](WatchReactor& self) { self.WriteNext(ok); }); }
// Thread: Post from any, everything else on the loop's. Owner: the reactor.
template <typename Reactor>
class LoopHandle {
 public:
  // May be empty: the reactor has finished.
  using Cell = std::shared_ptr<Reactor*>;

  LoopHandle(const Edge& edge, Reactor* reactor)
      : edge_(edge), cell_(std::make_shared<Reactor*>(reactor)) {}
  LoopHandle(const LoopHandle&) = delete;
  LoopHandle& operator=(const LoopHandle&) = delete;

  template <typename Work>
  void Post(Work work) const {
    edge_.Post([cell = cell_, work = std::move(work)] {
      if (*cell != nullptr) work(**cell);
    });
  }

  // Right before Finish: nothing that was posted runs any more.
  void Clear() { *cell_ = nullptr; }

  const Cell& cell() const { return cell_; }

 private:
  const Edge& edge_;
  const Cell cell_;
};

}  // namespace spawner::api

#endif  // SPAWNER_CONTROLLER_API_LOOP_HANDLE_H_
