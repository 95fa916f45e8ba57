// The load of tests/bench/peers: see load_generator.h. Prints {"up": N} as soon as all connections
// are open, and one line of JSON at the end.
#include <cstdint>
#include <cstdio>
#include <optional>
#include <string>

#include "absl/flags/flag.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "base/clock.h"
#include "base/flags.h"
#include "tests/bench/limits.h"
#include "tests/bench/load_generator.h"
#include "tests/bench/load_options.h"
#include "tests/bench/load_report.h"
#include "tests/bench/poller.h"
#include "tests/bench/sockets.h"

ABSL_FLAG(uint16_t, port, 0, "Of the proxy on 127.0.0.1.");
ABSL_FLAG(std::string, kind, "http", "http, websocket (echo) or idle (WebSockets).");
ABSL_FLAG(int, connections, 64, "Clients.");
ABSL_FLAG(double, rate, 0, "Requests or messages a second. 0: closed loop.");
ABSL_FLAG(double, seconds, 5, "Of measuring.");
ABSL_FLAG(double, warm_up, 1, "Seconds of the same load before.");
ABSL_FLAG(int, hosts, 1000, "Each client takes them in turn: s0000.example.test and so on.");
ABSL_FLAG(bool, sticky, false, "Each client stays with one host.");
ABSL_FLAG(bool, one_shot, false, "A new connection for each request.");
ABSL_FLAG(std::string, path, "/", "/b/N: the answer has N bytes.");
ABSL_FLAG(uint64_t, upload, 0, "POST that many bytes.");
ABSL_FLAG(uint64_t, message, 64, "Bytes of a WebSocket message.");
ABSL_FLAG(std::string, cpu_file, "",
          "cpuacct.usage or cpu.stat of the proxy's control group. Empty: not measured.");

namespace spawner::bench {
namespace {

const Program kProgram = {.name = "load",
                          .about = "loads a proxy with HTTP requests or WebSockets and measures.",
                          .flag_files = "tests/bench/"};

std::optional<LoadOptions::Kind> KindOf(const std::string& name) {
  if (name == "http") return LoadOptions::Kind::kHttp;
  if (name == "websocket") return LoadOptions::Kind::kWebSocket;
  if (name == "idle") return LoadOptions::Kind::kIdle;
  return std::nullopt;
}

absl::StatusOr<LoadOptions> OptionsFromFlags() {
  const std::optional<LoadOptions::Kind> kind = KindOf(absl::GetFlag(FLAGS_kind));
  if (!kind) return absl::InvalidArgumentError("--kind: must be http, websocket or idle");
  LoadOptions options = {.kind = *kind,
                         .port = absl::GetFlag(FLAGS_port),
                         .connections = absl::GetFlag(FLAGS_connections),
                         .rate = absl::GetFlag(FLAGS_rate),
                         .warm_up_s = absl::GetFlag(FLAGS_warm_up),
                         .seconds = absl::GetFlag(FLAGS_seconds),
                         .hosts = absl::GetFlag(FLAGS_hosts),
                         .is_sticky = absl::GetFlag(FLAGS_sticky),
                         .is_one_shot = absl::GetFlag(FLAGS_one_shot),
                         .path = absl::GetFlag(FLAGS_path),
                         .upload_bytes = absl::GetFlag(FLAGS_upload),
                         .message_bytes = absl::GetFlag(FLAGS_message),
                         .cpu_file = absl::GetFlag(FLAGS_cpu_file)};
  if (options.port == 0) return absl::InvalidArgumentError("--port: must be given");
  if (options.connections < 1 || options.connections > kConnectionsMax) {
    return absl::InvalidArgumentError(
        absl::StrCat("--connections: must be 1 to ", kConnectionsMax));
  }
  if (options.hosts < 1 || options.hosts > kHostsMax) {
    return absl::InvalidArgumentError(absl::StrCat("--hosts: must be 1 to ", kHostsMax));
  }
  if (options.message_bytes > kMessageBytesMax) {
    return absl::InvalidArgumentError(absl::StrCat("--message: must be 0 to ", kMessageBytesMax));
  }
  if (options.is_one_shot && options.kind != LoadOptions::Kind::kHttp) {
    return absl::InvalidArgumentError("--one-shot: goes with --kind=http only");
  }
  return options;
}

int Run(const LoadOptions& options) {
  const SystemClock clock;
  LoadGenerator load(options, clock);
  bool was_up = false;
  while (load.Turn(Poller::kForever)) {
    if (was_up || !load.is_up()) continue;
    was_up = true;
    std::printf("{\"up\": %d}\n", options.connections);
    std::fflush(stdout);
  }
  const absl::StatusOr<LoadReport> report = load.Report();
  if (!report.ok()) {
    std::fprintf(stderr, "load: %s\n", std::string(report.status().message()).c_str());
    return 1;
  }
  std::printf("%s\n", ToJsonLine(*report).c_str());
  return 0;
}

}  // namespace
}  // namespace spawner::bench

int main(int argc, char** argv) {
  spawner::ParseFlagsOrExit(spawner::bench::kProgram, argc, argv);
  const absl::StatusOr<spawner::bench::LoadOptions> options = spawner::bench::OptionsFromFlags();
  if (!options.ok()) {
    spawner::ExitForBadFlag(spawner::bench::kProgram, options.status().message());
  }
  spawner::bench::PrepareProcess();
  return spawner::bench::Run(*options);
}
