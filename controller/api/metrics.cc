#include "controller/api/metrics.h"

#include <algorithm>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "base/version.h"
#include "controller/session/session.h"

namespace spawner::api {
namespace {

void AppendHead(std::string& out, absl::string_view name, absl::string_view type,
                absl::string_view help) {
  absl::StrAppend(&out, "# HELP ", name, " ", help, "\n# TYPE ", name, " ", type, "\n");
}

void AppendCore(std::string& out, const core::CoreStatus& status) {
  AppendHead(out, "spawner_sessions", "gauge", "Sessions by state.");
  for (const auto& [state, count] : status.sessions) {
    absl::StrAppend(&out, "spawner_sessions{state=\"", Name(state), "\"} ", count, "\n");
  }
  AppendHead(out, "spawner_kubernetes_requests_total", "counter",
             "Requests to the Kubernetes API by verb, resource and HTTP code (0: no answer).");
  for (const auto& [name, count] : status.kubernetes_requests) {
    // "create pods 201"
    std::vector<absl::string_view> words = absl::StrSplit(name, ' ');
    words.resize(3);
    absl::StrAppend(&out, "spawner_kubernetes_requests_total{verb=\"", words[0], "\",resource=\"",
                    words[1], "\",code=\"", words[2], "\"} ", count, "\n");
  }
  AppendHead(out, "spawner_is_leader", "gauge", "1 on the controller that leads.");
  absl::StrAppend(&out, "spawner_is_leader ", status.is_leader ? 1 : 0, "\n");
  AppendHead(out, "spawner_proxies", "gauge", "Proxies of the roster by the state of their link.");
  const auto connected =
      std::count_if(status.proxies.begin(), status.proxies.end(),
                    [](const core::ProxyInfo& proxy) { return proxy.is_connected; });
  absl::StrAppend(&out, "spawner_proxies{link=\"up\"} ", connected,
                  "\nspawner_proxies{link=\"lost\"} ",
                  static_cast<int64_t>(status.proxies.size()) - connected, "\n");
}

}  // namespace

void Metrics::CountConnect(const std::string& started_from, const std::string& outcome,
                           absl::Duration duration) {
  Histogram& histogram = connects_[{started_from, outcome}];
  const double seconds = absl::ToDoubleSeconds(duration);
  const auto bound = std::lower_bound(kBounds.begin(), kBounds.end(), seconds);
  ++histogram.counts[static_cast<size_t>(bound - kBounds.begin())];
  histogram.sum_seconds += seconds;
}

std::string Metrics::Text(const core::CoreStatus* status) const {
  std::string out;
  AppendHead(out, "spawner_build_info", "gauge", "1; the version is in the label.");
  absl::StrAppend(&out, "spawner_build_info{version=\"", kVersion, "\"} 1\n");
  AppendHead(out, "spawner_connect_duration_seconds", "histogram",
             "Connect calls from arrival to answer.");
  for (const auto& [labels, histogram] : connects_) {
    const std::string names =
        absl::StrCat("started_from=\"", labels.first, "\",outcome=\"", labels.second, "\"");
    uint64_t total = 0;
    for (size_t i = 0; i < histogram.counts.size(); ++i) {
      total += histogram.counts[i];
      const std::string bound = i < kBounds.size() ? absl::StrCat(kBounds[i]) : "+Inf";
      absl::StrAppend(&out, "spawner_connect_duration_seconds_bucket{", names, ",le=\"", bound,
                      "\"} ", total, "\n");
    }
    absl::StrAppend(&out, "spawner_connect_duration_seconds_sum{", names, "} ",
                    histogram.sum_seconds, "\nspawner_connect_duration_seconds_count{", names, "} ",
                    total, "\n");
  }
  if (status != nullptr) AppendCore(out, *status);
  return out;
}

}  // namespace spawner::api
