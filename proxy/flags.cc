#include "proxy/flags.h"

#include <algorithm>
#include <thread>
#include <utility>
#include <vector>

#include "absl/flags/flag.h"
#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "base/flags.h"
#include "base/status.h"
#include "proxy/http/head.h"
#include "proxy/io/descriptors.h"
#include "proxy/io/epoll_io.h"
#include "proxy/machine.h"

ABSL_FLAG(std::string, listen, ":8000", "ADDR:PORT for clients, plain HTTP/1.1 and WebSockets.");
ABSL_FLAG(std::string, admin_listen, "",
          "ADDR:PORT of /healthz, /readyz and /metrics. Empty: none.");
ABSL_FLAG(std::string, controller, "",
          "HOST:PORT of the controller's gRPC. Either this or --static-routes.");
ABSL_FLAG(std::string, controller_ca, "",
          "FILE in PEM: authorities of the controller's certificate. Empty: no TLS to it.");
ABSL_FLAG(std::string, controller_cert, "",
          "FILE in PEM: our client certificate, by which the controller knows us.");
ABSL_FLAG(std::string, controller_key, "", "FILE in PEM: the key of --controller-cert.");
ABSL_FLAG(std::string, controller_server_name, "",
          "NAME that the controller's certificate must be for. Empty: the host of --controller.");
ABSL_FLAG(std::string, controller_token_file, "",
          "FILE with the token by which the controller knows us, such as a ServiceAccount's; read "
          "again as it changes.");
ABSL_FLAG(std::string, base_domain, "",
          "Sessions are also reached as http://{id}.NAME/. Empty: only as /s/{id}/.");
ABSL_FLAG(std::string, static_routes, "",
          "FILE with one \"host address:port\" or \"/prefix address:port\" a line; no controller. "
          "A third word h2c: the backend speaks HTTP/2 without TLS, as gRPC servers do. "
          "Read again on SIGHUP.");
ABSL_FLAG(int, workers, 0, "Threads that serve clients, 1 to 256. 0: one per core.");
ABSL_FLAG(absl::Duration, drain_timeout, absl::Seconds(30),
          "How long SIGTERM lets what runs go on, 0s to 24h.");
ABSL_FLAG(std::string, log_level, "info", "debug, info, warning or error.");
// TLS and what stands in front.
ABSL_FLAG(std::string, tls_listen, "",
          "ADDR:PORT for clients with TLS 1.2 or 1.3. Empty: none. Needs --tls-cert.");
ABSL_FLAG(
    std::string, tls_cert, "",
    "FILE with a certificate and its chain in PEM, or a DIR with tls.crt and tls.key, such as "
    "a mounted Secret. May be repeated: a client gets the one for the name that it asks for, "
    "else the first. Read again when it changes.");
ABSL_FLAG(std::string, tls_key, "",
          "FILE with the private key of a --tls-cert that is a file, in the same order. May be "
          "repeated.");
ABSL_FLAG(
    std::string, tls_ticket_keys, "",
    "FILE with the secrets of session tickets, one a line as `openssl rand -base64 48` makes "
    "it, the newest first; the same for all proxies, so that a client resumes at any of them. "
    "Read again when it changes. Empty: secrets of this process alone.");
ABSL_FLAG(bool, https_redirect, false,
          "Requests to the plain port get a 308 to https, WebSockets a 426.");
ABSL_FLAG(int, https_port, 443,
          "Port of https as clients see it, 1 to 65535; for --https-redirect.");
ABSL_FLAG(absl::Duration, hsts, absl::ZeroDuration(),
          "max-age of Strict-Transport-Security in https responses, 0s (none) to 20000h.");
ABSL_FLAG(bool, proxy_protocol, false,
          "Clients come through a load balancer that sends a PROXY header, version 1 or 2, first. "
          "Needs --trusted-proxies; connections from elsewhere are refused.");
ABSL_FLAG(std::string, trusted_proxies, "",
          "RANGE,... of addresses such as 10.0.0.0/8: what they say of their clients in a PROXY "
          "header or in X-Forwarded-For and -Proto is believed. May be repeated.");
// What waits for a session that starts.
ABSL_FLAG(int, held_max, 10'000,
          "Requests that may wait for their sessions together, 1 to 1000000.");
ABSL_FLAG(int, held_per_session_max, 256, "Requests that may wait for one session, 1 to 100000.");
ABSL_FLAG(absl::Duration, hold_timeout_max, absl::Minutes(15),
          "Longest time that a request may wait for its session, whatever the controller allows, "
          "1s to 24h.");
ABSL_FLAG(absl::Duration, progress_page_after, absl::Seconds(1),
          "A browser's page load that has waited so long for a session that starts gets a page "
          "that shows the progress and turns into the application, 0s to 1h. inf: it waits.");
// What is told of requests.
ABSL_FLAG(
    std::string, access_log, "",
    "FILE to which a JSON line for each request is appended, or - for stdout. SIGHUP opens it "
    "anew. Empty: none.");
ABSL_FLAG(double, access_log_sample, 1.0, "Part of the requests that are logged, 0.0 to 1.0.");
ABSL_FLAG(bool, server_timing, false,
          "Responses say in Server-Timing how long the backend took; those of requests that were "
          "held say it anyway.");
ABSL_FLAG(std::string, traceparent, "pass",
          "pass: the client's goes to the backend as it is. make: a request that has none, or a "
          "malformed one, gets a new one, sampled.");
// Names that api.md fixes, for what is not there yet.
ABSL_FLAG(std::string, handover_socket, "", "Not supported yet.");

namespace spawner::proxy {
namespace {

constexpr int kWorkersMax = 256;

Program ThisProgram() {
  return {.name = "proxy",
          .about = "passes HTTP and WebSocket connections on to the backends of sessions.",
          .flag_files = "proxy/",
          .repeatable = {"tls-cert", "tls-key", "trusted-proxies"}};
}

absl::Status Bad(absl::string_view flag, absl::string_view why) {
  return absl::InvalidArgumentError(absl::StrCat("--", flag, ": ", why));
}

absl::StatusOr<Address> AddressOf(absl::string_view flag, const std::string& text) {
  absl::StatusOr<Address> address = ParseAddress(text, /*allow_port_zero=*/true);
  if (!address.ok()) return Bad(flag, address.status().message());
  return address;
}

absl::Status CheckUnsupported() {
  const std::pair<absl::string_view, std::string> unsupported[] = {
      {"handover-socket", absl::GetFlag(FLAGS_handover_socket)}};
  for (const auto& [flag, value] : unsupported) {
    if (!value.empty()) return Bad(flag, "not supported yet; leave it out");
  }
  return absl::OkStatus();
}

std::vector<std::string> Listed(const std::string& text) {
  return absl::StrSplit(text, ',', absl::SkipEmpty());
}

absl::Status ReadTlsFlags(Settings* settings) {
  const std::string listen = absl::GetFlag(FLAGS_tls_listen);
  const std::vector<std::string> certificates = Listed(absl::GetFlag(FLAGS_tls_cert));
  const std::vector<std::string> keys = Listed(absl::GetFlag(FLAGS_tls_key));
  settings->tls_files.ticket_keys = absl::GetFlag(FLAGS_tls_ticket_keys);
  if (listen.empty()) {
    if (!certificates.empty()) return Bad("tls-cert", "needs --tls-listen=ADDR:PORT");
    if (!keys.empty()) return Bad("tls-key", "needs --tls-listen=ADDR:PORT");
    if (!settings->tls_files.ticket_keys.empty()) {
      return Bad("tls-ticket-keys", "needs --tls-listen=ADDR:PORT");
    }
    return absl::OkStatus();
  }
  ASSIGN_OR_RETURN(settings->tls_listen, AddressOf("tls-listen", listen));
  if (certificates.empty()) return Bad("tls-listen", "needs --tls-cert=FILE and --tls-key=FILE");
  absl::StatusOr<std::vector<TlsFiles::Pair>> pairs = PairTlsFiles(certificates, keys);
  if (!pairs.ok()) return Bad("tls-cert", pairs.status().message());
  settings->tls_files.pairs = *std::move(pairs);
  return absl::OkStatus();
}

absl::Status ReadFrontFlags(Settings* settings) {
  absl::StatusOr<IpRanges> trusted = IpRanges::Parse(absl::GetFlag(FLAGS_trusted_proxies));
  if (!trusted.ok()) return Bad("trusted-proxies", trusted.status().message());
  settings->trusted_proxies = *std::move(trusted);
  settings->has_proxy_header = absl::GetFlag(FLAGS_proxy_protocol);
  if (settings->has_proxy_header && settings->trusted_proxies.empty()) {
    return Bad("proxy-protocol", "needs --trusted-proxies=RANGE, the load balancer's addresses");
  }
  settings->redirects_to_https = absl::GetFlag(FLAGS_https_redirect);
  if (settings->redirects_to_https && !settings->tls_listen && settings->trusted_proxies.empty()) {
    return Bad("https-redirect",
               "needs --tls-listen, or --trusted-proxies whose X-Forwarded-Proto says https");
  }
  const int port = absl::GetFlag(FLAGS_https_port);
  if (port < 1 || port > 65535) return Bad("https-port", "must be 1 to 65535");
  settings->https_port = static_cast<uint16_t>(port);
  settings->hsts = absl::GetFlag(FLAGS_hsts);
  if (settings->hsts < absl::ZeroDuration() || settings->hsts > absl::Hours(20'000)) {
    return Bad("hsts", "must be 0s to 20000h, such as 8760h for a year");
  }
  return absl::OkStatus();
}

absl::Status ReadHoldFlags(HoldOptions* hold) {
  const int max = absl::GetFlag(FLAGS_held_max);
  if (max < 1 || max > 1'000'000) return Bad("held-max", "must be 1 to 1000000");
  const int per_session = absl::GetFlag(FLAGS_held_per_session_max);
  if (per_session < 1 || per_session > 100'000) {
    return Bad("held-per-session-max", "must be 1 to 100000");
  }
  hold->max = static_cast<uint32_t>(max);
  hold->per_session_max = static_cast<uint32_t>(per_session);
  hold->timeout_max = absl::GetFlag(FLAGS_hold_timeout_max);
  if (hold->timeout_max < absl::Seconds(1) || hold->timeout_max > absl::Hours(24)) {
    return Bad("hold-timeout-max", "must be 1s to 24h");
  }
  hold->page_after = absl::GetFlag(FLAGS_progress_page_after);
  const bool has_page = hold->page_after != absl::InfiniteDuration();
  if (has_page && (hold->page_after < absl::ZeroDuration() || hold->page_after > absl::Hours(1))) {
    return Bad("progress-page-after", "must be 0s to 1h, or inf");
  }
  return absl::OkStatus();
}

absl::Status FitToMachine(Settings* settings) {
  LimitSettings& limits = settings->limits;
  const absl::StatusOr<Descriptors::Bounds> bounds =
      Descriptors::Share(RaiseFileLimit(), settings->workers, limits.reserved_descriptors);
  if (!bounds.ok()) {
    const bool is_reserve = absl::IsInvalidArgument(bounds.status());
    return Bad(is_reserve ? "reserved-descriptors" : "workers", bounds.status().message());
  }
  settings->descriptors = *bounds;
  if (limits.forward.memory_bytes_max == 0) {
    limits.forward.memory_bytes_max = MemoryLimit() / 2 / settings->workers;
  }
  return absl::OkStatus();
}

absl::Status ReadObservationFlags(Settings* settings) {
  settings->access_log = absl::GetFlag(FLAGS_access_log);
  settings->access_log_sample = absl::GetFlag(FLAGS_access_log_sample);
  if (!(settings->access_log_sample >= 0 && settings->access_log_sample <= 1)) {
    return Bad("access-log-sample", "must be 0.0 to 1.0");
  }
  settings->has_server_timing = absl::GetFlag(FLAGS_server_timing);
  const std::string trace = absl::GetFlag(FLAGS_traceparent);
  if (trace != "pass" && trace != "make") return Bad("traceparent", "must be pass or make");
  settings->makes_traceparent = trace == "make";
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<Settings> SettingsFromFlags() {
  RETURN_IF_ERROR(CheckUnsupported());
  Settings settings;
  RETURN_IF_ERROR(ReadTlsFlags(&settings));
  RETURN_IF_ERROR(ReadFrontFlags(&settings));
  RETURN_IF_ERROR(ReadHoldFlags(&settings.hold));
  ASSIGN_OR_RETURN(settings.limits, LimitsFromFlags());
  RETURN_IF_ERROR(ReadObservationFlags(&settings));
  ASSIGN_OR_RETURN(settings.listen, AddressOf("listen", absl::GetFlag(FLAGS_listen)));
  if (const std::string text = absl::GetFlag(FLAGS_admin_listen); !text.empty()) {
    ASSIGN_OR_RETURN(settings.admin_listen, AddressOf("admin-listen", text));
  }
  settings.controller = absl::GetFlag(FLAGS_controller);
  settings.static_routes = absl::GetFlag(FLAGS_static_routes);
  if (settings.controller.empty() == settings.static_routes.empty()) {
    return Bad("controller", "give either --controller=HOST:PORT or --static-routes=FILE");
  }
  if (!settings.controller.empty() && settings.controller.find(':') == std::string::npos) {
    return Bad("controller", absl::StrCat("\"", settings.controller, "\" must be HOST:PORT"));
  }
  settings.controller_tls = {.ca = absl::GetFlag(FLAGS_controller_ca),
                             .cert = absl::GetFlag(FLAGS_controller_cert),
                             .key = absl::GetFlag(FLAGS_controller_key),
                             .server_name = absl::GetFlag(FLAGS_controller_server_name)};
  if (const absl::Status status = CheckTlsFiles(settings.controller_tls); !status.ok()) {
    return Bad("controller-ca, --controller-cert, --controller-key", status.message());
  }
  settings.controller_token_file = absl::GetFlag(FLAGS_controller_token_file);
  settings.base_domain = absl::AsciiStrToLower(absl::GetFlag(FLAGS_base_domain));
  if (!settings.base_domain.empty() && (!IsValidHost(settings.base_domain) ||
                                        HostName(settings.base_domain) != settings.base_domain)) {
    return Bad("base-domain", "must be a domain name without port, such as app.example.com");
  }
  settings.workers = absl::GetFlag(FLAGS_workers);
  if (settings.workers < 0 || settings.workers > kWorkersMax) {
    return Bad("workers", absl::StrCat("must be 1 to ", kWorkersMax, ", or 0 for one per core"));
  }
  if (settings.workers == 0) {
    settings.workers =
        std::clamp(static_cast<int>(std::thread::hardware_concurrency()), 1, kWorkersMax);
  }
  settings.drain_timeout = absl::GetFlag(FLAGS_drain_timeout);
  if (settings.drain_timeout < absl::ZeroDuration() || settings.drain_timeout > absl::Hours(24)) {
    return Bad("drain-timeout", "must be 0s to 24h");
  }
  if (!ParseLogLevel(absl::GetFlag(FLAGS_log_level), &settings.log_level)) {
    return Bad("log-level", "must be debug, info, warning or error");
  }
  return settings;
}

Settings ParseFlagsOrExit(int argc, char** argv) {
  spawner::ParseFlagsOrExit(ThisProgram(), argc, argv);
  absl::StatusOr<Settings> settings = SettingsFromFlags();
  if (!settings.ok()) ExitForBadFlag(ThisProgram(), settings.status().message());
  const absl::Status fits = FitToMachine(&*settings);
  if (!fits.ok()) ExitForBadFlag(ThisProgram(), fits.message());
  return *std::move(settings);
}

}  // namespace spawner::proxy
