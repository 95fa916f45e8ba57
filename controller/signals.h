#ifndef SPAWNER_CONTROLLER_SIGNALS_H_
#define SPAWNER_CONTROLLER_SIGNALS_H_

#include <atomic>
#include <functional>
#include <thread>

namespace spawner {

// Turns SIGTERM and SIGINT into calls of a function, on a thread of its own. Made before any other
// thread, so that all of them leave these signals alone. SIGPIPE is ignored from then on.
class Signals {
 public:
  // `on_end` is called for each signal; it only posts.
  explicit Signals(std::function<void(int signal)> on_end);
  ~Signals();
  Signals(const Signals&) = delete;
  Signals& operator=(const Signals&) = delete;

 private:
  void Wait();

  const std::function<void(int)> on_end_;
  std::atomic<bool> is_over_{false};  // set before the signal that ends the thread
  std::thread thread_;
};

}  // namespace spawner

#endif  // SPAWNER_CONTROLLER_SIGNALS_H_
