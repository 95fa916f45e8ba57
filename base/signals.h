#ifndef SPAWNER_BASE_SIGNALS_H_
#define SPAWNER_BASE_SIGNALS_H_

#include <atomic>
#include <functional>
#include <thread>
#include <vector>

namespace spawner {

// Turns signals into calls of a function, on a thread of its own. Made before any other thread, so
// that all of them leave these signals alone. SIGPIPE is ignored from then on.
class Signals {
 public:
  // SIGTERM must be among `watched`. `on_signal` is called for each that comes; it only posts.
  Signals(std::vector<int> watched, std::function<void(int signal)> on_signal);
  ~Signals();
  Signals(const Signals&) = delete;
  Signals& operator=(const Signals&) = delete;

 private:
  void Wait();

  const std::vector<int> watched_;
  const std::function<void(int)> on_signal_;
  std::atomic<bool> is_over_{false};  // set before the signal that ends the thread
  std::thread thread_;
};

}  // namespace spawner

#endif  // SPAWNER_BASE_SIGNALS_H_
