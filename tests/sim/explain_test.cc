// Why: what Explain says of lives and ends, also after other controllers have taken over.
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "base/log.h"
#include "base/random.h"
#include "gtest/gtest.h"
#include "tests/sim/world.h"

namespace spawner::sim {
namespace {

constexpr absl::Duration kGrace = absl::Seconds(5);

class Explained {
 public:
  Explained(uint64_t seed, int controllers) : world(seed, controllers) {
    SetLogLevel(LogLevel::kError);
    world.on_request = [this](const kube::HttpRequest& request) {
      const bool is_events = absl::StrContains(request.path, "/events");
      asked_for_events += is_events ? 1 : 0;
      return is_events && events_fail ? std::optional(local::LocalKubernetes::Fault{.code = 403})
                                      : std::nullopt;
    };
    for (int i = 0; i < controllers; ++i) world.StartController(static_cast<size_t>(i));
    world.StartProxy(0);
    world.StartProxy(1);
    AwaitLeader();
  }

  void AwaitLeader() {
    EXPECT_TRUE(world.RunUntil([this] { return world.leader() != nullptr; }, absl::Minutes(1)));
    world.RunFor(absl::Seconds(3));
  }
  core::Core& core() { return world.leader()->engine.core(); }

  SessionId Connect(const std::string& key, const std::string& image,
                    absl::Duration lifetime = absl::InfiniteDuration(),
                    absl::Duration grace = kGrace) {
    core::ConnectParams params;
    params.ns = kNamespace;
    params.key.name = key;
    params.spec.emplace();
    params.spec->image = image;
    params.spec->idle.grace = params.spec->idle.initial_grace = grace;
    params.spec->lifetime.max = lifetime;
    params.spec->lifetime.start_timeout = absl::Seconds(40);
    params.spec->lifetime.retention = absl::Hours(1);
    const auto id = std::make_shared<SessionId>();
    core().Connect(std::move(params), [id](absl::StatusOr<core::ConnectResult> result) {
      if (result.ok()) *id = result->session.id;
    });
    world.RunUntil([id] { return !id->value.empty(); }, absl::Seconds(12));
    EXPECT_FALSE(id->value.empty());
    return *id;
  }
  core::Explanation Explain(const SessionId& id, core::Core& by) {
    const auto answer = std::make_shared<std::optional<absl::StatusOr<core::Explanation>>>();
    by.Explain(kNamespace, id, Epoch{}, [answer](absl::StatusOr<core::Explanation> explanation) {
      answer->emplace(std::move(explanation));
    });
    EXPECT_TRUE(world.RunUntil([answer] { return answer->has_value(); }, absl::Seconds(3)));
    if (!answer->has_value()) return {};
    EXPECT_TRUE((*answer)->ok()) << (*answer)->status();
    return (*answer)->value_or(core::Explanation{});
  }
  core::Explanation Explain(const SessionId& id) { return Explain(id, core()); }
  bool Reaches(const SessionId& id, SessionState state, absl::Duration within) {
    return world.RunUntil(
        [this, &id, state] {
          if (world.leader() == nullptr) return false;
          const auto view = core().Get(kNamespace, id, Epoch{});
          return view.ok() && view->state == state;
        },
        within);
  }

  World world;
  bool events_fail = false;
  int asked_for_events = 0;
};

std::string TextOf(const core::Explanation& explanation) {
  std::string text = absl::StrCat(explanation.verdict, "\n");
  for (const Transition& step : explanation.transitions) {
    absl::StrAppend(&text, absl::FormatTime("%H:%M:%E3S", step.time, absl::UTCTimeZone()), " ",
                    Name(step.from), " -> ", Name(step.to), ": ", step.cause, "\n");
  }
  return text;
}

TEST(Explain, TellsALifeStepByStep) {
  Explained place(1, 1);
  place.world.runtime.SetScript("app:1", {.schedule_after = absl::Milliseconds(100),
                                          .start_after = absl::Milliseconds(200),
                                          .ready_after = absl::Milliseconds(300)});
  const SessionId id = place.Connect("doc", "app:1");
  ASSERT_TRUE(place.Reaches(id, SessionState::kReady, absl::Seconds(5)));
  place.world.proxy(0)->Request(id);
  place.world.proxy(1)->Request(id);
  place.world.RunFor(absl::Seconds(2));

  core::Explanation live = place.Explain(id);
  EXPECT_EQ(live.reasons_alive, (std::vector<std::string>{"proxy proxy-0 has 1 connection.",
                                                          "proxy proxy-1 has 1 connection."}));
  EXPECT_EQ(live.verdict, "It ends as IDLE 5s after the last connection has closed.");
  ASSERT_EQ(live.proxies.size(), 2u);
  EXPECT_EQ(live.proxies[0].usage.proxy, "proxy-0");
  ASSERT_EQ(live.proxies[0].connections.size(), 1u);
  EXPECT_EQ(live.proxies[0].connections[0].kind, 1);
  ASSERT_FALSE(live.events.empty());
  EXPECT_EQ(live.events[0].reason, "Scheduled");

  place.world.proxy(0)->Leave(id);
  place.world.proxy(1)->Leave(id);
  place.world.RunFor(absl::Seconds(2));
  live = place.Explain(id);
  ASSERT_EQ(live.reasons_alive.size(), 1u);
  EXPECT_TRUE(absl::StartsWith(live.reasons_alive[0], "Nobody is connected; its grace of 5s"));
  EXPECT_TRUE(absl::StrContains(live.verdict, "(in 3s) if nobody connects.")) << live.verdict;

  ASSERT_TRUE(place.Reaches(id, SessionState::kTerminated, absl::Seconds(20)));
  const core::Explanation ended = place.Explain(id);
  EXPECT_TRUE(ended.reasons_alive.empty());
  EXPECT_TRUE(ended.proxies.empty());
  EXPECT_TRUE(absl::StartsWith(ended.verdict, "It ended as IDLE at ")) << ended.verdict;
  std::vector<std::string> causes;
  for (const Transition& step : ended.transitions) {
    causes.push_back(absl::StrCat(Name(step.to), ": ", step.cause));
  }
  ASSERT_EQ(causes.size(), 9u) << TextOf(ended);
  EXPECT_EQ(causes[0], "PENDING: asked for; the pod is being created");
  EXPECT_EQ(causes[1], "STARTING: pod created; waiting for a node");
  EXPECT_EQ(causes[2], "STARTING: scheduled on node local");
  EXPECT_EQ(causes[3], "STARTING: the backend's container runs");
  EXPECT_EQ(causes[4], "STARTING: pod ready; proxies learn its route");
  EXPECT_EQ(causes[causes.size() - 4], "READY: pod ready; 2 proxies know its route");
  EXPECT_TRUE(absl::StartsWith(causes[causes.size() - 3], "DRAINING: nobody connected since "));
  EXPECT_TRUE(absl::EndsWith(causes[causes.size() - 3], ", grace 5s over"));
  EXPECT_EQ(causes[causes.size() - 2],
            "TERMINATING: IDLE: nobody was connected for 5s; 2 proxies counted zero");
  EXPECT_EQ(causes[causes.size() - 1], "TERMINATED: the backend left with exit code 0");
}

TEST(Explain, NamesWhoWasFoundBehindTheGate) {
  Explained place(2, 1);
  const SessionId id = place.Connect("doc", "app:1");
  ASSERT_TRUE(place.Reaches(id, SessionState::kReady, absl::Seconds(5)));
  place.world.proxy(1)->is_lazy = true;  // its count comes with the gate only
  place.world.RunFor(kGrace - absl::Milliseconds(50));
  place.world.proxy(1)->Request(id);
  place.world.RunFor(absl::Milliseconds(800));
  const std::string text = TextOf(place.Explain(id));
  EXPECT_TRUE(absl::StrContains(text, "DRAINING -> READY: proxy proxy-1 counted 1 open")) << text;
}

TEST(Explain, ADeafProxyCostsHalfASecondAndShowsItsTotals) {
  Explained place(3, 1);
  const SessionId id = place.Connect("doc", "app:1");
  ASSERT_TRUE(place.Reaches(id, SessionState::kReady, absl::Seconds(5)));
  place.world.proxy(0)->Request(id);
  place.world.proxy(1)->Request(id);
  place.world.proxy(0)->is_deaf = true;
  place.world.RunFor(absl::Seconds(2));
  const Instant begin = place.world.clock.Now();
  const core::Explanation live = place.Explain(id);
  EXPECT_EQ(place.world.clock.Now() - begin, absl::Milliseconds(500));
  ASSERT_EQ(live.proxies.size(), 2u);
  EXPECT_EQ(live.proxies[0].usage.usage.open, 1);
  EXPECT_TRUE(live.proxies[0].connections.empty());
  EXPECT_EQ(live.proxies[1].connections.size(), 1u);
}

TEST(Explain, SaysWhatALostProxyHolds) {
  Explained place(4, 1);
  const SessionId id = place.Connect("doc", "app:1");
  ASSERT_TRUE(place.Reaches(id, SessionState::kReady, absl::Seconds(5)));
  place.world.proxy(0)->Request(id);
  place.world.RunFor(absl::Seconds(2));
  place.world.Partition(0, true);
  place.world.RunFor(absl::Seconds(30));
  const core::Explanation live = place.Explain(id);
  ASSERT_EQ(live.reasons_alive.size(), 2u);
  EXPECT_TRUE(absl::StartsWith(live.reasons_alive[0], "proxy proxy-0 (lost for "));
  EXPECT_TRUE(absl::StrContains(live.reasons_alive[0], ") has 1 connection."));
  EXPECT_TRUE(
      absl::StrContains(live.reasons_alive[1], "may have connections that nobody can count"));
  ASSERT_EQ(live.proxies.size(), 1u);
  EXPECT_EQ(live.proxies[0].usage.link, 0u);
}

TEST(Explain, SaysWhyThereAreNoEventsAndAsksForNoneUnasked) {
  Explained place(5, 1);
  const SessionId id = place.Connect("doc", "app:1");
  ASSERT_TRUE(place.Reaches(id, SessionState::kReady, absl::Seconds(5)));
  EXPECT_EQ(place.asked_for_events, 0);
  place.events_fail = true;
  const core::Explanation live = place.Explain(id);
  EXPECT_EQ(place.asked_for_events, 1);
  EXPECT_TRUE(live.events.empty());
  EXPECT_TRUE(absl::StrContains(live.events_status.message(), "list events")) << live.events_status;
}

TEST(Explain, NamesWhoHoldsIt) {
  Explained place(7, 1);
  const SessionId id = place.Connect("doc", "app:1");
  ASSERT_TRUE(place.Reaches(id, SessionState::kReady, absl::Seconds(5)));
  core::KeepAliveParams hold;
  hold.ns = kNamespace;
  hold.id = id;
  hold.owner = "importer";
  hold.reason = "night run";
  hold.ttl = absl::Seconds(60);
  place.core().KeepAlive(std::move(hold), [](const auto&) {});
  place.world.RunFor(absl::Seconds(10));
  const core::Explanation live = place.Explain(id);
  ASSERT_EQ(live.reasons_alive.size(), 1u);
  EXPECT_TRUE(absl::StartsWith(live.reasons_alive[0], "Held by importer until "));
  EXPECT_TRUE(absl::EndsWith(live.reasons_alive[0], "(for another 50s): night run."))
      << live.reasons_alive[0];
  EXPECT_TRUE(absl::StrContains(live.verdict, "(in 55s) if nobody connects.")) << live.verdict;
  ASSERT_TRUE(place.Reaches(id, SessionState::kTerminated, absl::Minutes(2)));
  const std::string text = TextOf(place.Explain(id));
  EXPECT_TRUE(absl::StrContains(text, "READY -> DRAINING: held until ")) << text;
}

// After 2 s in PULLING, then 4, 8, 16 s later: a start that is fast costs no request.
TEST(Explain, ASlowPullAsksForEventsEverLessOften) {
  Explained place(6, 1);
  place.world.runtime.SetScript("quick", {.start_after = absl::Milliseconds(1900)});
  place.world.runtime.SetScript("slow", {.start_after = absl::Seconds(31)});
  ASSERT_TRUE(
      place.Reaches(place.Connect("quick", "quick"), SessionState::kReady, absl::Seconds(5)));
  EXPECT_EQ(place.asked_for_events, 0);
  const SessionId id = place.Connect("slow", "slow");
  for (const auto& [second, asked] : std::vector<std::pair<int, int>>{
           {1, 0}, {3, 1}, {5, 1}, {7, 2}, {13, 2}, {15, 3}, {29, 3}}) {
    place.world.RunUntil(
        [&] {
          const auto view = place.core().Get(kNamespace, id, Epoch{});
          return view.ok() &&
                 place.world.clock.WallNow() - view->create_time >= absl::Seconds(second);
        },
        absl::Seconds(20));
    EXPECT_EQ(place.asked_for_events, asked) << "after " << second << " s";
  }
}

// --- seeds: every end has its cause, whoever is asked and when ----------------------------------

struct Ending {
  const char* image;
  EndReason reason;
  const char* part;  // of the cause
};
constexpr Ending kEndings[] = {
    {"app:1", EndReason::kIdle, "nobody was connected for 5s"},
    {"crash:3", EndReason::kCrashed, "exit code 3"},
    {"exit:0", EndReason::kExited, "exit code 0"},
    {"app:1", EndReason::kRequested, ""},
    {"app:1", EndReason::kMaxLifetime, "its lifetime of 20s is over"},
    {"never", EndReason::kStartTimeout, "not ready within 40s, hung in STARTED"},
    {"missing", EndReason::kImagePullFailed, "can't pull the image"},
    {"oom", EndReason::kOomKilled, "memory limit"},
};

void CheckHistory(const core::Explanation& ended, const Ending& ending, const std::string& trace) {
  SCOPED_TRACE(absl::StrCat(trace, "\n", TextOf(ended)));
  const std::string reason(Name(ending.reason));
  EXPECT_EQ(ended.session.reason, ending.reason);
  EXPECT_TRUE(absl::StartsWith(ended.verdict, absl::StrCat("It ended as ", reason)));
  ASSERT_FALSE(ended.transitions.empty());
  EXPECT_LE(ended.transitions.size(), 20u);
  SessionState state = ended.transitions[0].from;
  int ends = 0;
  for (const Transition& step : ended.transitions) {
    EXPECT_EQ(step.from, state);
    EXPECT_FALSE(step.cause.empty());
    if (step.from < SessionState::kTerminating && step.to >= SessionState::kTerminating) {
      ++ends;
      EXPECT_TRUE(absl::StartsWith(step.cause, absl::StrCat(reason, ": "))) << step.cause;
      EXPECT_TRUE(absl::StrContains(step.cause, ending.part)) << step.cause;
    }
    state = step.to;
  }
  EXPECT_EQ(ends, 1);
  EXPECT_EQ(state, SessionState::kTerminated);
}

// What was known when the end was written: all but the last moments of its processes.
std::vector<Transition> UntilTheEnd(const core::Explanation& ended) {
  std::vector<Transition> steps;
  for (const Transition& step : ended.transitions) {
    steps.push_back(step);
    if (step.to >= SessionState::kTerminating) break;
  }
  return steps;
}

void RunSeed(uint64_t seed) {
  SeededRandom random(seed * 7919);
  Explained place(seed, 2);
  place.world.runtime.SetScript("crash:3", {.exit_after = absl::Seconds(2), .exit_code = 3});
  place.world.runtime.SetScript("exit:0", {.exit_after = absl::Seconds(2)});
  place.world.runtime.SetScript("never", {.ready_after = std::nullopt});
  place.world.runtime.SetScript("missing", {.is_image_missing = true});
  place.world.runtime.SetScript("oom", {.exit_after = absl::Seconds(2), .is_oom_killed = true});
  std::vector<SessionId> ids;
  for (const Ending& ending : kEndings) {
    const bool is_short = ending.reason == EndReason::kMaxLifetime;
    const bool is_requested = ending.reason == EndReason::kRequested;
    ids.push_back(place.Connect(Name(ending.reason).data(), ending.image,
                                is_short ? absl::Seconds(20) : absl::InfiniteDuration(),
                                is_requested ? absl::Minutes(10) : kGrace));
    if (is_short) place.world.proxy(0)->Request(ids.back());
  }
  // Somebody comes and goes; leaders may change while all of it ends.
  for (int i = 0; i < 6; ++i) {
    const size_t proxy = random.Below(2);
    place.world.proxy(proxy)->Request(ids[0]);
    place.world.RunFor(absl::Milliseconds(random.Below(3000)));
    place.world.proxy(proxy)->Leave(ids[0]);
  }
  if (random.Below(2) == 0) {
    const size_t leader = place.world.controller(0) == place.world.leader() ? 0 : 1;
    place.world.KillController(leader);
    place.world.RunFor(absl::Milliseconds(random.Below(2000)));
    place.world.StartController(leader);
    place.AwaitLeader();
  }
  place.core().Terminate({kNamespace, ids[3], false, false, {}}, [](const auto&) {});
  for (const SessionId& id : ids) {
    ASSERT_TRUE(place.Reaches(id, SessionState::kTerminated, absl::Minutes(3))) << id.value;
  }
  std::vector<std::vector<Transition>> told;
  for (size_t i = 0; i < ids.size(); ++i) {
    const core::Explanation live = place.Explain(ids[i]);
    CheckHistory(live, kEndings[i], absl::StrCat("seed ", seed, " live"));
    told.push_back(UntilTheEnd(live));
  }
  // A standby tells the same, and so does whoever comes after both are gone.
  place.world.KillController(0);
  place.world.KillController(1);
  place.world.RunFor(absl::Seconds(random.Below(10)));
  place.world.StartController(0);
  place.world.StartController(1);
  place.AwaitLeader();
  for (size_t i = 0; i < ids.size(); ++i) {
    for (size_t controller : {0, 1}) {
      const core::Explanation later =
          place.Explain(ids[i], place.world.controller(controller)->engine.core());
      CheckHistory(later, kEndings[i], absl::StrCat("seed ", seed, " restarted, by ", controller));
      EXPECT_TRUE(UntilTheEnd(later) == told[i])
          << "seed " << seed << ", by " << controller << ": nothing of it is lost\n"
          << TextOf(later);
    }
  }
}

TEST(ExplainSimulation, EveryEndHasItsCauseAlsoAfterALeaderChangeAndARestart) {
  for (uint64_t seed = 1; seed <= 12; ++seed) {
    RunSeed(seed);
    if (testing::Test::HasFailure()) {
      ADD_FAILURE() << "seed " << seed;
      return;
    }
  }
}

}  // namespace
}  // namespace spawner::sim
