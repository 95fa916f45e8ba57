#ifndef SPAWNER_CONTROLLER_API_METRICS_H_
#define SPAWNER_CONTROLLER_API_METRICS_H_

#include <array>
#include <cstdint>
#include <map>
#include <string>
#include <utility>

#include "absl/time/time.h"
#include "controller/core/service.h"

namespace spawner::api {

// The controller's metrics, in Prometheus' text format. Names: docs/api.md.
// Thread: the loop's.
class Metrics {
 public:
  // `started_from` is "cold", "warm", "live" or "" for a failure; `outcome` "ok" or an error's
  // reason.
  void CountConnect(const std::string& started_from, const std::string& outcome,
                    absl::Duration duration);

  // `status` is null while there is no core.
  std::string Text(const core::CoreStatus* status) const;

 private:
  // Upper bounds in seconds: from 0.5 ms, as a Connect to a live session takes less than 1 ms.
  static constexpr std::array<double, 15> kBounds = {
      0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30};
  struct Histogram {
    std::array<uint64_t, kBounds.size() + 1> counts{};
    double sum_seconds = 0;
  };
  // Bounded: outcomes are reasons of our own, some twenty.
  std::map<std::pair<std::string, std::string>, Histogram> connects_;
};

}  // namespace spawner::api

#endif  // SPAWNER_CONTROLLER_API_METRICS_H_
