#ifndef SPAWNER_CONTROLLER_CORE_LOOP_H_
#define SPAWNER_CONTROLLER_CORE_LOOP_H_

#include <atomic>
#include <functional>
#include <vector>

#include "base/clock.h"
#include "base/mailbox.h"
#include "controller/kube/http_transport.h"

namespace spawner::core {

// The controller's one loop. A turn: what was posted, then every part's step, then the transport's
// Poll, the only wait.
//   CoreLoop loop(transport, clock);
//   loop.Add({[&](Instant now) { engine.Step(now); }, [&] { return engine.NextWake(); }});
//   loop.Run();
// Thread: Run's, but for Post and Stop. Owner: main. Outlives who posts.
class CoreLoop {
 public:
  struct Part {
    std::function<void(Instant now)> step;
    std::function<Instant()> next_wake;
  };

  CoreLoop(kube::HttpTransport& transport, const Clock& clock);
  CoreLoop(const CoreLoop&) = delete;
  CoreLoop& operator=(const CoreLoop&) = delete;

  // Before Run, or from the loop's thread. The parts' steps run in the order they were added.
  void Add(Part part) { parts_.push_back(std::move(part)); }

  // Any thread. `work` runs on the loop's thread, or never if the loop has ended.
  void Post(std::function<void()> work) { mailbox_.Post(std::move(work)); }

  // Until Stop.
  void Run();
  // Any thread: Run returns at the end of its turn.
  void Stop();
  // One turn that waits for at most `max_wait`.
  void Turn(absl::Duration max_wait);

 private:
  kube::HttpTransport& transport_;
  const Clock& clock_;
  Mailbox<std::function<void()>> mailbox_;
  std::vector<Part> parts_;
  // Set by a signal's or main's thread; the wake that follows makes the loop read it.
  std::atomic<bool> is_stopping_{false};
};

}  // namespace spawner::core

#endif  // SPAWNER_CONTROLLER_CORE_LOOP_H_
