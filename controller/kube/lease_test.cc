#include "controller/kube/lease.h"

#include <gtest/gtest.h>

#include <functional>
#include <map>
#include <memory>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "base/check.h"
#include "base/json.h"
#include "controller/kube/limits.h"

namespace spawner::kube {
namespace {

// True time and what happens in it.
class World {
 public:
  Instant now() const { return now_; }
  void At(Instant when, std::function<void()> what) { events_.emplace(when, std::move(what)); }
  Instant NextEvent() const {
    return events_.empty() ? Instant::Infinite() : events_.begin()->first;
  }
  // All that is due at `when` or before.
  void AdvanceTo(Instant when) {
    while (NextEvent() <= when) {
      const auto event = events_.extract(events_.begin());
      now_ = std::max(now_, event.key());
      event.mapped()();
    }
    now_ = std::max(now_, when);
  }

 private:
  Instant now_{};
  std::multimap<Instant, std::function<void()>> events_;
};

// One machine's monotonic clock: another origin, another pace.
class MachineClock final : public Clock {
 public:
  MachineClock(const World& world, int64_t offset_ns, double pace)
      : world_(world), offset_ns_(offset_ns), pace_(pace) {}
  Instant Now() const override {
    return {offset_ns_ +
            static_cast<int64_t>(static_cast<double>(world_.now().nanoseconds) * pace_)};
  }
  // Wall clocks of machines may be far apart: nobody must compare them.
  absl::Time WallNow() const override { return absl::UnixEpoch() + absl::Nanoseconds(offset_ns_); }
  Instant ToWorld(Instant local) const {
    if (local == Instant::Infinite()) return local;
    return {1 + static_cast<int64_t>(static_cast<double>(local.nanoseconds - offset_ns_) / pace_)};
  }

 private:
  const World& world_;
  const int64_t offset_ns_;
  const double pace_;
};

// An API server that holds one Lease.
class Server {
 public:
  absl::StatusOr<std::string> Get() const {
    if (!lease_.has_value()) return absl::NotFoundError("get lease a/l: HTTP 404: not found");
    return JsonText(*lease_);
  }
  absl::StatusOr<std::string> Create(const std::string& json) {
    if (lease_.has_value()) return absl::AlreadyExistsError("create lease a/l: HTTP 409");
    Store(*ParseJson(json));
    return Get();
  }
  absl::StatusOr<std::string> Replace(const std::string& json) {
    Json lease = *ParseJson(json);
    if (!lease_.has_value()) return absl::NotFoundError("update lease a/l: HTTP 404");
    if (lease["metadata"]["resourceVersion"] != (*lease_)["metadata"]["resourceVersion"]) {
      return absl::AbortedError("update lease a/l: HTTP 409: has been modified");
    }
    Store(std::move(lease));
    return Get();
  }
  void Delete() { lease_.reset(); }
  LeaseObject lease() const { return *LeaseObject::Decode(*Get()); }
  Json* json() { return &*lease_; }
  int writes() const { return version_; }

 private:
  void Store(Json lease) {
    lease["metadata"]["resourceVersion"] = absl::StrCat(++version_);
    lease_ = std::move(lease);
  }

  int version_ = 0;
  std::optional<Json> lease_;
};

// What becomes of one request.
struct Fate {
  absl::Duration there = absl::Milliseconds(5);
  absl::Duration back = absl::Milliseconds(5);
  bool is_done = true;      // the server does it
  bool is_answered = true;  // and its answer comes; if not: UNAVAILABLE in its place
};

// One machine's way to the server.
class Link final : public KubeClient {
 public:
  Link(World& world, Server& server, std::function<Fate()> fate)
      : world_(world), server_(server), fate_(std::move(fate)) {}

  void GetObject(std::string path, ObjectDone done) override {
    EXPECT_EQ(path, "/apis/coordination.k8s.io/v1/namespaces/a/leases/l");
    Send([this] { return server_.Get(); }, std::move(done));
  }
  void CreateObject(std::string path, std::string json, ObjectDone done) override {
    EXPECT_EQ(path, "/apis/coordination.k8s.io/v1/namespaces/a/leases");
    Send([this, json = std::move(json)] { return server_.Create(json); }, std::move(done));
  }
  void ReplaceObject(std::string path, std::string json, ObjectDone done) override {
    Send([this, json = std::move(json)] { return server_.Replace(json); }, std::move(done));
  }
  void CreatePod(absl::string_view, std::string, PodDone) override { SPAWNER_CHECK(false); }
  void PatchPod(absl::string_view, absl::string_view, std::string, PodDone) override {
    SPAWNER_CHECK(false);
  }
  void DeletePod(absl::string_view, absl::string_view, DeleteOptions,
                 std::function<void(absl::Status)>) override {
    SPAWNER_CHECK(false);
  }
  void DeleteObject(std::string, DeleteOptions, std::function<void(absl::Status)>) override {
    SPAWNER_CHECK(false);
  }

  // Answers wait while the process is stopped.
  void SetPaused(bool paused) {
    is_paused_ = paused;
    while (!is_paused_ && !waiting_.empty()) {
      for (const auto& answer : std::exchange(waiting_, {})) answer();
    }
  }
  int requests() const { return requests_; }

 private:
  void Send(std::function<absl::StatusOr<std::string>()> work, ObjectDone done) {
    ++requests_;
    const Fate fate = fate_();
    world_.At(world_.now() + fate.there,
              [this, fate, work = std::move(work), done = std::move(done)] {
                absl::StatusOr<std::string> answer = absl::UnavailableError("connection lost");
                if (fate.is_done) {
                  absl::StatusOr<std::string> result = work();
                  if (fate.is_answered) answer = std::move(result);
                }
                world_.At(world_.now() + fate.back, [this, answer = std::move(answer), done] {
                  if (is_paused_) {
                    waiting_.push_back([answer, done] { done(answer); });
                  } else {
                    done(answer);
                  }
                });
              });
  }

  World& world_;
  Server& server_;
  const std::function<Fate()> fate_;
  bool is_paused_ = false;
  int requests_ = 0;
  std::vector<std::function<void()>> waiting_;
};

// One controller. Its end leaves its requests on their way, unheard.
struct Machine {
  Machine(World& world, Server& server, Random& random, const std::string& identity,
          std::function<Fate()> fate, int64_t offset_ns = 0, double pace = 1)
      : clock(world, offset_ns, pace),
        link(world, server, std::move(fate)),
        elector(link, clock, random,
                {.ns = "a", .name = "l", .identity = identity, .address = identity + ":1"}) {}

  bool IsLeader() const { return elector.IsLeader(clock.Now()); }

  MachineClock clock;
  Link link;
  LeaseElector elector;
  bool is_paused = false;
};

class LeaseTest : public testing::Test {
 protected:
  Machine& Add(const std::string& identity) {
    machines_.push_back(
        std::make_unique<Machine>(world_, server_, random_, identity, [this] { return fate_; }));
    return *machines_.back();
  }
  // Runs all machines that are not paused for `d`.
  void Run(absl::Duration d) {
    const Instant end = world_.now() + d;
    while (true) {
      Instant next = end;
      for (const auto& machine : machines_) {
        if (machine->is_paused) continue;
        machine->elector.Step(machine->clock.Now());
        next = std::min(next, machine->clock.ToWorld(machine->elector.NextWake()));
      }
      next = std::min(next, world_.NextEvent());  // what the steps sent, too
      if (world_.NextEvent() > end && next >= end) break;
      world_.AdvanceTo(std::max(next, world_.now() + absl::Nanoseconds(1)));
    }
    world_.AdvanceTo(end);
  }

  World world_;
  Server server_;
  SeededRandom random_{1};
  Fate fate_;
  std::vector<std::unique_ptr<Machine>> machines_;
};

TEST_F(LeaseTest, TheFirstCreatesTheLeaseAndLeads) {
  Machine& a = Add("a-1");
  a.elector.RaiseFloor(6);
  Run(absl::Milliseconds(100));
  EXPECT_TRUE(a.IsLeader());
  EXPECT_EQ(a.elector.leadership(), 7u);
  EXPECT_EQ(a.elector.leader_address(), "a-1:1");
  EXPECT_EQ(server_.lease().holder(), "a-1");
  EXPECT_EQ(server_.lease().leadership(), 7u);
  EXPECT_EQ(server_.lease().duration(), absl::Seconds(6));
  EXPECT_EQ(server_.lease().Annotation(kLeaderAddressAnnotation), "a-1:1");
  EXPECT_EQ(a.link.requests(), 2) << "a read and the create";
}

TEST_F(LeaseTest, RenewsOnceASecondAndKeepsWhatOthersWrote) {
  Machine& a = Add("a-1");
  Run(absl::Milliseconds(100));
  (*server_.json())["metadata"]["labels"]["x"] = "y";
  Run(absl::Seconds(20));
  EXPECT_TRUE(a.IsLeader());
  EXPECT_EQ(a.elector.leadership(), 1u);
  EXPECT_GE(server_.writes(), 18);
  EXPECT_LE(server_.writes(), 22);
  EXPECT_EQ(a.link.requests(), server_.writes() + 1) << "no read per renewal";
}

TEST_F(LeaseTest, AFollowerLearnsWhoLeads) {
  Add("a-1");
  Run(absl::Milliseconds(100));
  Machine& b = Add("b-1");
  Run(absl::Seconds(30));
  EXPECT_FALSE(b.IsLeader());
  EXPECT_EQ(b.elector.holder(), "a-1");
  EXPECT_EQ(b.elector.leader_address(), "a-1:1");
  EXPECT_EQ(b.elector.leadership(), 1u);
}

TEST_F(LeaseTest, AFollowerTakesOverAfterTheLeadersDeathAndReadsItsRoster) {
  Machine& a = Add("a-1");
  Machine& b = Add("b-1");
  Run(absl::Milliseconds(100));
  Machine& dead = a.IsLeader() ? a : b;
  Machine& next = a.IsLeader() ? b : a;
  ASSERT_TRUE(dead.elector.SetRoster(R"(["proxy-1"])").ok());
  Run(absl::Milliseconds(300));
  EXPECT_TRUE(dead.elector.IsRosterStored());
  dead.is_paused = true;
  Run(absl::Seconds(5));
  EXPECT_FALSE(dead.IsLeader()) << "fenced by its own clock, without a step";
  EXPECT_FALSE(next.IsLeader()) << "not before the lease is over";
  Run(absl::Seconds(4));
  EXPECT_TRUE(next.IsLeader());
  EXPECT_EQ(next.elector.leadership(), 2u);
  EXPECT_EQ(next.elector.LastRoster(), R"(["proxy-1"])");
  dead.is_paused = false;
  Run(absl::Seconds(10));
  EXPECT_FALSE(dead.IsLeader());
  EXPECT_EQ(dead.elector.holder(), next.elector.holder());
}

TEST_F(LeaseTest, CountsItsTimeFromTheStartOfARenewal) {
  Machine& a = Add("a-1");
  Run(absl::Milliseconds(100));
  // From now on an answer takes longer than a renewal is worth.
  fate_ = {.there = absl::Seconds(1), .back = absl::Milliseconds(3500)};
  Run(absl::Seconds(6));
  EXPECT_FALSE(a.IsLeader());
  EXPECT_EQ(a.elector.status().code(), absl::StatusCode::kDeadlineExceeded) << a.elector.status();
}

TEST_F(LeaseTest, SurvivesLostAnswersWithinItsDeadline) {
  Machine& a = Add("a-1");
  Run(absl::Milliseconds(100));
  fate_.is_answered = false;  // renewals are done, but it never learns
  Run(absl::Milliseconds(2500));
  EXPECT_TRUE(a.IsLeader());
  fate_.is_answered = true;
  Run(absl::Seconds(10));
  EXPECT_TRUE(a.IsLeader());
  EXPECT_EQ(a.elector.leadership(), 1u) << "never lost";
}

TEST_F(LeaseTest, ALostAnswerToAnAcquisitionMakesItTakeTheLeaseAnew) {
  Machine& a = Add("a-1");
  fate_.is_answered = false;
  Run(absl::Seconds(3));
  EXPECT_FALSE(a.IsLeader());
  fate_.is_answered = true;
  Run(absl::Seconds(3));
  EXPECT_TRUE(a.IsLeader());
}

TEST_F(LeaseTest, StopsAtOnceWhenAnotherHoldsTheLease) {
  Machine& a = Add("a-1");
  Run(absl::Milliseconds(100));
  (*server_.json())["spec"]["holderIdentity"] = "thief";
  (*server_.json())["metadata"]["resourceVersion"] = "1000";
  Run(absl::Milliseconds(1300));
  EXPECT_FALSE(a.IsLeader());
  EXPECT_EQ(a.elector.status().message(), "lease a/l was taken by \"thief\"");
}

TEST_F(LeaseTest, ADeletedLeaseIsTakenWithAHigherNumber) {
  Machine& a = Add("a-1");
  Run(absl::Milliseconds(100));
  server_.Delete();
  Run(absl::Seconds(4));
  EXPECT_TRUE(a.IsLeader());
  EXPECT_EQ(a.elector.leadership(), 2u);
}

TEST_F(LeaseTest, AHigherNumberSeenElsewhereMakesItTakeTheLeaseAnew) {
  Machine& a = Add("a-1");
  Run(absl::Milliseconds(100));
  a.elector.RaiseFloor(1);
  EXPECT_TRUE(a.IsLeader());
  a.elector.RaiseFloor(9);
  EXPECT_FALSE(a.IsLeader());
  Run(absl::Seconds(1));
  EXPECT_TRUE(a.IsLeader());
  EXPECT_EQ(a.elector.leadership(), 10u);
}

TEST_F(LeaseTest, ReleasesForTheNextOneToTakeOverAtOnce) {
  Machine& a = Add("a-1");
  Run(absl::Milliseconds(100));
  Machine& b = Add("b-1");
  ASSERT_TRUE(a.elector.SetRoster("[1]").ok());
  Run(absl::Seconds(5));
  a.elector.Release();
  EXPECT_FALSE(a.IsLeader());
  Run(absl::Milliseconds(50));
  EXPECT_TRUE(a.elector.IsReleased());
  EXPECT_EQ(server_.lease().holder(), "");
  Run(absl::Milliseconds(1300));
  EXPECT_TRUE(b.IsLeader());
  EXPECT_EQ(b.elector.leadership(), 2u);
  EXPECT_EQ(b.elector.LastRoster(), "[1]");
  b.elector.Release();
  Run(absl::Seconds(20));
  EXPECT_EQ(server_.lease().holder(), "") << "the released take no part any more";
}

// A drained leader's replacement starts as it leaves: it would not know what the pods were that went
// with it (the session of a drained node was NOT_FOUND).
TEST_F(LeaseTest, ANewcomerLeavesAReleasedLeaseToWhoeverHasWatched) {
  for (int started_ms = 0; started_ms < 1200; started_ms += 40) {
    Machine& a = Add(absl::StrCat("a-", started_ms));
    Run(absl::Seconds(8));
    ASSERT_TRUE(a.IsLeader()) << "of nobody's Lease a newcomer becomes the leader, a little later";
    Machine& b = Add(absl::StrCat("b-", started_ms));
    Run(absl::Seconds(5) + absl::Milliseconds(started_ms));
    a.elector.Release();
    Run(absl::Milliseconds(50));
    Machine& c = Add(absl::StrCat("c-", started_ms));
    Run(absl::Milliseconds(1300));
    EXPECT_TRUE(b.IsLeader()) << started_ms;
    EXPECT_FALSE(c.IsLeader()) << started_ms;
    b.elector.Release();
    Run(absl::Milliseconds(1300));
    EXPECT_TRUE(c.IsLeader()) << "it has watched by now";
    c.elector.Release();
    Run(absl::Milliseconds(50));
  }
}

TEST_F(LeaseTest, GivesUpReleasingWhenTheServerIsAway) {
  Machine& a = Add("a-1");
  Run(absl::Milliseconds(100));
  fate_.is_done = false;
  a.elector.Release();
  Run(absl::Seconds(5));
  EXPECT_FALSE(a.elector.IsReleased());
  Run(absl::Seconds(2));
  EXPECT_TRUE(a.elector.IsReleased());
  Machine& follower = Add("b-1");
  follower.elector.Release();
  EXPECT_TRUE(follower.elector.IsReleased()) << "had asked for nothing";
}

TEST_F(LeaseTest, StoresTheRosterSoonAndAgainAfterAFailure) {
  Machine& a = Add("a-1");
  EXPECT_TRUE(a.elector.SetRoster("[0]").ok());
  Run(absl::Milliseconds(100));
  EXPECT_EQ(server_.lease().Annotation(kProxiesAnnotation), "") << "not before it leads";
  ASSERT_TRUE(a.elector.SetRoster("[1]").ok());
  EXPECT_FALSE(a.elector.IsRosterStored());
  Run(absl::Milliseconds(150));
  EXPECT_TRUE(a.elector.IsRosterStored());
  EXPECT_EQ(server_.lease().Annotation(kProxiesAnnotation), "[1]");
  fate_.is_done = false;
  ASSERT_TRUE(a.elector.SetRoster("[2]").ok());
  Run(absl::Milliseconds(150));
  EXPECT_FALSE(a.elector.IsRosterStored());
  fate_.is_done = true;
  Run(absl::Seconds(2));
  EXPECT_TRUE(a.elector.IsRosterStored());
  EXPECT_EQ(server_.lease().Annotation(kProxiesAnnotation), "[2]");
  EXPECT_EQ(a.elector.SetRoster(std::string(kRosterBytesMax + 1, 'x')).code(),
            absl::StatusCode::kResourceExhausted);
  EXPECT_TRUE(a.IsLeader());
}

TEST_F(LeaseTest, WaitsForAHolderThatClaimsALongerLeaseWithinReason) {
  Machine& a = Add("a-1");
  Run(absl::Milliseconds(100));
  (*server_.json())["spec"]["leaseDurationSeconds"] = 20;
  (*server_.json())["spec"]["holderIdentity"] = "other";
  a.is_paused = true;
  Machine& b = Add("b-1");
  Run(absl::Seconds(19));
  EXPECT_FALSE(b.IsLeader());
  Run(absl::Seconds(3));
  EXPECT_TRUE(b.IsLeader());
}

// Three controllers on machines whose clocks differ in origin and pace share one server. Requests
// are late, lost before or after they are done; processes stop for seconds, die and come back under
// a new identity, and release. At no instant do two of them lead, and each leadership has a higher
// number than all before it. When the chaos ends, one leads.
class LeaseChaos {
 public:
  explicit LeaseChaos(uint64_t seed) : random_(seed) {
    for (size_t i = 0; i < 3; ++i) machines_.push_back(Born());
    leads_.resize(3);
  }

  // "" or what went wrong.
  std::string Run() {
    const Instant chaos_end = world_.now() + absl::Seconds(40);
    const Instant end = chaos_end + absl::Seconds(40);
    while (world_.now() < end) {
      if (world_.now() >= chaos_end && is_chaos_) EndChaos();
      Instant next = world_.now() + absl::Milliseconds(500);
      for (const auto& machine : machines_) {
        if (machine->is_paused) continue;
        machine->elector.Step(machine->clock.Now());
        next = std::min(next, machine->clock.ToWorld(machine->elector.NextWake()));
      }
      next = std::min(next, world_.NextEvent());
      if (std::string wrong = Check(); !wrong.empty()) return wrong;
      if (is_chaos_ && random_.OneIn(10)) Disturb();
      world_.AdvanceTo(std::max(next, world_.now() + absl::Nanoseconds(1)));
      if (std::string wrong = Check(); !wrong.empty()) return wrong;
    }
    for (const auto& machine : machines_) {
      if (machine->IsLeader()) return "";
    }
    return "nobody leads after the chaos";
  }
  uint32_t highest() const { return highest_; }

 private:
  std::unique_ptr<Machine> Born() {
    const double pace = 0.9 + 0.2 * random_.Unit();
    const auto offset = static_cast<int64_t>(random_.Below(1'000'000'000'000));
    return std::make_unique<Machine>(
        world_, server_, random_, absl::StrCat("m-", ++births_), [this] { return DrawFate(); },
        offset, pace);
  }
  Fate DrawFate() {
    Fate fate;
    if (!is_chaos_) return fate;
    const auto delay = [this] {
      return random_.OneIn(8) ? absl::Milliseconds(random_.Below(9000))
                              : absl::Microseconds(random_.Below(30'000));
    };
    fate.there = delay();
    fate.back = delay();
    fate.is_done = !random_.OneIn(10);
    fate.is_answered = !random_.OneIn(10);
    return fate;
  }
  void Disturb() {
    const size_t which = random_.Below(machines_.size());
    Machine& machine = *machines_[which];
    switch (random_.Below(4)) {
      case 0: {  // stopped for a while: no step, no answer
        machine.is_paused = !machine.is_paused;
        machine.link.SetPaused(machine.is_paused);
        return;
      }
      case 1:
        (void)machine.elector.SetRoster(absl::StrCat("[", random_.Below(100), "]"));
        return;
      case 2:
        if (!random_.OneIn(4)) return;
        machine.elector.Release();
        return;
      default:
        if (random_.OneIn(4)) Replace(which);
        return;
    }
  }
  void Replace(size_t which) {
    machines_[which]->link.SetPaused(true);  // its answers are heard by nobody
    dead_.push_back(std::move(machines_[which]));
    machines_[which] = Born();
    leads_[which] = false;
  }
  void EndChaos() {
    is_chaos_ = false;
    for (size_t i = 0; i < machines_.size(); ++i) {
      machines_[i]->is_paused = false;
      machines_[i]->link.SetPaused(false);
    }
    Replace(0);  // all of them may have released
  }
  std::string Check() {
    int leaders = 0;
    for (size_t i = 0; i < machines_.size(); ++i) {
      const bool leads = machines_[i]->IsLeader();
      leaders += leads ? 1 : 0;
      if (leads && !leads_[i]) {
        const uint32_t number = machines_[i]->elector.leadership();
        if (number <= highest_) return absl::StrCat("number ", number, " after ", highest_);
        highest_ = number;
      }
      leads_[i] = leads;
    }
    return leaders > 1 ? absl::StrCat(leaders, " leaders at once") : "";
  }

  World world_;
  Server server_;
  SeededRandom random_;
  std::vector<std::unique_ptr<Machine>> machines_;
  std::vector<std::unique_ptr<Machine>> dead_;  // their requests may still be on the way
  std::vector<bool> leads_;
  int births_ = 0;
  bool is_chaos_ = true;
  uint32_t highest_ = 0;
};

TEST(LeaseChaosTest, AtMostOneLeadsAtAnyInstantUnderAnySchedule) {
  uint64_t leaderships = 0;
  for (uint64_t seed = 1; seed <= 1000; ++seed) {
    LeaseChaos chaos(seed);
    ASSERT_EQ(chaos.Run(), "") << "seed " << seed;
    leaderships += chaos.highest();
  }
  EXPECT_GT(leaderships, 3000u) << "the chaos is tame";
}

}  // namespace
}  // namespace spawner::kube
