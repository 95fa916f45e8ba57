#ifndef SPAWNER_CONTROLLER_KUBE_POD_METRICS_H_
#define SPAWNER_CONTROLLER_KUBE_POD_METRICS_H_

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace spawner::kube {

// What the containers of a pod use together, as the metrics API (metrics.k8s.io) last had it.
struct PodMetrics {
  double cpu_cores = 0;      // averaged over the server's window, some 15 to 60 s
  int64_t memory_bytes = 0;  // the working set
  absl::Time time;           // the end of the window
};

// By namespace and name of the pod.
using PodMetricsMap = std::map<std::pair<std::string, std::string>, PodMetrics>;

// The list of a namespace's pods with these labels ("a=b"); an empty one: of all namespaces.
std::string PodMetricsPath(absl::string_view ns, absl::string_view label_selector);

// Reads a PodMetricsList. INVALID_ARGUMENT if it is none.
absl::StatusOr<PodMetricsMap> DecodePodMetrics(absl::string_view json);

// A Kubernetes quantity that is not negative: "250m" -> 0.25, "1536Ki" -> 1572864. Nothing for
// other text.
std::optional<double> ParseQuantity(absl::string_view text);

}  // namespace spawner::kube

#endif  // SPAWNER_CONTROLLER_KUBE_POD_METRICS_H_
