#include "base/signals.h"

#include <pthread.h>

#include <algorithm>
#include <csignal>
#include <utility>

#include "base/check.h"

namespace spawner {
namespace {

sigset_t SetOf(const std::vector<int>& watched) {
  sigset_t set;
  sigemptyset(&set);
  for (const int signal : watched) sigaddset(&set, signal);
  return set;
}

}  // namespace

Signals::Signals(std::vector<int> watched, std::function<void(int signal)> on_signal)
    : watched_(std::move(watched)), on_signal_(std::move(on_signal)) {
  SPAWNER_CHECK(std::count(watched_.begin(), watched_.end(), SIGTERM) == 1);
  const sigset_t set = SetOf(watched_);
  pthread_sigmask(SIG_BLOCK, &set, nullptr);
  std::signal(SIGPIPE, SIG_IGN);
  thread_ = std::thread([this] { Wait(); });
}

Signals::~Signals() {
  is_over_ = true;
  pthread_kill(thread_.native_handle(), SIGTERM);
  thread_.join();
}

void Signals::Wait() {
  const sigset_t set = SetOf(watched_);
  while (true) {
    int signal = 0;
    if (sigwait(&set, &signal) != 0) continue;
    if (is_over_) return;
    on_signal_(signal);
  }
}

}  // namespace spawner
