#ifndef SPAWNER_BASE_MAILBOX_H_
#define SPAWNER_BASE_MAILBOX_H_

#include <functional>
#include <mutex>
#include <utility>
#include <vector>

#include "base/thread_annotations.h"

namespace spawner {

// The one crossing between threads: any thread posts values, one thread drains them. `wake` is
// called, outside the lock, by the post that finds the box empty; it must be safe on any thread and
// outlive the box (an eventfd write, curl_multi_wakeup). Bounded by what posts: each poster has a
// bound of its own (streams, sessions, workers).
template <typename T>
class Mailbox {
 public:
  explicit Mailbox(std::function<void()> wake) : wake_(std::move(wake)) {}
  Mailbox(const Mailbox&) = delete;
  Mailbox& operator=(const Mailbox&) = delete;

  void Post(T value) {
    bool was_empty;
    {
      MutexLock lock(mutex_);
      was_empty = values_.empty();
      values_.push_back(std::move(value));
    }
    if (was_empty) wake_();
  }

  // All values posted so far, in order.
  std::vector<T> Drain() {
    std::vector<T> drained;
    MutexLock lock(mutex_);
    drained.swap(values_);
    return drained;
  }

 private:
  const std::function<void()> wake_;
  Mutex mutex_;
  std::vector<T> values_ SPAWNER_GUARDED_BY(mutex_);
};

}  // namespace spawner

#endif  // SPAWNER_BASE_MAILBOX_H_
