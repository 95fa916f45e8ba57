#include "tests/bench/poller.h"

#include <time.h>

#include "base/check.h"

namespace spawner::bench {
namespace {

constexpr int64_t kNsPerSecond = 1'000'000'000;

void Control(const Fd& epoll, int operation, const Fd& fd, uint32_t events, void* owner) {
  epoll_event event{};
  event.events = events;
  event.data.ptr = owner;
  SPAWNER_CHECK(epoll_ctl(epoll.get(), operation, fd.get(), &event) == 0);
}

}  // namespace

Poller::Poller() : epoll_(epoll_create1(EPOLL_CLOEXEC)) { SPAWNER_CHECK(epoll_.is_open()); }

void Poller::Add(const Fd& fd, uint32_t events, void* owner) {
  Control(epoll_, EPOLL_CTL_ADD, fd, events, owner);
}

void Poller::Change(const Fd& fd, uint32_t events, void* owner) {
  Control(epoll_, EPOLL_CTL_MOD, fd, events, owner);
}

void Poller::Remove(const Fd& fd) { Control(epoll_, EPOLL_CTL_DEL, fd, 0, nullptr); }

absl::Span<const epoll_event> Poller::Wait(int64_t wait_ns) {
  const timespec wait = {wait_ns / kNsPerSecond, wait_ns % kNsPerSecond};
  const int count = epoll_pwait2(epoll_.get(), events_, kEventsPerWait,
                                 wait_ns == kForever ? nullptr : &wait, nullptr);
  return {events_, static_cast<size_t>(count > 0 ? count : 0)};
}

}  // namespace spawner::bench
