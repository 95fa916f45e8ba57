#ifndef SPAWNER_CONTROLLER_API_METRICS_H_
#define SPAWNER_CONTROLLER_API_METRICS_H_

#include <map>
#include <string>
#include <utility>

#include "absl/time/time.h"
#include "base/histogram.h"
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
  // Bounded: outcomes are reasons of our own, some twenty.
  std::map<std::pair<std::string, std::string>, Histogram> connects_;
};

}  // namespace spawner::api

#endif  // SPAWNER_CONTROLLER_API_METRICS_H_
