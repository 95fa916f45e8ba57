#include "controller/kube/pod_metrics.h"

#include <cmath>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "base/json.h"
#include "base/status.h"
#include "controller/kube/api_path.h"

namespace spawner::kube {
namespace {

struct Suffix {
  absl::string_view text;
  double factor;
};

// k8s.io/apimachinery/pkg/api/resource, longest first.
constexpr Suffix kSuffixes[] = {
    {"Ki", 1024.0},
    {"Mi", 1024.0 * 1024},
    {"Gi", 1024.0 * 1024 * 1024},
    {"Ti", 1024.0 * 1024 * 1024 * 1024},
    {"Pi", 1024.0 * 1024 * 1024 * 1024 * 1024},
    {"Ei", 1024.0 * 1024 * 1024 * 1024 * 1024 * 1024},
    {"n", 1e-9},
    {"u", 1e-6},
    {"m", 1e-3},
    {"k", 1e3},
    {"M", 1e6},
    {"G", 1e9},
    {"T", 1e12},
    {"P", 1e15},
    {"E", 1e18},
};
// More than any machine has; what is above is read as this.
constexpr double kMost = 1e18;

double QuantityOf(const JsonReader& usage, const char* name) {
  return std::fmin(ParseQuantity(usage.String(name)).value_or(0), kMost);
}

}  // namespace

std::optional<double> ParseQuantity(absl::string_view text) {
  double factor = 1;
  for (const Suffix& suffix : kSuffixes) {
    if (!absl::ConsumeSuffix(&text, suffix.text)) continue;
    factor = suffix.factor;
    break;
  }
  double number = 0;
  // SimpleAtod also takes blanks, "inf" and "nan".
  if (text.find_first_not_of("0123456789.eE+-") != absl::string_view::npos ||
      !absl::SimpleAtod(text, &number) || !std::isfinite(number) || number < 0) {
    return std::nullopt;
  }
  return number * factor;
}

std::string PodMetricsPath(absl::string_view ns, absl::string_view label_selector) {
  return absl::StrCat("/apis/metrics.k8s.io/v1beta1/",
                      ns.empty() ? "" : absl::StrCat("namespaces/", ns, "/"),
                      "pods?labelSelector=", QueryEscape(label_selector));
}

absl::StatusOr<PodMetricsMap> DecodePodMetrics(absl::string_view json) {
  ASSIGN_OR_RETURN(const Json document, ParseJson(json));
  absl::Status error;
  PodMetricsMap all;
  for (const JsonReader& item : JsonReader(document, "", error).Objects("items")) {
    const JsonReader metadata = item.Object("metadata");
    PodMetrics pod{.time = item.Time("timestamp").value_or(absl::UnixEpoch())};
    double bytes = 0;
    for (const JsonReader& container : item.Objects("containers")) {
      const JsonReader usage = container.Object("usage");
      pod.cpu_cores += QuantityOf(usage, "cpu");
      bytes += QuantityOf(usage, "memory");
    }
    pod.memory_bytes = static_cast<int64_t>(std::fmin(bytes, kMost));
    all[{metadata.String("namespace"), metadata.String("name")}] = pod;
  }
  RETURN_IF_ERROR(error);
  return all;
}

}  // namespace spawner::kube
