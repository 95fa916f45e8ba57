#ifndef SPAWNER_PROXY_IO_TIMERS_H_
#define SPAWNER_PROXY_IO_TIMERS_H_

#include <cstdint>
#include <vector>

#include "base/clock.h"

namespace spawner::proxy {

class Timers;

// Owner of a Timer: decides by its own state what is due.
class TimerHandler {
 public:
  virtual ~TimerHandler() = default;
  virtual void OnTimer(Instant now) = 0;
};

// One deadline, disarmed by its destructor.
class Timer {
 public:
  Timer(Timers& timers, TimerHandler& handler) : timers_(timers), handler_(handler) {}
  ~Timer() { Disarm(); }
  Timer(const Timer&) = delete;
  Timer& operator=(const Timer&) = delete;

  // Replaces an earlier deadline.
  void Arm(Instant deadline);
  // Earlier of the armed one and this: cheap to call for each request.
  void ArmAtLatest(Instant deadline) {
    if (!is_armed() || deadline < deadline_) Arm(deadline);
  }
  void Disarm();
  bool is_armed() const { return place_ != kNowhere; }
  Instant deadline() const { return deadline_; }

 private:
  friend class Timers;
  static constexpr uint32_t kNowhere = UINT32_MAX;

  Timers& timers_;
  TimerHandler& handler_;
  Instant deadline_;
  uint32_t place_ = kNowhere;  // in the heap
};

// A binary heap of armed timers. A connection arms one when it becomes idle and checks its own last
// activity when told, so requests don't touch the heap.
// Thread: its loop's. Owner: Worker or main; outlives every Timer.
class Timers {
 public:
  Timers() = default;
  Timers(const Timers&) = delete;
  Timers& operator=(const Timers&) = delete;

  // Infinite() if none is armed.
  Instant Next() const { return heap_.empty() ? Instant::Infinite() : heap_[0]->deadline_; }
  // Tells, in order of deadline, those due at `now`. One armed meanwhile for a time not after `now`
  // waits for the next call.
  void Run(Instant now);

 private:
  friend class Timer;
  void Add(Timer& timer);
  void Remove(Timer& timer);
  void Place(uint32_t index, Timer* timer);
  void SiftUp(uint32_t index);
  void SiftDown(uint32_t index);

  std::vector<Timer*> heap_;
};

}  // namespace spawner::proxy

#endif  // SPAWNER_PROXY_IO_TIMERS_H_
