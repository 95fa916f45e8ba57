// The controller's core and edge over a Kubernetes in this process, for tests/bench/controller/run:
// prints one line of JSON when it serves, obeys lines of standard input and answers each with one.
//   turns     the longest turn of the loop since the last such line, in ms: as it lasted, with
//             what other threads had of the core meanwhile, and by its own CPU time
// Ends with standard input.
#include <malloc.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <iostream>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>

#include "absl/flags/flag.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "base/check.h"
#include "base/clock.h"
#include "base/flags.h"
#include "base/log.h"
#include "base/random.h"
#include "base/scheduling.h"
#include "controller/api/edge.h"
#include "controller/api/grpc_port.h"
#include "controller/core/engine.h"
#include "controller/core/loop.h"
#include "controller/core/pod_logs.h"
#include "controller/kube/http_kube_client.h"
#include "controller/kube/lease.h"
#include "controller/local/local_kubernetes.h"
#include "controller/local/scripted_runtime.h"

ABSL_FLAG(uint32_t, sessions, 1000,
          "Live when it begins to serve: keys document-0 and so on; every other one is public.");

ABSL_FLAG(bool, own_specs, false,
          "Each session has a spec of its own, by one variable; else they are two together.");

namespace spawner::bench {
namespace {

constexpr absl::Duration kPatience = absl::Minutes(5);
constexpr uint32_t kStartsAtOnce = 2000;

// Sleeps where the simulation's runtime does not, and knows how long the loop was away.
class SleepingRuntime final : public local::ScriptedRuntime {
 public:
  explicit SleepingRuntime(const Clock& clock)
      : ScriptedRuntime(clock), clock_(clock), event_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
    SPAWNER_CHECK(event_ >= 0);
  }
  ~SleepingRuntime() override { close(event_); }
  SleepingRuntime(const SleepingRuntime&) = delete;
  SleepingRuntime& operator=(const SleepingRuntime&) = delete;

  void Wait(absl::Duration max_wait) override {
    const Instant begin = clock_.Now();
    if (woken_at_.has_value()) {
      longest_.lasted = std::max(longest_.lasted, begin - *woken_at_);
      longest_.cpu = std::max(longest_.cpu, ThreadCpu() - cpu_at_wake_);
    }
    pollfd fd = {event_, POLLIN, 0};
    poll(&fd, 1,
         static_cast<int>(absl::ToInt64Milliseconds(absl::Ceil(max_wait, absl::Milliseconds(1)))));
    uint64_t count;
    if (read(event_, &count, sizeof(count)) < 0) count = 0;  // nobody called
    woken_at_ = clock_.Now();
    cpu_at_wake_ = ThreadCpu();
  }
  void Wake() override {
    const uint64_t one = 1;
    if (write(event_, &one, sizeof(one)) < 0) return;  // full: it is awake
  }
  struct Turn {
    absl::Duration lasted;
    absl::Duration cpu;
  };
  Turn TakeLongestTurn() { return std::exchange(longest_, {}); }

 private:
  static absl::Duration ThreadCpu() {
    timespec now = {};
    SPAWNER_CHECK(clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now) == 0);
    return absl::DurationFromTimespec(now);
  }

  const Clock& clock_;
  const int event_;
  std::optional<Instant> woken_at_;
  absl::Duration cpu_at_wake_;
  Turn longest_;
};

size_t HeapBytes() { return mallinfo2().uordblks + mallinfo2().hblkhd; }

// One controller process, without its Kubernetes.
struct Server {
  Server(local::LocalKubernetes& kubernetes, const SystemClock& the_clock, Random& random)
      : clock(the_clock),
        loop(kubernetes, clock),
        client(kubernetes),
        elector(client, clock, random, {.ns = "default", .identity = "bench", .address = "bench"}),
        engine({kubernetes, client, elector, clock, random},
               {.controller_id = "bench",
                .namespaces = {"default"},
                .install_secret = "of the benchmark, which is no secret",
                .kubernetes = "in process"}) {
    loop.Add({[this](Instant now) { engine.Step(now); }, [this] { return engine.NextWake(); }});
  }

  const SystemClock& clock;
  core::CoreLoop loop;
  kube::HttpKubeClient client;
  kube::LeaseElector elector;
  core::Engine engine;
};

SessionSpec Spec(bool is_public) {
  SessionSpec spec;
  spec.access.token_required = !is_public;
  spec.image = "registry.example/editor:7";
  spec.env = {{"MODE", "collaborate"}, {"STORE", "https://store.example/documents"}};
  spec.requests = {{"cpu", "100m"}, {"memory", "128Mi"}};
  spec.limits = {{"memory", "256Mi"}};
  spec.labels = {{"app", "editor"}, {"tier", "free"}};
  spec.idle.grace = spec.idle.initial_grace = absl::Hours(24);
  return spec;
}

void StartSessions(Server& server, uint32_t count) {
  uint32_t asked = 0;
  uint32_t answered = 0;
  server.loop.RunUntil([&] { return server.engine.core().GetStatus().is_leader; },
                       server.clock.Now() + kPatience);
  server.loop.RunUntil(
      [&] {
        while (asked < count && asked - answered < kStartsAtOnce) {
          core::ConnectParams params;
          params.ns = "default";
          params.key.name = absl::StrCat("document-", asked);
          params.spec = Spec(asked % 2 == 1);
          if (absl::GetFlag(FLAGS_own_specs)) params.spec->env["DOCUMENT"] = params.key.name;
          ++asked;
          server.engine.core().Connect(std::move(params), [&](const auto& result) {
            if (!result.ok()) {
              std::fprintf(stderr, "%s\n", result.status().ToString().c_str());
              SPAWNER_CHECK(absl::IsUnavailable(result.status()));
              --asked;
              return;
            }
            ++answered;
          });
        }
        return answered == count;
      },
      server.clock.Now() + kPatience);
  SPAWNER_CHECK(answered == count);
}

int Run() {
  SPAWNER_CHECK(PreferThroughput().ok());  // as the controller
  const SystemClock clock;
  SystemRandom random;
  SleepingRuntime runtime(clock);
  local::LocalKubernetes kubernetes(clock, random, runtime);
  const uint32_t sessions = absl::GetFlag(FLAGS_sessions);
  {
    Server server(kubernetes, clock, random);
    StartSessions(server, sessions);
  }
  // A controller that finds them all: what it holds is its own, not Kubernetes'.
  const size_t heap_before = HeapBytes();
  const Instant begin = clock.Now();
  Server server(kubernetes, clock, random);
  const auto ready = [&] {
    const core::CoreStatus status = server.engine.core().GetStatus();
    const auto found = status.sessions.find(SessionState::kReady);
    return status.is_leader &&
           (sessions == 0 || (found != status.sessions.end() && found->second == sessions));
  };
  server.loop.RunUntil(ready, clock.Now() + kPatience);
  SPAWNER_CHECK(ready());
  const absl::Duration taken_over = clock.Now() - begin;
  const size_t heap_after = HeapBytes();

  core::PodLogs logs(kubernetes, clock);
  api::Edge edge([&server](std::function<void()> work) { server.loop.Post(std::move(work)); },
                 clock,
                 {.namespaces = {"default"},
                  .urls = *api::SessionUrls::Make("https://sessions.example", ""),
                  .start_time = clock.WallNow()});
  api::GrpcPort port(edge);
  const absl::Status listening = port.Start({"127.0.0.1", 0});
  SPAWNER_CHECK(listening.ok());
  edge.Open(server.engine.core(), logs, api::MakeKeyRing(random));
  edge.SetLeader("bench");
  port.SetServing(true);
  std::printf(
      "{\"port\": %d, \"sessions\": %u, \"bytes_per_session\": %.0f, \"taken_over_s\": %.3f}\n",
      port.port(), sessions,
      sessions == 0 ? 0 : static_cast<double>(heap_after - heap_before) / sessions,
      absl::ToDoubleSeconds(taken_over));
  std::fflush(stdout);

  bool is_over = false;  // the loop's thread
  std::thread input([&] {
    for (std::string line; std::getline(std::cin, line);) {
      server.loop.Post([&runtime] {
        const SleepingRuntime::Turn longest = runtime.TakeLongestTurn();
        std::printf("{\"longest_turn_ms\": %.3f, \"longest_turn_cpu_ms\": %.3f}\n",
                    absl::ToDoubleMilliseconds(longest.lasted),
                    absl::ToDoubleMilliseconds(longest.cpu));
        std::fflush(stdout);
      });
    }
    server.loop.Post([&is_over] { is_over = true; });
  });
  server.loop.RunUntil([&is_over] { return is_over; });
  input.join();
  edge.EndStreams();
  server.loop.RunUntil([&edge] { return edge.IsQuiet(); }, clock.Now() + absl::Seconds(3));
  std::fflush(stdout);
  std::_Exit(0);  // 100,000 sessions need no tidying
}

}  // namespace
}  // namespace spawner::bench

int main(int argc, char** argv) {
  spawner::ParseFlagsOrExit({.name = "session_server",
                             .about = "a controller over a Kubernetes in its own process.",
                             .flag_files = "tests/bench/"},
                            argc, argv);
  spawner::SetLogLevel(spawner::LogLevel::kWarning);
  return spawner::bench::Run();
}
