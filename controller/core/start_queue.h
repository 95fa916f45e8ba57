#ifndef SPAWNER_CONTROLLER_CORE_START_QUEUE_H_
#define SPAWNER_CONTROLLER_CORE_START_QUEUE_H_

#include <cstdint>
#include <functional>
#include <list>
#include <map>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "base/clock.h"
#include "controller/core/per_namespace.h"

namespace spawner::core {

struct StartLimits {
  PerNamespace<int64_t> per_namespace;
  PerNamespace<int64_t> per_user = {};  // each user's in a namespace
  int64_t total = 0;                    // 0: no limit
};

// Starts that wait until fewer are in flight. Namespaces take turns, each one's own wait in line,
// but for those whose user has as many as a user may: who asks for thousands delays itself.
//   for (auto& go : queue.Due(now)) go(absl::OkStatus());  // after anything that changes
// Thread: one. Owner: Fairness.
class StartQueue {
 public:
  using Go = std::function<void(const absl::Status&)>;
  struct Ready {
    std::string ns;
    Go go;
    absl::Status status;  // OK: it may start, and is counted as running; else its time is over
  };

  explicit StartQueue(StartLimits limits) : limits_(limits) {}

  // RESOURCE_EXHAUSTED / RATE_LIMITED if too many wait already. `go` is called by Due's caller.
  // No `user`: nobody's.
  absl::Status Wait(const std::string& ns, Instant deadline, Go go, const std::string& user = "");
  // What else runs, or no longer does.
  void Add(const std::string& ns, const std::string& user = "");
  void Remove(const std::string& ns, const std::string& user = "");

  // Who may go on now, in the order of their turns; and who waited in vain.
  std::vector<Ready> Due(Instant now);
  // The latter alone.
  std::vector<Ready> Expired(Instant now);
  Instant NextWake() const;

  int64_t running(const std::string& ns) const;
  int64_t running(const std::string& ns, const std::string& user) const;
  int64_t total() const { return total_; }
  size_t waiting() const { return waiting_; }

 private:
  struct Entry {
    Instant deadline;
    Go go;
    std::string user;
  };
  struct Namespace {
    int64_t running = 0;
    std::map<std::string, int64_t> of_users;  // of those running; no zeros, nobody's not
    std::list<Entry> waiting;
  };
  bool HasRoom(const std::string& name, const Namespace& ns, const std::string& user) const;
  // Who is next in line in the namespace; its end: it has no room for any of them.
  std::list<Entry>::iterator Next(const std::string& name, Namespace& ns) const;
  absl::Status InVain(const std::string& name, const Namespace& ns, const std::string& user) const;
  void Forget(const std::string& ns);

  const StartLimits limits_;
  std::map<std::string, Namespace> namespaces_;
  int64_t total_ = 0;
  size_t waiting_ = 0;
  std::string last_turn_;  // whose was the last
};

}  // namespace spawner::core

#endif  // SPAWNER_CONTROLLER_CORE_START_QUEUE_H_
