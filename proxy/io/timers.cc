#include "proxy/io/timers.h"

#include <cstddef>

namespace spawner::proxy {

void Timer::Arm(Instant deadline) {
  Disarm();
  deadline_ = deadline;
  timers_.Add(*this);
}

void Timer::Disarm() {
  if (is_armed()) timers_.Remove(*this);
}

void Timers::Run(Instant now) {
  // Bounded: a handler that arms for `now` again would otherwise run for ever.
  for (size_t left = heap_.size(); left > 0 && !heap_.empty() && heap_[0]->deadline_ <= now;
       --left) {
    Timer& due = *heap_[0];
    Remove(due);
    due.handler_.OnTimer(now);
  }
}

void Timers::Add(Timer& timer) {
  heap_.push_back(&timer);
  timer.place_ = static_cast<uint32_t>(heap_.size() - 1);
  SiftUp(timer.place_);
}

void Timers::Remove(Timer& timer) {
  const uint32_t hole = timer.place_;
  timer.place_ = Timer::kNowhere;
  Timer* last = heap_.back();
  heap_.pop_back();
  if (last == &timer) return;
  Place(hole, last);
  SiftUp(hole);
  SiftDown(last->place_);
}

void Timers::Place(uint32_t index, Timer* timer) {
  heap_[index] = timer;
  timer->place_ = index;
}

void Timers::SiftUp(uint32_t index) {
  Timer* timer = heap_[index];
  while (index > 0 && timer->deadline_ < heap_[(index - 1) / 2]->deadline_) {
    Place(index, heap_[(index - 1) / 2]);
    index = (index - 1) / 2;
  }
  Place(index, timer);
}

void Timers::SiftDown(uint32_t index) {
  Timer* timer = heap_[index];
  for (;;) {
    uint32_t child = 2 * index + 1;
    if (child >= heap_.size()) break;
    if (child + 1 < heap_.size() && heap_[child + 1]->deadline_ < heap_[child]->deadline_) ++child;
    if (timer->deadline_ <= heap_[child]->deadline_) break;
    Place(index, heap_[child]);
    index = child;
  }
  Place(index, timer);
}

}  // namespace spawner::proxy
