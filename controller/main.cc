// The controller. Reads as a table of contents: flags, the world, the ports, the keys, the core;
// then the loop turns until SIGTERM; then the end, in the other order.
#include <algorithm>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <map>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "base/address.h"
#include "base/clock.h"
#include "base/flags.h"
#include "base/grpc_security.h"
#include "base/log.h"
#include "base/random.h"
#include "base/scheduling.h"
#include "base/signals.h"
#include "base/status.h"
#include "base/version.h"
#include "controller/api/edge.h"
#include "controller/api/grpc_log.h"
#include "controller/api/grpc_port.h"
#include "controller/api/http_port.h"
#include "controller/api/http_routes.h"
#include "controller/api/limits.h"
#include "controller/auth/guard.h"
#include "controller/cluster.h"
#include "controller/core/engine.h"
#include "controller/core/fairness.h"
#include "controller/core/loop.h"
#include "controller/core/operations.h"
#include "controller/core/pod_logs.h"
#include "controller/core/pod_usage.h"
#include "controller/core/templates.h"
#include "controller/flags.h"
#include "controller/key_store.h"
#include "controller/kube/counting_transport.h"
#include "controller/kube/http_kube_client.h"
#include "controller/kube/lease.h"
#include "controller/security.h"

namespace spawner {
namespace {

constexpr int kExitFailed = 1;
constexpr int kExitUsage = 2;
constexpr int kProcessIdLetters = 6;
// Of the 5 s that SIGTERM may take, for the Lease to be written. It runs out by itself otherwise.
constexpr absl::Duration kReleaseMax = absl::Seconds(1);
constexpr absl::Duration kHealthEvery = absl::Milliseconds(100);

int Fail(int code, const absl::Status& status) {
  std::fprintf(stderr, "controller: %s\n", std::string(status.message()).c_str());
  return code;
}

// {"*"} is one view of all namespaces, which the core calls "".
std::vector<std::string> CoreNamespaces(const std::vector<std::string>& namespaces) {
  return namespaces == std::vector<std::string>{"*"} ? std::vector<std::string>{""} : namespaces;
}

bool IsLoopback(const Address& address) {
  return address.ip == "::1" || absl::StartsWith(address.ip, "127.");
}

// Everything between two signals. Members are made in this order and end in the other one.
class Controller {
 public:
  Controller(const ControllerFlags& flags, const Surroundings& surroundings, const Clock& clock,
             Random& random, Cluster cluster, api::SessionUrls urls, Security security)
      : flags_(flags),
        surroundings_(surroundings),
        clock_(clock),
        random_(random),
        cluster_(std::move(cluster)),
        id_(absl::StrCat(surroundings.pod_name, "-", random.Base32(kProcessIdLetters))),
        tls_(security.tls),
        guard_(client_, clock_, std::move(security.ways)),
        edge_([this](std::function<void()> work) { loop_.Post(std::move(work)); }, clock_,
              {.namespaces = cluster_.namespaces,
               .urls = std::move(urls),
               .http_public_url = flags.http_public_url,
               .start_time = clock_.WallNow(),
               .command_image = flags.local ? "local" : "",
               .kubernetes_requests = [this] { return KubernetesRequests(); },
               .guard = &guard_,
               .peer_tls = security.peer_tls,
               .fairness = &fairness_,
               .rotate_keys = [this](
                                  absl::Duration overlap,
                                  api::RotateDone done) { keys_.Rotate(overlap, std::move(done)); },
               .operations = &operations_,
               .usage = flags.local ? nullptr : &usage_}) {}

  int Run();
  void Stop(int signal);  // any thread

 private:
  absl::Status Listen();
  bool GetKeys();
  void Serve();
  void Drain();
  void UpdateHealth(Instant now);
  std::map<std::string, int64_t> KubernetesRequests() const;

  const ControllerFlags flags_;
  const Surroundings surroundings_;
  const Clock& clock_;
  Random& random_;
  Cluster cluster_;
  const std::string id_;
  kube::CountingTransport transport_{*cluster_.transport};
  core::CoreLoop loop_{transport_, clock_};
  kube::HttpKubeClient client_{transport_};
  core::PodLogs logs_{transport_, clock_};
  core::PodUsage usage_{client_, clock_};
  core::Templates templates_{client_};
  const TlsServerFiles tls_;
  auth::Guard guard_;
  core::Fairness fairness_{clock_, flags_.fairness};
  const core::Operations operations_{.kube = &client_,
                                     .system_namespace = cluster_.system_namespace,
                                     .is_local = flags_.local,
                                     .reviews_tokens = flags_.security.auth_kubernetes,
                                     .reviews_access = flags_.security.AsksRbac(),
                                     .token_secret = flags_.security.token_secret};
  api::Edge edge_;
  api::GrpcPort grpc_{edge_};
  api::HttpRoutes routes_{edge_, {.is_loopback = IsLoopback(flags_.http_listen)}};
  api::HttpPort http_{routes_};
  KeyStore keys_{client_, random_, cluster_.system_namespace};

  // The loop's thread:
  bool is_stopping_ = false;
  bool is_serving_ = false;
  uint64_t keys_serial_ = 0;  // that the edge has
  Instant health_at_{};
};

std::map<std::string, int64_t> Controller::KubernetesRequests() const {
  std::map<std::string, int64_t> requests;
  for (const auto& [labels, count] : transport_.counts()) {
    requests[absl::StrCat(labels.verb, " ", labels.resource, " ", labels.code)] =
        static_cast<int64_t>(count);
  }
  return requests;
}

int Controller::Run() {
  if (const absl::Status status = Listen(); !status.ok()) return Fail(kExitFailed, status);
  loop_.Add({.step = [this](Instant now) { guard_.Step(now); },
             .next_wake = [this] { return guard_.NextWake(); }});
  if (GetKeys()) {
    Serve();
  } else {
    Drain();
  }
  Log(LogLevel::kInfo, "controller_stopped");
  return 0;
}

void Controller::Stop(int signal) {
  loop_.Post([this, signal] {
    // The second signal is from somebody who will not wait.
    if (is_stopping_) std::_Exit(128 + signal);
    is_stopping_ = true;
    Log(LogLevel::kInfo, "signal_received", {{"signal", signal}});
  });
}

absl::Status Controller::Listen() {
  RETURN_IF_ERROR(Annotate(grpc_.Start(flags_.listen, tls_), "--listen"));
  routes_.SetChannel(grpc_.InProcessChannel());
  RETURN_IF_ERROR(Annotate(http_.Start(flags_.http_listen), "--http-listen"));
  Log(LogLevel::kInfo, "controller_started",
      {{"version", kVersion},
       {"id", id_},
       {"grpc_port", grpc_.port()},
       {"http_port", http_.port()},
       {"kubernetes", transport_.Describe()}});
  return absl::OkStatus();
}

// False: told to stop before there were any.
bool Controller::GetKeys() {
  loop_.Add({.step =
                 [this](Instant now) {
                   keys_.Step(now, clock_.WallNow());
                   if (edge_.service() != nullptr && keys_.serial() != keys_serial_) {
                     keys_serial_ = keys_.serial();
                     edge_.SetKeys(*keys_.ring());
                   }
                   if (!keys_.status().ok()) edge_.SetNotReadyReason(keys_.status().message());
                 },
             .next_wake = [this] { return keys_.NextWake(); }});
  loop_.RunUntil([this] { return is_stopping_ || keys_.ring().has_value(); });
  return keys_.ring().has_value();
}

void Controller::Serve() {
  guard_.SetInstallSecret(keys_.ring()->install_secret);
  kube::LeaseOptions lease = cluster_.lease;
  lease.identity = id_;
  lease.address = AdvertisedAddress(flags_, surroundings_, grpc_.port());
  kube::LeaseElector elector(client_, clock_, random_, std::move(lease));
  core::Engine engine({transport_, client_, elector, clock_, random_},
                      {.controller_id = id_,
                       .namespaces = CoreNamespaces(cluster_.namespaces),
                       .install_secret = keys_.ring()->install_secret,
                       .kubernetes = transport_.Describe(),
                       .lost_proxy_hold = flags_.lost_proxy_hold,
                       .node_lost_after = flags_.node_lost_after});
  loop_.Add({.step =
                 [this, &engine, &elector](Instant now) {
                   engine.Step(now);
                   edge_.SetLeaseProblem(elector.status().message());
                   edge_.SetLeader(elector.holder());
                   UpdateHealth(now);
                 },
             .next_wake =
                 [this, &engine] {
                   // Soon until we are ready; afterwards whenever the loop turns.
                   return is_serving_ ? engine.NextWake() : std::min(engine.NextWake(), health_at_);
                 }});
  loop_.Add({.step = [this](Instant now) { fairness_.Step(now); },
             .next_wake = [this] { return fairness_.NextWake(); }});
  loop_.Add({.step = [this](Instant now) { logs_.Step(now); },
             .next_wake = [this] { return logs_.NextWake(); }});
  loop_.Add({.step = [this](Instant now) { usage_.Step(now); },
             .next_wake = [this] { return usage_.NextWake(); }});
  edge_.SetTemplates(templates_);
  edge_.Open(engine.core(), logs_, *keys_.ring());
  loop_.RunUntil([this] { return is_stopping_; });

  grpc_.SetServing(false);
  elector.Release();
  loop_.RunUntil([&elector] { return elector.IsReleased(); }, clock_.Now() + kReleaseMax);
  Drain();
}

// Every call and stream is over afterwards, and nothing of the edge looks at the core any more.
void Controller::Drain() {
  grpc_.SetServing(false);
  edge_.EndStreams();
  loop_.RunUntil([this] { return edge_.IsQuiet(); }, clock_.Now() + api::kDrainTimeout);
  bool is_drained = false;  // the loop's thread
  std::thread drain([this, &is_drained] {
    grpc_.Drain(api::kFlushTimeout);
    loop_.Post([&is_drained] { is_drained = true; });
  });
  loop_.RunUntil([&is_drained] { return is_drained; });
  drain.join();
  edge_.Close();
}

// Tells grpc.health.v1 when readiness changes. Looked at in any turn, at most every kHealthEvery.
void Controller::UpdateHealth(Instant now) {
  if (now < health_at_ || is_stopping_) return;
  health_at_ = now + kHealthEvery;
  const bool is_ready = edge_.NotReadyReasons().empty();
  if (is_ready == is_serving_) return;
  is_serving_ = is_ready;
  grpc_.SetServing(is_ready);
  Log(LogLevel::kInfo, "readiness_changed", {{"ready", is_ready}});
}

int Main(const std::vector<std::string>& arguments) {
  ExitIfHelpOrVersion(ControllerProgram(), arguments);
  const absl::StatusOr<ControllerFlags> flags = ParseControllerFlags(arguments);
  if (!flags.ok()) return Fail(kExitUsage, flags.status());
  SetLogLevel(flags->log_level);
  // Half as many calls again on a core. Not where backends are children, who would inherit it.
  if (const absl::Status set = flags->local ? absl::OkStatus() : PreferThroughput(); !set.ok()) {
    Log(LogLevel::kInfo, "scheduling_unchanged", {{"error", set.message()}});
  }
  api::SendGrpcLogToOurs();
  const SystemClock clock;
  SystemRandom random;
  const Surroundings surroundings = ReadSurroundings();
  absl::StatusOr<Cluster> cluster = OpenCluster(*flags, surroundings, clock, random);
  if (!cluster.ok()) return Fail(kExitUsage, cluster.status());
  absl::StatusOr<api::SessionUrls> urls =
      api::SessionUrls::Make(flags->public_url, flags->base_domain);
  if (!urls.ok()) return Fail(kExitUsage, urls.status());
  absl::StatusOr<Security> security =
      OpenSecurity(flags->security, flags->listen, cluster->system_namespace, clock);
  if (!security.ok()) return Fail(kExitUsage, security.status());
  Controller controller(*flags, surroundings, clock, random, *std::move(cluster), *std::move(urls),
                        *std::move(security));
  const Signals signals({SIGTERM, SIGINT}, [&controller](int signal) { controller.Stop(signal); });
  return controller.Run();
}

}  // namespace
}  // namespace spawner

int main(int argc, char** argv) { return spawner::Main({argv + 1, argv + argc}); }
