#include "proxy/flags.h"

#include <algorithm>
#include <thread>
#include <utility>

#include "absl/flags/flag.h"
#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "base/flags.h"
#include "base/status.h"
#include "proxy/http/head.h"

ABSL_FLAG(std::string, listen, ":8000", "ADDR:PORT for clients, plain HTTP/1.1 and WebSockets.");
ABSL_FLAG(std::string, admin_listen, "",
          "ADDR:PORT of /healthz, /readyz and /metrics. Empty: none.");
ABSL_FLAG(std::string, controller, "",
          "HOST:PORT of the controller's gRPC. Either this or --static-routes.");
ABSL_FLAG(std::string, base_domain, "",
          "Sessions are also reached as http://{id}.NAME/. Empty: only as /s/{id}/.");
ABSL_FLAG(std::string, static_routes, "",
          "FILE with one \"host address:port\" or \"/prefix address:port\" a line; no controller. "
          "Read again on SIGHUP.");
ABSL_FLAG(int, workers, 0, "Threads that serve clients, 1 to 256. 0: one per core.");
ABSL_FLAG(absl::Duration, drain_timeout, absl::Seconds(30),
          "How long SIGTERM lets what runs go on, 0s to 24h.");
ABSL_FLAG(std::string, log_level, "info", "debug, info, warning or error.");
// Names that api.md fixes, for what is not there yet.
ABSL_FLAG(std::string, tls_listen, "", "Not supported yet.");
ABSL_FLAG(std::string, tls_cert, "", "Not supported yet.");
ABSL_FLAG(std::string, tls_key, "", "Not supported yet.");
ABSL_FLAG(std::string, handover_socket, "", "Not supported yet.");

namespace spawner::proxy {
namespace {

constexpr int kWorkersMax = 256;

Program ThisProgram() {
  return {.name = "proxy",
          .about = "passes HTTP and WebSocket connections on to the backends of sessions.",
          .flag_files = "proxy/flags.cc"};
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
      {"tls-listen", absl::GetFlag(FLAGS_tls_listen)},
      {"tls-cert", absl::GetFlag(FLAGS_tls_cert)},
      {"tls-key", absl::GetFlag(FLAGS_tls_key)},
      {"handover-socket", absl::GetFlag(FLAGS_handover_socket)}};
  for (const auto& [flag, value] : unsupported) {
    if (!value.empty()) return Bad(flag, "not supported yet; leave it out");
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<Settings> SettingsFromFlags() {
  RETURN_IF_ERROR(CheckUnsupported());
  Settings settings;
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
  return *std::move(settings);
}

}  // namespace spawner::proxy
