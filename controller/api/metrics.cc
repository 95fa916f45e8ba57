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

// `labels` without braces, may be empty.
void AppendHistogram(std::string& out, absl::string_view name, absl::string_view labels,
                     const Histogram& histogram) {
  const absl::string_view comma = labels.empty() ? "" : ",";
  const std::string braces = labels.empty() ? "" : absl::StrCat("{", labels, "}");
  uint64_t total = 0;
  for (size_t i = 0; i < histogram.counts().size(); ++i) {
    total += histogram.counts()[i];
    const std::string bound =
        i < Histogram::kBounds.size() ? absl::StrCat(Histogram::kBounds[i]) : "+Inf";
    absl::StrAppend(&out, name, "_bucket{", labels, comma, "le=\"", bound, "\"} ", total, "\n");
  }
  absl::StrAppend(&out, name, "_sum", braces, " ", histogram.sum_seconds(), "\n");
  absl::StrAppend(&out, name, "_count", braces, " ", total, "\n");
}

void AppendCounters(std::string& out, const core::CoreStatus::Counters& counters) {
  AppendHead(out, "spawner_start_phase_seconds", "histogram",
             "How long starts were in each phase; total: from Connect to READY.");
  for (const auto& [phase, histogram] : counters.start_phases) {
    AppendHistogram(out, "spawner_start_phase_seconds", absl::StrCat("phase=\"", phase, "\""),
                    histogram);
  }
  AppendHead(out, "spawner_idle_end_error_seconds", "histogram",
             "How late idle ends were decided after their deadline.");
  AppendHistogram(out, "spawner_idle_end_error_seconds", "", counters.idle_end_error);
  AppendHead(out, "spawner_drains_refused_total", "counter",
             "Idle ends called off because somebody was found behind the closed gate.");
  absl::StrAppend(&out, "spawner_drains_refused_total ", counters.drains_refused, "\n");
  AppendHead(out, "spawner_pods_ignored_total", "counter",
             "Pods labelled as ours that could not be read.");
  absl::StrAppend(&out, "spawner_pods_ignored_total ", counters.pods_ignored, "\n");
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
  AppendCounters(out, status.counters);
}

}  // namespace

void Metrics::CountConnect(const std::string& started_from, const std::string& outcome,
                           absl::Duration duration) {
  connects_[{started_from, outcome}].Add(duration);
}

std::string Metrics::Text(const core::CoreStatus* status) const {
  std::string out;
  AppendHead(out, "spawner_build_info", "gauge", "1; the version is in the label.");
  absl::StrAppend(&out, "spawner_build_info{version=\"", kVersion, "\"} 1\n");
  AppendHead(out, "spawner_connect_duration_seconds", "histogram",
             "Connect calls from arrival to answer.");
  for (const auto& [labels, histogram] : connects_) {
    AppendHistogram(
        out, "spawner_connect_duration_seconds",
        absl::StrCat("started_from=\"", labels.first, "\",outcome=\"", labels.second, "\""),
        histogram);
  }
  if (status != nullptr) AppendCore(out, *status);
  return out;
}

}  // namespace spawner::api
