#ifndef SPAWNER_TESTS_SIM_START_SCENE_H_
#define SPAWNER_TESTS_SIM_START_SCENE_H_

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/strings/match.h"
#include "base/log.h"
#include "tests/sim/world.h"

namespace spawner::sim {

// A world with calls of the Service that run until they are answered. Writes of pods are counted by
// HTTP method.
class StartScene {
 public:
  using Fault = std::optional<local::LocalKubernetes::Fault>;

  explicit StartScene(uint64_t seed, int controllers = 1, size_t proxies = 2)
      : world(seed, controllers) {
    SetLogLevel(LogLevel::kError);
    world.on_request = [this](const kube::HttpRequest& request) -> Fault {
      if (absl::StrContains(request.path, "/pods") && request.method != "GET") {
        ++writes[request.method];
        if (on_write != nullptr) return on_write(request);
      }
      return std::nullopt;
    };
    for (int i = 0; i < controllers; ++i) world.StartController(i);
    for (size_t i = 0; i < proxies; ++i) world.StartProxy(i);
    world.RunFor(absl::Seconds(10));
    spec.image = "app:1";
    spec.idle.grace = absl::Seconds(5);
    spec.idle.initial_grace = absl::Seconds(5);
    spec.lifetime.stop_grace = absl::Seconds(2);
    spec.lifetime.retention = absl::Minutes(10);
  }

  // Runs `call`, which is given where to put the answer.
  template <typename Result>
  absl::StatusOr<Result> Await(
      const std::function<void(std::function<void(absl::StatusOr<Result>)>)>& call,
      absl::Duration within = absl::Minutes(20)) {
    auto answer = std::make_shared<std::optional<absl::StatusOr<Result>>>();
    call([answer](absl::StatusOr<Result> result) { answer->emplace(std::move(result)); });
    world.RunUntil([answer] { return answer->has_value(); }, within);
    if (!answer->has_value()) return absl::UnknownError("no answer");
    return **answer;
  }

  core::ConnectParams Ask(const std::string& key) const {
    core::ConnectParams params;
    params.ns = kNamespace;
    params.key.name = key;
    params.spec = spec;
    params.wait_until_ready = true;
    return params;
  }
  absl::StatusOr<core::ConnectResult> Connect(core::ConnectParams params) {
    core::Core* leads = core();
    if (leads == nullptr) return absl::UnavailableError("nobody leads");
    return Await<core::ConnectResult>(
        [&](auto done) { leads->Connect(std::move(params), std::move(done)); });
  }
  // A session that is ready; empty if there is none.
  SessionId Ready(const std::string& key) {
    const auto result = Connect(Ask(key));
    return result.ok() ? result->session.id : SessionId();
  }
  std::optional<SessionView> Get(const SessionId& id, Epoch epoch = {}) {
    core::Core* leads = core();
    if (leads == nullptr) return std::nullopt;
    const auto view = leads->Get(kNamespace, id, epoch);
    return view.ok() ? std::optional(*view) : std::nullopt;
  }
  bool Is(const SessionId& id, SessionState state) {
    const auto view = Get(id);
    return view.has_value() && view->state == state;
  }
  bool Reaches(const SessionId& id, SessionState state, absl::Duration within) {
    return world.RunUntil([this, &id, state] { return Is(id, state); }, within);
  }
  // When the end is decided and durable.
  bool Ends(const SessionId& id, absl::Duration within) {
    return world.RunUntil(
        [this, &id] {
          const auto view = Get(id);
          return view.has_value() && view->state >= SessionState::kTerminating;
        },
        within);
  }
  core::Core* core() {
    Controller* leader = world.leader();
    return leader == nullptr ? nullptr : &leader->engine.core();
  }
  bool AwaitLeader() {
    return world.RunUntil([this] { return core() != nullptr && core()->GetStatus().is_leader; },
                          absl::Seconds(30));
  }

  World world;
  SessionSpec spec;
  std::map<std::string, int> writes;
  std::function<Fault(const kube::HttpRequest&)> on_write;
};

}  // namespace spawner::sim

#endif  // SPAWNER_TESTS_SIM_START_SCENE_H_
