#ifndef SPAWNER_CONTROLLER_CORE_FAIRNESS_H_
#define SPAWNER_CONTROLLER_CORE_FAIRNESS_H_

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "base/clock.h"
#include "controller/core/fairness_limits.h"
#include "controller/core/rate_book.h"
#include "controller/core/service.h"
#include "controller/core/start_queue.h"

namespace spawner::core {

// What Fairness knows the sessions by: a core::Service.
struct FairnessSource {
  std::function<bool()> is_leader;
  // Of all sessions.
  std::function<absl::StatusOr<Service::WatchId>(Watcher*)> watch;
  std::function<void(Service::WatchId)> cancel;
};

// Lets Connects in, so that nobody takes what is others': quotas of a namespace and of each user in
// it, rates, and a queue of starts. It counts by watching the sessions, and what it has let in that
// is not to be seen yet.
//   fairness.Enter(order, [](const absl::StatusOr<Ticket>& ticket) { ... fairness.Leave(*ticket);
//   });
// Thread: the loop's. Owner: main.
class Fairness final : public Watcher {
 public:
  struct Order {
    std::string ns;
    SessionKey key;
    bool has_spec = false;  // without one nothing is started
    std::string user;       // of the grant, whose session it would be; may be empty
    std::string caller;     // may be empty
    Instant deadline;       // it waits no longer
  };
  using Ticket = uint64_t;  // 0: nothing is held
  using Entered = std::function<void(const absl::StatusOr<Ticket>&)>;

  Fairness(const Clock& clock, FairnessLimits limits);
  Fairness(const Fairness&) = delete;
  Fairness& operator=(const Fairness&) = delete;

  // What the source reaches outlives Close.
  void Open(FairnessSource source) { source_ = std::move(source); }
  void Close();

  // At once, or when it is this one's turn. RESOURCE_EXHAUSTED / QUOTA_SESSIONS, QUOTA_CONNECTIONS,
  // QUOTA_STARTS (waited in vain), RATE_LIMITED with the true wait.
  void Enter(const Order& order, Entered entered);
  // The Connect was answered.
  void Leave(Ticket ticket);

  struct Quota {
    std::string resource;  // "sessions", "starts", "connections", "connects_per_second"
    std::string user;      // empty: of the namespace
    int64_t used = 0;
    int64_t allowed = 0;
  };
  // Of the namespace; then, if users have limits in it, of those that have something: at most
  // kQuotaUsersShown, who have the most sessions first.
  std::vector<Quota> QuotasOf(const std::string& ns);

  void Step(Instant now);
  Instant NextWake() const { return is_due_ ? Instant{} : queue_.NextWake(); }

  // --- Watcher ----------------------------------------------------------------------------------
  bool OnWatchEvent(const WatchEvent& event) override;
  bool IsPrompt() const override { return true; }
  void OnWatchEnd(const absl::Status& status) override;

 private:
  using KeyName = std::pair<std::string, std::string>;   // namespace and key
  using UserName = std::pair<std::string, std::string>;  // namespace and user
  struct Seen {
    std::string ns;
    std::string key;
    std::string user;
    bool is_live = false;
    bool is_starting = false;
    int64_t connections = 0;
    absl::Time idle_deadline = absl::InfiniteFuture();  // of a live one that nobody uses
  };
  struct Used {
    int64_t sessions = 0;  // with those that were let in and are not to be seen yet
    int64_t connections = 0;
  };
  // Let in, and no session of theirs is to be seen yet.
  struct Reserved {
    KeyName key;
    std::string user;
  };
  void Watch();
  void Forget();
  void Count(const Seen& seen, int by);
  void Add(const std::string& ns, const std::string& user, int64_t sessions, int64_t connections);
  // Whose session the order is about: its user, unless another's holds the key.
  const std::string& OwnerOf(const Order& order) const;
  bool Starts(const Order& order) const;  // as far as is known
  // When a session of the namespace is the next to end as idle, if nobody comes: from now on,
  // within kQuotaRetryMin and kQuotaRetryMax.
  absl::Duration NextEnd(const std::string& ns) const;
  absl::Status CheckSessions(const Order& order) const;
  absl::Status CheckConnections(const Order& order) const;
  void Start(const Order& order, const absl::Status& status, const Entered& entered);
  void Unreserve(std::map<Ticket, Reserved>::iterator reserved);
  void AppendUsers(const std::string& ns, std::vector<Quota>& quotas) const;

  const Clock& clock_;
  const FairnessLimits limits_;
  std::optional<FairnessSource> source_;
  std::optional<Service::WatchId> watch_;
  RateBook namespaces_;
  RateBook callers_;
  StartQueue queue_;
  bool is_due_ = false;      // somebody may be able to go on
  bool is_counted_ = false;  // the list of what there is has been told: until then nothing starts
  std::map<std::pair<SessionId, Epoch>, Seen> seen_;
  std::multimap<KeyName, std::string> live_;  // the users that they were started for
  std::map<std::string, Used> used_;
  // By namespace, as the watch told it: one may be later by now, for a deadline that moves is no
  // news.
  std::map<std::string, std::multiset<absl::Time>> idle_ends_;
  std::map<UserName, Used> used_by_users_;
  Ticket last_ticket_ = 0;
  std::map<Ticket, Reserved> reserved_;
};

}  // namespace spawner::core

#endif  // SPAWNER_CONTROLLER_CORE_FAIRNESS_H_
