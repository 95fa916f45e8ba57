// The proxy: main owns the link to the controller (or the static routes), the signals and the admin
// port; workers, one thread each, do everything for clients.
#include <algorithm>
#include <csignal>
#include <cstdio>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/strip.h"
#include "absl/time/time.h"
#include "base/log.h"
#include "base/mailbox.h"
#include "base/random.h"
#include "base/signals.h"
#include "base/status.h"
#include "proxy/access_log_file.h"
#include "proxy/admin.h"
#include "proxy/debug_connections.h"
#include "proxy/flags.h"
#include "proxy/fleet.h"
#include "proxy/io/epoll_io.h"
#include "proxy/link_inspections.h"
#include "proxy/metrics.h"
#include "proxy/route_source.h"
#include "proxy/tls/tls_files.h"
#include "spawner/v1/proxy_link.pb.h"

namespace spawner::proxy {
namespace {

// After the drain time: what ends connections needs a moment (a close frame, the last report).
constexpr absl::Duration kExitPatience = absl::Seconds(3);

Answer AnswerAdmin(absl::string_view path, const Fleet& fleet, const RouteSource& source,
                   const TlsFiles& tls, const AccessLogFile* access_log, bool is_leaving) {
  if (path == "/healthz") return {.status = 200, .message = "ok\n", .content_type = "text/plain"};
  if (path == "/readyz") {
    const bool is_ready = source.is_ready() && !is_leaving;
    const char* const why = is_leaving ? "leaving\n" : is_ready ? "ok\n" : source.unready_why();
    return {.status = is_ready ? 200 : 503, .message = why, .content_type = "text/plain"};
  }
  if (path == "/metrics") {
    return {.status = 200,
            .message = RenderMetrics(fleet, source.metrics(), tls,
                                     access_log == nullptr ? 0 : access_log->lost()),
            .content_type = "text/plain; version=0.0.4"};
  }
  return {.status = 404,
          .reason = "NOT_FOUND",
          .message = "There are /healthz, /readyz, /metrics, /debug/connections."};
}

// Nothing: the workers are asked.
std::optional<Answer> AskForConnections(const Admin::Request& request, DebugConnections& debug,
                                        Fleet& fleet) {
  if (!request.is_local) {
    return Answer{.status = 403,
                  .reason = "LOCAL_ONLY",
                  .message =
                      "This is told to callers on the same machine or pod only. Use "
                      "`kubectl port-forward`."};
  }
  absl::string_view session = request.query;
  if (!absl::ConsumePrefix(&session, "session=")) session = {};
  debug.Ask(request.ticket, std::string(session), fleet);
  return std::nullopt;
}

Fleet::Options FleetOptions(const Settings& settings, std::optional<TlsMaterial> tls,
                            AccessSink* access_sink) {
  const int64_t hsts = absl::ToInt64Seconds(settings.hsts);
  return {.workers = settings.workers,
          .listen = settings.listen,
          .tls_listen = settings.tls_listen,
          .tls = std::move(tls),
          .has_proxy_header = settings.has_proxy_header,
          .forward = {.has_controller = !settings.controller.empty(),
                      .base_domain = settings.base_domain,
                      .trusted_proxies = settings.trusted_proxies,
                      .redirects_to_https = settings.redirects_to_https,
                      .https_port = settings.https_port,
                      .hold = settings.hold,
                      .has_server_timing = settings.has_server_timing,
                      .makes_traceparent = settings.makes_traceparent,
                      .hsts = hsts > 0 ? "max-age=" + std::to_string(hsts) : "",
                      .limits = settings.limits.forward},
          .connections_per_address = settings.limits.connections_per_address,
          .dead_peer_timeout = settings.limits.dead_peer_timeout,
          .descriptors = settings.descriptors,
          .access_sink = access_sink,
          .access_sample = settings.access_log_sample};
}

void Leave(absl::Duration patience, RouteSource& source, Fleet& fleet) {
  Log(LogLevel::kInfo, "draining", {{"seconds", absl::ToDoubleSeconds(patience)}});
  source.Leave();
  fleet.Drain(patience);
}

absl::Status Run(const Settings& settings) {
  const SystemClock clock;
  SystemRandom random;
  ASSIGN_OR_RETURN(const std::unique_ptr<EpollIo> io, EpollIo::Create());
  Timers timers;
  Mailbox<int> signals([&loop = *io] { loop.Wake(); });
  const Signals watch({SIGTERM, SIGINT, SIGHUP}, [&signals](int signal) { signals.Post(signal); });

  TlsFiles tls_files(settings.tls_files, random, clock);
  std::optional<TlsMaterial> tls;
  if (settings.tls_listen) {
    absl::StatusOr<TlsMaterial> loaded = tls_files.Load();
    if (!loaded.ok()) return loaded.status();
    tls = *std::move(loaded);
  }

  std::unique_ptr<AccessLogFile> access_log;
  if (!settings.access_log.empty()) {
    ASSIGN_OR_RETURN(access_log, AccessLogFile::Open(settings.access_log, clock));
  }
  DebugConnections debug([&loop = *io] { loop.Wake(); });
  LinkInspections inspections([&loop = *io] { loop.Wake(); });
  std::optional<absl::Duration> leave;  // by then; infinite: as --drain-timeout says
  Fleet fleet(FleetOptions(settings, std::move(tls), access_log.get()));
  const RouteSource::Sinks sinks = {
      .wake = [&loop = *io] { loop.Wake(); },
      .post_change = [&fleet](const RouteChange& change) { fleet.Post(change); },
      .post_state = [&fleet](const LinkState& state) { fleet.Post(state); },
      .inspect = [&fleet,
                  &inspections](const InspectAsked& asked) { inspections.Ask(asked, fleet); },
      .drain = [&leave](absl::Duration patience) { leave = patience; },
      .post_use = [&fleet](int worker,
                           const TokenUseAnswer& answer) { fleet.Post(worker, answer); }};
  const bool has_controller = !settings.controller.empty();
  const std::unique_ptr<RouteSource> source = has_controller
                                                  ? MakeLinkSource(settings, sinks, clock, random)
                                                  : MakeStaticSource(settings, sinks);

  // Whatever goes wrong below: no worker reports to a source that is gone.
  const absl::Cleanup stop = [&fleet] { fleet.Stop(); };

  Instant exit_at = Instant::Infinite();
  const auto answer_admin = [&fleet, &source, &tls_files, &access_log, &debug,
                             &exit_at](const Admin::Request& request) -> std::optional<Answer> {
    if (request.path == "/debug/connections") return AskForConnections(request, debug, fleet);
    return AnswerAdmin(request.path, fleet, *source, tls_files, access_log.get(),
                       exit_at != Instant::Infinite());
  };
  Admin admin(*io, timers, clock, answer_admin);
  if (settings.admin_listen) {
    RETURN_IF_ERROR(CheckAddressIsFree(*settings.admin_listen));
    ASSIGN_OR_RETURN(const Address bound, admin.Listen(*settings.admin_listen));
    Log(LogLevel::kInfo, "admin_listening", {{"address", ToString(bound)}});
  }
  ASSIGN_OR_RETURN(const Fleet::Bound bound, fleet.Start(clock, source->reports(), [&source] {
    return source->MakeAuthorizer();
  }));
  RETURN_IF_ERROR(source->Start());
  Log(LogLevel::kInfo, "proxy_listening",
      {{"address", ToString(bound.plain)}, {"workers", settings.workers}});
  if (bound.tls) Log(LogLevel::kInfo, "tls_listening", {{"address", ToString(*bound.tls)}});

  for (;;) {
    const Instant next = std::min({source->Turn(), timers.Next(), tls_files.next_poll(), exit_at});
    if (source->is_finished() || exit_at <= clock.Now()) break;
    io->Wait(next == Instant::Infinite() ? absl::InfiniteDuration()
                                         : std::max(absl::ZeroDuration(), next - clock.Now()));
    io->Dispatch();
    timers.Run(clock.Now());
    if (tls_files.next_poll() <= clock.Now()) {
      if (const std::optional<TlsMaterial> material = tls_files.Poll()) fleet.Post(*material);
    }
    debug.Turn([&admin](uint64_t ticket, const Answer& answer) { admin.Reply(ticket, answer); });
    inspections.Turn([&source](uint64_t stream, v1::Inspected answer) {
      source->OnInspected(stream, std::move(answer));
    });
    admin.Sweep();
    for (const int signal : signals.Drain()) {
      if (signal == SIGHUP) {
        if (access_log != nullptr) access_log->Reopen();
        if (const absl::Status status = source->Reload(); !status.ok()) {
          Log(LogLevel::kError, "reload_failed", {{"error", status.ToString()}});
        }
        continue;
      }
      const bool is_second = exit_at != Instant::Infinite();
      const absl::Duration patience = is_second ? absl::ZeroDuration() : settings.drain_timeout;
      exit_at = is_second ? clock.Now() : clock.Now() + patience + kExitPatience;
      Leave(patience, *source, fleet);
    }
    if (leave.has_value()) {
      const bool is_told = *leave != absl::InfiniteDuration();
      const absl::Duration patience = is_told ? *leave : settings.drain_timeout;
      exit_at = std::min(exit_at, clock.Now() + patience + kExitPatience);
      Leave(patience, *source, fleet);
      leave.reset();
    }
  }
  Log(LogLevel::kInfo, "proxy_stopped", {{"drained", source->is_finished()}});
  return absl::OkStatus();
}

}  // namespace
}  // namespace spawner::proxy

int main(int argc, char** argv) {
  const spawner::proxy::Settings settings = spawner::proxy::ParseFlagsOrExit(argc, argv);
  spawner::SetLogLevel(settings.log_level);
  const absl::Status status = spawner::proxy::Run(settings);
  if (status.ok()) return 0;
  std::fprintf(stderr, "proxy: %s\n", std::string(status.message()).c_str());
  return 1;
}
