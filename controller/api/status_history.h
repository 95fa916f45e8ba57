#ifndef SPAWNER_CONTROLLER_API_STATUS_HISTORY_H_
#define SPAWNER_CONTROLLER_API_STATUS_HISTORY_H_

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>

#include "absl/time/time.h"
#include "base/json.h"
#include "controller/api/edge.h"
#include "controller/api/http_exchange.h"

namespace spawner::api {

// What this controller has seen of itself over the last hour: looked at on the loop every
// kHistoryLookEvery, kept every kHistoryStep, at most kHistoryPointsMax points.
// Thread: the HTTP port's. Owner: HttpRoutes.
class StatusHistory {
 public:
  struct Look {
    absl::Time time;
    bool is_reachable = false;  // Kubernetes
    bool has_leader = false;
    std::string lease_problem;
    int64_t connections = -1;  // -1: only the leader knows
    int64_t sessions = 0;      // live ones
    int64_t requests = 0;      // to Kubernetes, since start
  };

  StatusHistory(const Edge& edge, std::shared_ptr<HttpThread> thread)
      : edge_(edge), thread_(std::move(thread)) {}
  ~StatusHistory() { *alive_ = false; }
  StatusHistory(const StatusHistory&) = delete;
  StatusHistory& operator=(const StatusHistory&) = delete;

  // Starts looking, and goes on.
  void LookOn();
  void Take(const Look& look);

  // Points that were taken after the first `seen`, [s, connections, sessions, requests] each;
  // `seen` becomes the number of all so far.
  Json PointsAfter(uint64_t& seen) const;
  // Since when it has been so, to within kHistoryLookEvery.
  std::optional<absl::Time> unreachable_since() const { return unreachable_since_; }
  std::optional<absl::Time> no_leader_since() const { return no_leader_since_; }
  const std::string& lease_problem() const { return lease_problem_; }

 private:
  const Edge& edge_;
  const std::shared_ptr<HttpThread> thread_;
  // What comes from the loop after our end is dropped.
  const std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
  HttpThread::Timer timer_;
  std::deque<Look> points_;
  uint64_t taken_ = 0;
  std::optional<absl::Time> unreachable_since_;
  std::optional<absl::Time> no_leader_since_;
  std::string lease_problem_;
};

}  // namespace spawner::api

#endif  // SPAWNER_CONTROLLER_API_STATUS_HISTORY_H_
