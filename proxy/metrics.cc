#include "proxy/metrics.h"

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "proxy/forward/counters.h"
#include "proxy/tls/tls_counters.h"

namespace spawner::proxy {
namespace {

void Begin(absl::string_view name, absl::string_view type, absl::string_view help,
           std::string* out) {
  absl::StrAppend(out, "# HELP ", name, " ", help, "\n# TYPE ", name, " ", type, "\n");
}

void AppendConnections(const Fleet& fleet, std::string* out) {
  Begin("spawner_proxy_connections", "gauge", "Connections open now, by kind.", out);
  const auto line = [out](absl::string_view kind, int64_t value) {
    absl::StrAppend(out, "spawner_proxy_connections{kind=\"", kind, "\"} ", value, "\n");
  };
  line("client", fleet.Sum([](const Counters& c) { return c.clients.value(); }));
  // Of the clients those that speak HTTP/2, and what they have open.
  line("http2", fleet.Sum([](const Counters& c) { return c.h2_clients.value(); }));
  line("http2_stream", fleet.Sum([](const Counters& c) { return c.h2_streams.value(); }));
  line("upstream", fleet.Sum([](const Counters& c) { return c.upstreams.value(); }));
  line("tunnel", fleet.Sum([](const Counters& c) { return c.tunnels.value(); }));
  Begin("spawner_proxy_connections_refused_total", "counter",
        "Client connections refused: the proxy has no room, or their address has too many.", out);
  absl::StrAppend(
      out, "spawner_proxy_connections_refused_total{reason=\"room\"} ",
      fleet.Sum([](const Counters& c) { return c.refused.value(); }),
      "\nspawner_proxy_connections_refused_total{reason=\"address\"} ",
      fleet.Sum([](const Counters& c) { return c.refused_addresses.value(); }) +
          fleet.SumTls([](const TlsCounters& c) { return c.of(ArrivalError::kAddress).value(); }),
      "\n");
  Begin("spawner_proxy_held_requests", "gauge", "Requests that wait for their session now.", out);
  absl::StrAppend(out, "spawner_proxy_held_requests ",
                  fleet.Sum([](const Counters& c) { return c.held.value(); }), "\n");
  Begin("spawner_proxy_progress_pages_total", "counter",
        "Pages shown to browsers whose session was starting, each a 202.", out);
  absl::StrAppend(out, "spawner_proxy_progress_pages_total ",
                  fleet.Sum([](const Counters& c) { return c.progress_pages.value(); }), "\n");
}

void AppendRequests(const Fleet& fleet, std::string* out) {
  Begin("spawner_proxy_requests_total", "counter",
        "Requests finished, by status; 499: the client left before the answer.", out);
  for (size_t code = 100; code < 1000; ++code) {
    const int64_t count = fleet.Sum([code](const Counters& c) { return c.requests[code].value(); });
    if (count == 0) continue;
    absl::StrAppend(out, "spawner_proxy_requests_total{code=\"", code, "\"} ", count, "\n");
  }
  Begin("spawner_proxy_request_duration_seconds", "histogram",
        "From the request's head to the response's last byte; tunnels to their end.", out);
  int64_t sum = 0;
  for (size_t i = 0; i <= kDurationBounds.size(); ++i) {
    sum += fleet.Sum([i](const Counters& c) { return c.durations[i].value(); });
    const std::string bound =
        i < kDurationBounds.size() ? absl::StrCat(kDurationBounds[i]) : std::string("+Inf");
    absl::StrAppend(out, "spawner_proxy_request_duration_seconds_bucket{le=\"", bound, "\"} ", sum,
                    "\n");
  }
  const int64_t nanoseconds =
      fleet.Sum([](const Counters& c) { return c.duration_nanoseconds.value(); });
  absl::StrAppend(out, "spawner_proxy_request_duration_seconds_sum ",
                  static_cast<double>(nanoseconds) / 1e9,
                  "\nspawner_proxy_request_duration_seconds_count ", sum, "\n");
}

void AppendLimits(const Fleet& fleet, std::string* out) {
  const auto line = [out](absl::string_view name, absl::string_view type, absl::string_view help,
                          int64_t value) {
    Begin(name, type, help, out);
    absl::StrAppend(out, name, " ", value, "\n");
  };
  line("spawner_proxy_descriptors_open", "gauge", "Sockets that the workers have open.",
       fleet.descriptors().open());
  line("spawner_proxy_descriptors_max", "gauge", "Sockets that the workers may have open.",
       fleet.descriptors().max());
  line("spawner_proxy_accept_pauses_total", "counter",
       "Times that a worker stopped accepting for want of descriptors.",
       fleet.Sum([](const Counters& c) { return c.accept_pauses.value(); }));
  line("spawner_proxy_held_bytes", "gauge", "Memory that connections and their buffers hold.",
       fleet.held_bytes());
  Begin("spawner_proxy_requests_refused_total", "counter", "Requests answered 503 over a limit.",
        out);
  absl::StrAppend(out, "spawner_proxy_requests_refused_total{reason=\"memory\"} ",
                  fleet.Sum([](const Counters& c) { return c.refused_requests.value(); }), "\n");
  Begin("spawner_proxy_client_timeouts_total", "counter",
        "Clients given up: too slow with a head, a body, or in taking an answer.", out);
  for (size_t i = 0; i < kClientTimeouts; ++i) {
    absl::StrAppend(
        out, "spawner_proxy_client_timeouts_total{kind=\"", kClientTimeoutNames[i], "\"} ",
        fleet.Sum([i](const Counters& c) { return c.client_timeouts[i].value(); }), "\n");
  }
}

void AppendUpstream(const Fleet& fleet, std::string* out) {
  Begin("spawner_proxy_upstream_errors_total", "counter", "Failures of backends, by kind.", out);
  for (size_t i = 0; i < kUpstreamErrors; ++i) {
    absl::StrAppend(
        out, "spawner_proxy_upstream_errors_total{kind=\"", kUpstreamErrorNames[i], "\"} ",
        fleet.Sum([i](const Counters& c) { return c.upstream_errors[i].value(); }), "\n");
  }
  Begin("spawner_proxy_upstream_retries_total", "counter",
        "Requests sent again because a reused backend connection was dead.", out);
  absl::StrAppend(out, "spawner_proxy_upstream_retries_total ",
                  fleet.Sum([](const Counters& c) { return c.retried.value(); }), "\n");
}

void AppendArrivals(const Fleet& fleet, std::string* out) {
  Begin("spawner_proxy_tls_handshakes_total", "counter", "TLS handshakes done.", out);
  const auto line = [out](absl::string_view version, absl::string_view resumed, int64_t value) {
    absl::StrAppend(out, "spawner_proxy_tls_handshakes_total{version=\"", version, "\",resumed=\"",
                    resumed, "\"} ", value, "\n");
  };
  line("1.2", "false", fleet.SumTls([](const TlsCounters& c) { return c.handshakes_12.value(); }));
  line("1.2", "true",
       fleet.SumTls([](const TlsCounters& c) { return c.handshakes_12_resumed.value(); }));
  line("1.3", "false", fleet.SumTls([](const TlsCounters& c) { return c.handshakes_13.value(); }));
  line("1.3", "true",
       fleet.SumTls([](const TlsCounters& c) { return c.handshakes_13_resumed.value(); }));
  Begin("spawner_proxy_arrival_errors_total", "counter",
        "Connections given up before a request: PROXY header or TLS handshake, by reason.", out);
  for (size_t i = 0; i < kArrivalErrors; ++i) {
    absl::StrAppend(out, "spawner_proxy_arrival_errors_total{reason=\"", kArrivalErrorNames[i],
                    "\"} ", fleet.SumTls([i](const TlsCounters& c) { return c.errors[i].value(); }),
                    "\n");
  }
  Begin("spawner_proxy_arrivals", "gauge",
        "Connections whose PROXY header or TLS handshake is under way.", out);
  absl::StrAppend(out, "spawner_proxy_arrivals ",
                  fleet.SumTls([](const TlsCounters& c) { return c.arrivals.value(); }), "\n");
}

// Where one worker has much more than its share: the kernel spreads connections by their addresses.
void AppendWorkers(const Fleet& fleet, std::string* out) {
  const auto each = [&fleet, out](absl::string_view name, absl::string_view type,
                                  absl::string_view help, const auto& value) {
    Begin(name, type, help, out);
    for (size_t i = 0; i < fleet.workers(); ++i) {
      absl::StrAppend(out, name, "{worker=\"", i, "\"} ", value(i), "\n");
    }
  };
  each("spawner_proxy_worker_clients", "gauge", "Client connections of each worker.",
       [&fleet](size_t i) { return fleet.counters(i).clients.value(); });
  each("spawner_proxy_worker_tunnels", "gauge", "Tunnels of each worker.",
       [&fleet](size_t i) { return fleet.counters(i).tunnels.value(); });
  each("spawner_proxy_worker_upstreams", "gauge", "Backend connections of each worker.",
       [&fleet](size_t i) { return fleet.counters(i).upstreams.value(); });
  each("spawner_proxy_worker_cpu_seconds_total", "counter", "CPU time of each worker's thread.",
       [&fleet](size_t i) { return absl::ToDoubleSeconds(fleet.CpuTime(i)); });
}

// `lost`: taken from a worker, but never written.
void AppendAccessLog(const Fleet& fleet, int64_t lost, std::string* out) {
  Begin("spawner_proxy_access_log_lines_total", "counter",
        "Lines of the access log; dropped: its file or reader was too slow, or failed.", out);
  const int64_t taken = fleet.Sum([](const Counters& c) { return c.access_lines.value(); });
  const int64_t dropped = fleet.Sum([](const Counters& c) { return c.access_dropped.value(); });
  absl::StrAppend(out, "spawner_proxy_access_log_lines_total{outcome=\"written\"} ", taken - lost,
                  "\nspawner_proxy_access_log_lines_total{outcome=\"dropped\"} ", dropped + lost,
                  "\n");
}

void AppendCertificates(const TlsFiles& tls, std::string* out) {
  Begin("spawner_proxy_tls_reloads_total", "counter",
        "Times that changed certificates or ticket keys were read, by outcome.", out);
  absl::StrAppend(out, "spawner_proxy_tls_reloads_total{outcome=\"ok\"} ", tls.reloads(),
                  "\nspawner_proxy_tls_reloads_total{outcome=\"failed\"} ", tls.reload_failures(),
                  "\n");
  if (tls.expiries().empty()) return;
  Begin("spawner_proxy_tls_certificate_not_after_seconds", "gauge",
        "When each certificate expires, in seconds since 1970.", out);
  for (const TlsFiles::Expiry& expiry : tls.expiries()) {
    absl::StrAppend(out, "spawner_proxy_tls_certificate_not_after_seconds{file=\"",
                    absl::CEscape(expiry.name), "\"} ", absl::ToUnixSeconds(expiry.not_after),
                    "\n");
  }
}

}  // namespace

std::string RenderMetrics(const Fleet& fleet, const LinkMetrics& link, const TlsFiles& tls,
                          int64_t access_lines_lost) {
  std::string out;
  AppendConnections(fleet, &out);
  AppendRequests(fleet, &out);
  AppendUpstream(fleet, &out);
  AppendLimits(fleet, &out);
  AppendArrivals(fleet, &out);
  AppendCertificates(tls, &out);
  AppendAccessLog(fleet, access_lines_lost, &out);
  AppendWorkers(fleet, &out);
  Begin("spawner_proxy_route_version", "gauge", "Version of the newest routes taken over.", &out);
  absl::StrAppend(&out, "spawner_proxy_route_version ", link.route_version, "\n");
  Begin("spawner_proxy_link_up", "gauge", "1 while the link to the controller is up.", &out);
  absl::StrAppend(&out, "spawner_proxy_link_up ", link.is_up ? 1 : 0, "\n");
  return out;
}

}  // namespace spawner::proxy
