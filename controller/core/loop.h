#ifndef SPAWNER_CONTROLLER_CORE_LOOP_H_
#define SPAWNER_CONTROLLER_CORE_LOOP_H_

#include <deque>
#include <functional>
#include <vector>

#include "base/clock.h"
#include "base/mailbox.h"
#include "controller/kube/http_transport.h"

namespace spawner::core {

// The controller's one loop. A turn: what was posted, for kPostedPerTurnMax at most, then every part's step, then the transport's
// Poll, the only wait.
//   CoreLoop loop(transport, clock);
//   loop.Add({[&](Instant now) { engine.Step(now); }, [&] { return engine.NextWake(); }});
//   loop.RunUntil([&] { return is_stopping; });
// Thread: RunUntil's, but for Post. Owner: main. Outlives who posts.
class CoreLoop {
 public:
  struct Part {
    std::function<void(Instant now)> step;
    std::function<Instant()> next_wake;
  };

  CoreLoop(kube::HttpTransport& transport, const Clock& clock);
  CoreLoop(const CoreLoop&) = delete;
  CoreLoop& operator=(const CoreLoop&) = delete;

  // Before RunUntil, or from the loop's thread. The parts' steps run in the order they were added.
  void Add(Part part) { parts_.push_back(std::move(part)); }

  // Any thread. `work` runs on the loop's thread, or never if the loop has ended.
  void Post(std::function<void()> work) { mailbox_.Post(std::move(work)); }

  // Turns until `is_done`, or `deadline`. That is asked between a turn's work and its wait:
  // whatever a post or a step brings about ends the loop at once.
  void RunUntil(const std::function<bool()>& is_done, Instant deadline = Instant::Infinite());

 private:
  void Work();
  absl::Duration WaitOf(Instant deadline) const;

  kube::HttpTransport& transport_;
  const Clock& clock_;
  Mailbox<std::function<void()>> mailbox_;
  std::deque<std::function<void()>> posted_;  // taken out of the mailbox, not run yet
  std::vector<Part> parts_;
};

}  // namespace spawner::core

#endif  // SPAWNER_CONTROLLER_CORE_LOOP_H_
