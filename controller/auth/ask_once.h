#ifndef SPAWNER_CONTROLLER_AUTH_ASK_ONCE_H_
#define SPAWNER_CONTROLLER_AUTH_ASK_ONCE_H_

#include <functional>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "base/clock.h"
#include "base/status.h"
#include "controller/auth/caller.h"
#include "controller/auth/expiring_map.h"
#include "controller/auth/limits.h"

namespace spawner::auth {

// What somebody else has to say of a key: asked for once, however many wait for it, and remembered
// for as long as the answer says. Thread: the loop's. Owner: Guard; outlives what it has asked.
template <typename Value>
class AskOnce {
 public:
  using Answer = absl::StatusOr<Value>;
  using Done = std::function<void(const Answer&)>;
  struct Verdict {
    Answer answer;
    absl::Duration good_for;  // from the moment of the question; zero: is not remembered
  };
  using Finish = std::function<void(Verdict)>;

  explicit AskOnce(size_t entries_max) : known_(entries_max) {}

  // Calls `done` at once if the answer is known, else when it comes. `start(finish)` asks; it is
  // called within Get or not at all. RESOURCE_EXHAUSTED / RATE_LIMITED when too many wait.
  template <typename Start>
  void Get(std::string key, Instant now, Done done, Start start) {
    if (const Answer* known = known_.Find(key, now); known != nullptr) {
      const Answer answer = *known;  // `done` may ask for more
      return done(answer);
    }
    const bool is_new = !waiting_.contains(key);
    if (waiters_ >= kWaitersMax || (is_new && waiting_.size() >= kReviewsMax)) {
      return done(WithRetryAfter(
          WithReason(absl::ResourceExhaustedError(
                         "too many calls wait for Kubernetes to say who may call; try again"),
                     "RATE_LIMITED", {{"quota", "reviews"}, {"limit", kReviewsMax}}),
          kUnreachableRetry));
    }
    waiting_[key].push_back(std::move(done));
    ++waiters_;
    if (!is_new) return;
    start(Finish([this, key = std::move(key), now](Verdict verdict) {
      Take(key, now, std::move(verdict));
    }));
  }

 private:
  void Take(const std::string& key, Instant asked_at, Verdict verdict) {
    const auto found = waiting_.find(key);
    if (found == waiting_.end()) return;
    const std::vector<Done> waiting = std::move(found->second);
    waiting_.erase(found);
    waiters_ -= waiting.size();
    if (verdict.good_for > absl::ZeroDuration()) {
      known_.Put(key, verdict.answer, asked_at + verdict.good_for);
    }
    for (const Done& done : waiting) done(verdict.answer);
  }

  ExpiringMap<Answer> known_;
  std::map<std::string, std::vector<Done>> waiting_;
  size_t waiters_ = 0;
};

using CallerVerdict = AskOnce<CallerPtr>::Verdict;
using CallerFinish = AskOnce<CallerPtr>::Finish;

}  // namespace spawner::auth

#endif  // SPAWNER_CONTROLLER_AUTH_ASK_ONCE_H_
