// The main job: one session from Connect to its idle end, on a Kubernetes in memory.
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "gtest/gtest.h"
#include "tests/sim/world.h"

namespace spawner::sim {
namespace {

using core::ConnectParams;
using core::ConnectResult;

constexpr absl::Duration kGrace = absl::Seconds(10);

class SessionLifeTest : public testing::Test {
 protected:
  SessionLifeTest() {
    world_.on_request = [this](const kube::HttpRequest& request) {
      const bool is_pod = absl::StrContains(request.path, "/pods");
      if (is_pod && request.method != "GET") {
        ++writes_[request.method];
        if (request.method == "PATCH") patched_at_ = world_.clock.Now();
      }
      return fault_ ? fault_(request) : std::nullopt;
    };
    world_.StartController(0);
    world_.StartProxy(0);
    world_.StartProxy(1);
    world_.RunFor(absl::Seconds(8));
  }

  core::Core& core() { return world_.controller(0)->engine.core(); }

  static SessionSpec Spec() {
    SessionSpec spec;
    spec.image = "app:1";
    spec.idle.grace = kGrace;
    spec.idle.initial_grace = absl::Seconds(20);
    spec.lifetime.retention = absl::Seconds(60);
    spec.lifetime.stop_grace = absl::Seconds(5);
    return spec;
  }
  static ConnectParams Ask(const std::string& key) {
    ConnectParams params;
    params.ns = kNamespace;
    params.key.name = key;
    params.spec = Spec();
    return params;
  }

  // The answer, within a time that no test exceeds.
  absl::StatusOr<ConnectResult> Connect(ConnectParams params) {
    auto answer = std::make_shared<std::optional<absl::StatusOr<ConnectResult>>>();
    core().Connect(std::move(params), [answer](absl::StatusOr<ConnectResult> result) {
      EXPECT_FALSE(answer->has_value()) << "answered twice";
      answer->emplace(std::move(result));
    });
    world_.RunUntil([&answer] { return answer->has_value(); }, absl::Seconds(400));
    if (!answer->has_value()) return absl::DeadlineExceededError("no answer");
    return **answer;
  }
  absl::StatusOr<SessionView> Terminate(const SessionId& id, bool hard) {
    auto answer = std::make_shared<std::optional<absl::StatusOr<SessionView>>>();
    core().Terminate({kNamespace, id, hard, false, {}}, [answer](absl::StatusOr<SessionView> view) {
      answer->emplace(std::move(view));
    });
    world_.RunUntil([&answer] { return answer->has_value(); }, absl::Seconds(60));
    if (!answer->has_value()) return absl::DeadlineExceededError("no answer");
    return **answer;
  }
  SessionView Get(const SessionId& id, Epoch epoch = {}) {
    const auto view = core().Get(kNamespace, id, epoch);
    EXPECT_TRUE(view.ok()) << view.status();
    return view.ok() ? *view : SessionView();
  }
  bool Reaches(const SessionId& id, SessionState state, absl::Duration within) {
    return world_.RunUntil(
        [this, &id, state] {
          const auto view = core().Get(kNamespace, id, Epoch{});
          return view.ok() && view->state == state;
        },
        within);
  }
  void Restart(absl::Duration down = absl::Seconds(1)) {
    world_.KillController(0);
    world_.RunFor(down);
    world_.StartController(0);
    ASSERT_TRUE(
        world_.RunUntil([this] { return core().GetStatus().is_leader; }, absl::Seconds(20)));
    world_.RunFor(absl::Seconds(2));
  }

  World world_{11};
  std::map<std::string, int> writes_;
  Instant patched_at_;
  std::function<std::optional<local::LocalKubernetes::Fault>(const kube::HttpRequest&)> fault_;
};

TEST_F(SessionLifeTest, GoesFromConnectToItsIdleEndWithThreeWrites) {
  const auto connected = Connect(Ask("doc"));
  ASSERT_TRUE(connected.ok()) << connected.status();
  EXPECT_TRUE(connected->created);
  EXPECT_EQ(connected->started_from, core::StartedFrom::kCold);
  const SessionId id = connected->session.id;
  world_.proxy(0)->Request(id);  // before the backend is ready
  ASSERT_TRUE(Reaches(id, SessionState::kReady, absl::Seconds(5)));
  EXPECT_EQ(world_.Open(id), 1);
  world_.RunFor(absl::Seconds(100));
  EXPECT_EQ(Get(id).state, SessionState::kReady);
  EXPECT_EQ(Get(id).connections, 1);

  const Instant left_at = world_.clock.Now();
  world_.proxy(0)->Leave(id);
  ASSERT_TRUE(Reaches(id, SessionState::kTerminated, absl::Seconds(60)));
  EXPECT_GE(patched_at_ - left_at, kGrace);
  EXPECT_LE(patched_at_ - left_at, kGrace + absl::Milliseconds(100));
  EXPECT_EQ(Get(id).reason, EndReason::kIdle);
  EXPECT_EQ(Get(id).exit_code, 0);
  world_.RunFor(absl::Seconds(70));
  EXPECT_EQ(core().Get(kNamespace, id, Epoch{}).status().code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(writes_, (std::map<std::string, int>{{"POST", 1}, {"PATCH", 1}, {"DELETE", 1}}));
}

TEST_F(SessionLifeTest, AFurtherConnectIsNoWriteAndTheSameSession) {
  const auto first = Connect(Ask("doc"));
  ASSERT_TRUE(first.ok());
  const auto second = Connect(Ask("doc"));
  ASSERT_TRUE(second.ok());
  EXPECT_EQ(second->session.id, first->session.id);
  EXPECT_FALSE(second->created);
  EXPECT_EQ(second->started_from, core::StartedFrom::kLive);
  EXPECT_NE(second->grant_id, first->grant_id);
  EXPECT_EQ(writes_["POST"], 1);
}

TEST_F(SessionLifeTest, RefusesByTheContractsReasons) {
  ConnectParams params = Ask("doc");
  params.spec.reset();
  EXPECT_EQ(ReasonOf(Connect(params).status()), "KEY_NOT_HELD");
  ASSERT_TRUE(Connect(Ask("doc")).ok());
  EXPECT_TRUE(Connect(params).ok());  // live: no spec is needed
  params.key.tag = "v2";
  EXPECT_EQ(ReasonOf(Connect(params).status()), "KEY_TAG_MISMATCH");
  EXPECT_EQ(ReasonOf(Terminate({"unknown"}, false).status()), "SESSION_NOT_FOUND");
}

TEST_F(SessionLifeTest, GivesTheSameAnswerToTheSameRequest) {
  ConnectParams params = Ask("doc");
  params.request_id = "r1";
  params.payload_hash = "h1";
  const auto first = Connect(params);
  const auto again = Connect(params);
  ASSERT_TRUE(first.ok() && again.ok());
  EXPECT_TRUE(again->created);
  EXPECT_EQ(again->grant_id, first->grant_id);
  Restart();
  const auto after_restart = Connect(params);
  ASSERT_TRUE(after_restart.ok()) << after_restart.status();
  EXPECT_TRUE(after_restart->created);
  EXPECT_EQ(after_restart->grant_id, first->grant_id);
  EXPECT_EQ(after_restart->session.id, first->session.id);
  params.payload_hash = "h2";
  EXPECT_EQ(ReasonOf(Connect(params).status()), "REQUEST_ID_REUSED");
  EXPECT_EQ(writes_["POST"], 1);
}

TEST_F(SessionLifeTest, TakesALostAnswerToTheCreateForItsOwnPod) {
  int creates = 0;
  fault_ =
      [&creates](const kube::HttpRequest& request) -> std::optional<local::LocalKubernetes::Fault> {
    if (request.method != "POST" || ++creates > 1) return std::nullopt;
    return local::LocalKubernetes::Fault{.is_applied = true};
  };
  const auto connected = Connect(Ask("doc"));
  ASSERT_TRUE(connected.ok()) << connected.status();
  EXPECT_EQ(world_.kubernetes.store()
                .ListAt(local::Resource::kPods, kNamespace, world_.kubernetes.store().version())
                .size(),
            1u);
}

TEST_F(SessionLifeTest, SaysSoWhenKubernetesDoesNotAnswer) {
  fault_ = [](const kube::HttpRequest& request) -> std::optional<local::LocalKubernetes::Fault> {
    if (request.method != "POST") return std::nullopt;
    return local::LocalKubernetes::Fault{.code = 503};
  };
  const auto connected = Connect(Ask("doc"));
  EXPECT_EQ(connected.status().code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(ReasonOf(connected.status()), "KUBERNETES_UNREACHABLE");
  fault_ = nullptr;
  EXPECT_TRUE(Connect(Ask("doc")).ok());
}

TEST_F(SessionLifeTest, WaitsUntilReadyWhenAsked) {
  world_.runtime.SetScript("app:1", {.start_after = absl::Seconds(3)});
  ConnectParams params = Ask("doc");
  params.wait_until_ready = true;
  const auto connected = Connect(params);
  ASSERT_TRUE(connected.ok());
  EXPECT_EQ(connected->session.state, SessionState::kReady);

  world_.runtime.SetScript("app:1", {.exit_after = absl::ZeroDuration(), .exit_code = 3});
  params.key.name = "other";
  const auto failed = Connect(params);
  EXPECT_EQ(failed.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_TRUE(absl::StrContains(failed.status().message(), "CRASHED")) << failed.status();
}

TEST_F(SessionLifeTest, EndsOnRequestAndStartsAnewAtTheSameUrl) {
  const auto first = Connect(Ask("doc"));
  const SessionId id = first->session.id;
  ASSERT_TRUE(Reaches(id, SessionState::kReady, absl::Seconds(5)));
  world_.proxy(1)->Request(id);
  const auto ended = Terminate(id, false);
  ASSERT_TRUE(ended.ok()) << ended.status();
  EXPECT_EQ(ended->state, SessionState::kTerminating);
  EXPECT_EQ(ended->reason, EndReason::kRequested);
  ConnectParams without_spec = Ask("doc");
  without_spec.spec.reset();
  EXPECT_EQ(ReasonOf(Connect(without_spec).status()), "SESSION_ENDING");
  const auto second = Connect(Ask("doc"));
  ASSERT_TRUE(second.ok());
  EXPECT_EQ(second->session.id, id);
  EXPECT_GT(second->session.epoch, first->session.epoch);
  EXPECT_EQ(Get(id, first->session.epoch).reason, EndReason::kRequested);
  ASSERT_TRUE(Reaches(id, SessionState::kReady, absl::Seconds(5)));
  EXPECT_EQ(world_.Open(id), 0);  // the old one's connection was closed
}

TEST_F(SessionLifeTest, HardEndTakesASecond) {
  world_.runtime.SetScript("app:1", {.stop_after = absl::Hours(1)});  // ignores SIGTERM
  const auto connected = Connect(Ask("doc"));
  const SessionId id = connected->session.id;
  ASSERT_TRUE(Reaches(id, SessionState::kReady, absl::Seconds(5)));
  ASSERT_TRUE(Terminate(id, true).ok());
  EXPECT_TRUE(Reaches(id, SessionState::kTerminated, absl::Seconds(2)));
  EXPECT_EQ(Get(id).reason, EndReason::kRequested);
}

TEST_F(SessionLifeTest, RequestsThatWaitBehindTheGateGoToTheNextIncarnation) {
  const auto first = Connect(Ask("doc"));
  const SessionId id = first->session.id;
  ASSERT_TRUE(Reaches(id, SessionState::kReady, absl::Seconds(5)));
  // The write is under way when the request comes: too late to turn back.
  bool was_late = false;
  fault_ = [&](const kube::HttpRequest& request) -> std::optional<local::LocalKubernetes::Fault> {
    if (request.method != "PATCH" || was_late) return std::nullopt;
    was_late = true;
    world_.proxy(0)->Request(id);
    return local::LocalKubernetes::Fault{.code = 503};
  };
  world_.RunFor(absl::Seconds(25));
  EXPECT_TRUE(was_late);
  EXPECT_EQ(world_.Open(id), 1);
  EXPECT_GT(Get(id).epoch, first->session.epoch);
  EXPECT_EQ(Get(id).state, SessionState::kReady);
  EXPECT_EQ(Get(id, first->session.epoch).reason, EndReason::kIdle);
}

TEST_F(SessionLifeTest, ARestartedControllerEndsNothingEarlyThenEndsIt) {
  const auto connected = Connect(Ask("doc"));
  const SessionId id = connected->session.id;
  ASSERT_TRUE(Reaches(id, SessionState::kReady, absl::Seconds(5)));
  world_.proxy(0)->Request(id);
  world_.RunFor(absl::Seconds(30));
  Restart();
  EXPECT_EQ(Get(id).state, SessionState::kReady);
  EXPECT_EQ(Get(id).connections, 1);
  EXPECT_EQ(world_.Open(id), 1);
  world_.RunFor(absl::Seconds(60));
  EXPECT_EQ(Get(id).state, SessionState::kReady);
  world_.proxy(0)->Leave(id);
  world_.RunFor(kGrace + absl::Seconds(1));
  EXPECT_EQ(Get(id).reason, EndReason::kIdle);
}

TEST_F(SessionLifeTest, APartitionedProxyKeepsSessionsAliveAlsoOverARestart) {
  const auto connected = Connect(Ask("doc"));
  const SessionId id = connected->session.id;
  ASSERT_TRUE(Reaches(id, SessionState::kReady, absl::Seconds(5)));
  world_.Partition(0, true);
  world_.proxy(0)->Request(id);  // nobody hears of it
  world_.RunFor(absl::Seconds(60));
  EXPECT_EQ(Get(id).state, SessionState::kReady);
  Restart();
  world_.RunFor(absl::Seconds(60));
  EXPECT_EQ(Get(id).state, SessionState::kReady);
  EXPECT_EQ(world_.Open(id), 1);
  world_.Partition(0, false);
  world_.RunFor(absl::Seconds(5));
  EXPECT_EQ(Get(id).connections, 1);
  world_.proxy(0)->Leave(id);
  world_.RunFor(kGrace + absl::Seconds(1));
  EXPECT_EQ(Get(id).reason, EndReason::kIdle);
}

TEST_F(SessionLifeTest, AKilledProxyIsWaitedForUntilItsNextProcessReports) {
  const auto connected = Connect(Ask("doc"));
  const SessionId id = connected->session.id;
  ASSERT_TRUE(Reaches(id, SessionState::kReady, absl::Seconds(5)));
  world_.proxy(0)->Request(id);
  world_.RunFor(absl::Seconds(1));
  world_.KillProxy(0);
  world_.RunFor(absl::Seconds(120));
  EXPECT_EQ(Get(id).state, SessionState::kReady);
  world_.StartProxy(0);
  world_.RunFor(absl::Seconds(2) + kGrace);
  EXPECT_EQ(Get(id).reason, EndReason::kIdle);
}

TEST_F(SessionLifeTest, AfterTheHoldTheEndIsUnconfirmed) {
  const auto connected = Connect(Ask("doc"));
  const SessionId id = connected->session.id;
  ASSERT_TRUE(Reaches(id, SessionState::kReady, absl::Seconds(5)));
  world_.KillProxy(0);
  world_.RunFor(absl::Minutes(10) - absl::Seconds(1));
  EXPECT_EQ(Get(id).state, SessionState::kReady);
  world_.RunFor(absl::Seconds(25));
  EXPECT_EQ(Get(id).reason, EndReason::kIdleUnconfirmed);
  EXPECT_TRUE(absl::StrContains(Get(id).message, "proxy-0"));
}

TEST_F(SessionLifeTest, TellsWhyABackendFailed) {
  struct Case {
    local::PodScript script;
    EndReason reason;
    std::optional<int32_t> exit_code;
  };
  const std::vector<Case> cases = {
      {{.exit_after = absl::Seconds(1), .exit_code = 0}, EndReason::kExited, 0},
      {{.exit_after = absl::Seconds(1), .exit_code = 7}, EndReason::kCrashed, 7},
      {{.exit_after = absl::Seconds(1), .is_oom_killed = true}, EndReason::kOomKilled, 137},
      {{.is_image_missing = true}, EndReason::kImagePullFailed, std::nullopt},
      {{.ready_after = std::nullopt}, EndReason::kStartTimeout, std::nullopt},
      {{.unschedulable_message = "no node"}, EndReason::kUnschedulable, std::nullopt},
  };
  int number = 0;
  for (const Case& c : cases) {
    world_.runtime.SetScript("app:1", c.script);
    ConnectParams params = Ask(absl::StrCat("doc-", ++number));
    params.spec->lifetime.start_timeout = absl::Seconds(30);
    const auto connected = Connect(params);
    ASSERT_TRUE(connected.ok()) << connected.status();
    const SessionId id = connected->session.id;
    EXPECT_TRUE(Reaches(id, SessionState::kTerminated, absl::Seconds(60)));
    const SessionView view = Get(id);
    EXPECT_EQ(view.reason, c.reason) << number << ": " << view.message;
    if (c.exit_code.has_value()) {
      EXPECT_EQ(view.exit_code, c.exit_code);
    }
    EXPECT_FALSE(view.message.empty());
    world_.RunFor(absl::Milliseconds(10));
    world_.proxy(0)->Request(id);
    EXPECT_EQ(world_.Waiting(id), 0);  // 410 at once
  }
}

}  // namespace
}  // namespace spawner::sim
