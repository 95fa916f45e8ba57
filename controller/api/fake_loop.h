#ifndef SPAWNER_CONTROLLER_API_FAKE_LOOP_H_
#define SPAWNER_CONTROLLER_API_FAKE_LOOP_H_

#include <condition_variable>
#include <functional>
#include <future>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

#include "controller/api/edge.h"

namespace spawner::api {

// A loop that does nothing but run what is posted, on a thread of its own.
class FakeLoop {
 public:
  FakeLoop() : thread_([this] { Turn(); }) {}
  ~FakeLoop() {
    Post([this] { is_over_ = true; });
    thread_.join();
  }
  FakeLoop(const FakeLoop&) = delete;
  FakeLoop& operator=(const FakeLoop&) = delete;

  void Post(std::function<void()> work) {
    const std::lock_guard<std::mutex> lock(mutex_);
    posted_.push_back(std::move(work));
    condition_.notify_one();
  }
  Poster poster() {
    return [this](std::function<void()> work) { Post(std::move(work)); };
  }
  // Runs `work` on the loop and waits for it.
  void Run(const std::function<void()>& work) {
    std::promise<void> done;
    Post([&work, &done] {
      work();
      done.set_value();
    });
    done.get_future().wait();
  }
  // Waits until `condition` holds on the loop: every post gives it another look. For what only
  // another thread's next post can bring about.
  void WaitUntil(const std::function<bool()>& condition) {
    bool holds = false;
    while (!holds) {
      Run([&] { holds = condition(); });
      if (!holds) std::this_thread::yield();
    }
  }

 private:
  void Turn() {
    while (!is_over_) {
      std::vector<std::function<void()>> work;
      {
        std::unique_lock<std::mutex> lock(mutex_);
        condition_.wait(lock, [this] { return !posted_.empty(); });
        work.swap(posted_);
      }
      for (const std::function<void()>& one : work) one();
    }
  }

  std::mutex mutex_;
  std::condition_variable condition_;
  std::vector<std::function<void()>> posted_;
  bool is_over_ = false;  // the loop's thread only
  std::thread thread_;
};

}  // namespace spawner::api

#endif  // SPAWNER_CONTROLLER_API_FAKE_LOOP_H_
