// Goal: no order of crashes, partitions, lost and repeated messages and API faults breaks what the
// system promises. Method: seeded chaos over the whole controller side, every promise checked at
// every instant; then peace, in which everything has to end.
//   SPAWNER_SIM_SEED=N replays one seed, SPAWNER_SIM_SEEDS=N runs the first N.
#include <algorithm>
#include <cstdlib>
#include <deque>
#include <iostream>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "base/log.h"
#include "gtest/gtest.h"
#include "tests/sim/world.h"

namespace spawner::sim {
namespace {

using local::Object;

constexpr int kKeys = 4;
constexpr size_t kControllers = 2;
constexpr size_t kProxies = 3;
constexpr absl::Duration kGrace = absl::Seconds(4);
constexpr absl::Duration kInitialGrace = absl::Seconds(6);

class Chaos {
 public:
  explicit Chaos(uint64_t seed) : world_(seed, kControllers), random_(seed ^ 0x5eed) {
    world_.options.lost_proxy_hold = absl::Minutes(2);
    world_.on_request = [this](const kube::HttpRequest& request) { return OnRequest(request); };
    world_.on_served = [this](const SessionId& id, Epoch epoch) { OnServed(id, epoch); };
    world_.on_step = [this] { Look(); };
    for (size_t i = 0; i < kControllers; ++i) world_.StartController(i);
    for (size_t i = 0; i < kProxies; ++i) StartProxy(i);
    calm_ = 1 + random_.Below(12);
    local::PodScript script;
    script.start_after = absl::Milliseconds(random_.Below(2000));
    script.stop_after = absl::Milliseconds(random_.Below(3000));
    world_.runtime.SetScript("app:1", script);
  }

  void Run() {
    world_.RunFor(absl::Seconds(8));
    for (int step = 0; step < 200 && !testing::Test::HasFailure(); ++step) {
      Disturb();
      world_.RunFor(absl::Milliseconds(random_.Below(1500)));
    }
    if (testing::Test::HasFailure()) {
      for (const std::string& note : notes_) std::cerr << note << "\n";
      return;
    }
    idle_ends_seen += idle_ends_.size();
    MakePeace();
  }

  size_t idle_ends_seen = 0;  // while it was not peaceful

 private:
  // What happened last, shown if a promise was broken.
  void Note(const std::string& text) {
    const absl::Duration at = world_.clock.Now() - Instant{};
    notes_.push_back(absl::StrCat(absl::FormatDuration(at), " ", text));
    if (notes_.size() > 80) notes_.pop_front();
  }

  SessionId Pick() {
    if (ids_.empty()) return {"nobody"};
    auto it = ids_.begin();
    std::advance(it, random_.Below(ids_.size()));
    Note(absl::StrCat("session ", it->value));
    return *it;
  }

  void StartProxy(size_t index) {
    world_.StartProxy(index);
    world_.proxy(index)->is_lazy = random_.OneIn(3);
  }

  void Disturb() {
    const size_t proxy = random_.Below(kProxies);
    const size_t controller = random_.Below(kControllers);
    // Users come and go in every seed; how much breaks differs.
    const uint64_t what = random_.Below(random_.OneIn(calm_) ? 25 : 12);
    Note(absl::StrCat("step ", what, " proxy ", proxy, " controller ", controller));
    switch (what) {
      case 0:
      case 1:
      case 2:
      case 3:
        return Connect(controller);
      case 4:
      case 5:
      case 6:
      case 7:
        if (world_.proxy(proxy) != nullptr) world_.proxy(proxy)->Request(Pick());
        return;
      case 8:
      case 9:
      case 10:
      case 11:
        if (world_.proxy(proxy) != nullptr) world_.proxy(proxy)->Leave(Pick());
        return;
      case 12:
        if (world_.proxy(proxy) == nullptr) return StartProxy(proxy);
        world_.KillProxy(proxy);
        if (random_.OneIn(2)) StartProxy(proxy);
        return;
      case 13:
        if (world_.proxy(proxy) == nullptr) StartProxy(proxy);
        return;
      case 14:
        return world_.Partition(proxy, !world_.IsCut(proxy));
      case 15:
        return world_.Partition(proxy, false);
      case 16:
        return world_.BreakLink(proxy);
      case 17:
        if (world_.controller(controller) == nullptr) return world_.StartController(controller);
        return Kill(controller);
      case 18:
        if (world_.controller(controller) == nullptr) world_.StartController(controller);
        return;
      case 19:
        fault_one_in_ = random_.OneIn(2) ? 0 : 2 + random_.Below(10);
        return;
      case 20:
        if (random_.OneIn(2)) world_.kubernetes.ForgetHistory();
        return world_.kubernetes.BreakStreams();
      case 21:
        world_.delay_max = absl::Milliseconds(random_.OneIn(2) ? 0 : random_.Below(800));
        return;
      case 22:
        return Terminate(controller);
      case 23:
        return DieUnheard(proxy);
      default:
        return HurtAPod();
    }
  }

  // A proxy that nobody hears takes users, for longer than a grace, and dies with them; its next
  // process is there at once.
  void DieUnheard(size_t index) {
    if (world_.proxy(index) == nullptr) return;
    world_.Partition(index, true);
    for (const SessionId& id : ids_) world_.proxy(index)->Request(id);
    world_.RunFor(kGrace + absl::Milliseconds(random_.Below(4000)));
    world_.KillProxy(index);
    world_.Partition(index, false);
    StartProxy(index);
  }

  void Connect(size_t index) {
    Controller* controller = world_.controller(index);
    if (controller == nullptr) return;
    core::ConnectParams params;
    params.ns = kNamespace;
    params.key.name = absl::StrCat("key-", random_.Below(kKeys));
    params.spec.emplace();
    params.spec->image = "app:1";
    params.spec->idle.grace = kGrace;
    params.spec->idle.initial_grace = kInitialGrace;
    params.spec->lifetime.start_timeout = absl::Seconds(40);
    params.spec->lifetime.stop_grace = absl::Seconds(2);
    params.spec->lifetime.retention = absl::Seconds(15);
    params.wait_until_ready = random_.OneIn(3);
    if (random_.OneIn(2)) params.request_id = absl::StrCat("request-", random_.Below(30));
    params.payload_hash = params.request_id.empty() ? "" : params.key.name;
    const uint64_t number = ++connects_;
    waiting_[number] = index;
    controller->engine.core().Connect(
        std::move(params), [this, number](absl::StatusOr<core::ConnectResult> result) {
          EXPECT_EQ(waiting_.erase(number), 1u) << "connect " << number << " was answered twice";
          if (result.ok()) ids_.insert(result->session.id);
        });
  }

  void Kill(size_t index) {
    world_.KillController(index);
    // Their callers see the connection break.
    for (auto it = waiting_.begin(); it != waiting_.end();) {
      it = it->second == index ? waiting_.erase(it) : std::next(it);
    }
  }

  void Terminate(size_t index) {
    Controller* controller = world_.controller(index);
    if (controller == nullptr) return;
    controller->engine.core().Terminate(
        {kNamespace, Pick(), random_.OneIn(3), random_.OneIn(2), Epoch{}},
        [](absl::StatusOr<SessionView> view) {});
  }

  std::map<local::ObjectKey, Object> Pods() const {
    const local::ObjectStore& store = world_.kubernetes.store();
    return store.ListAt(local::Resource::kPods, kNamespace, store.version());
  }

  void HurtAPod() {
    const auto pods = Pods();
    if (pods.empty()) return;
    auto it = pods.begin();
    std::advance(it, random_.Below(pods.size()));
    const Json& metadata = it->second->at("metadata");
    const Json containers = it->second->at("status").value("containerStatuses", Json::array());
    const bool is_running = !containers.empty() && containers[0].at("state").contains("running");
    if (random_.OneIn(2)) {
      if (!is_running) return;
      world_.runtime.ExitPod(metadata.at("uid"), random_.Below(2));
      return;
    }
    // kubectl delete.
    foreign_.push_back(std::make_unique<kube::HttpKubeClient>(world_.kubernetes));
    foreign_.back()->DeletePod(kNamespace, std::string(metadata.at("name")), {},
                               [](const absl::Status&) {});
  }

  // --- the promises ------------------------------------------------------------------------------

  std::optional<local::LocalKubernetes::Fault> OnRequest(const kube::HttpRequest& request) {
    if (request.method == "PATCH" && absl::StrContains(request.body, "\"IDLE\"")) {
      OnIdleEnd(request);
    }
    if (fault_one_in_ == 0 || !random_.OneIn(fault_one_in_)) return std::nullopt;
    local::LocalKubernetes::Fault fault;
    fault.code = random_.OneIn(2) ? 503 : 0;
    fault.is_applied = random_.OneIn(2);
    if (random_.OneIn(3)) fault.answer_after = absl::Milliseconds(random_.Below(3000));
    return fault;
  }

  // "/api/v1/namespaces/team/pods/{id}-{leadership}-{counter}"
  static std::pair<SessionId, Epoch> NameOf(const std::string& path) {
    const std::string pod = path.substr(path.rfind('/') + 1);
    const size_t second = pod.rfind('-');
    const size_t first = pod.rfind('-', second - 1);
    uint32_t leadership = 0;
    uint32_t counter = 0;
    EXPECT_TRUE(absl::SimpleAtoi(pod.substr(first + 1, second - first - 1), &leadership)) << path;
    EXPECT_TRUE(absl::SimpleAtoi(pod.substr(second + 1, 99), &counter)) << path;
    return {{pod.substr(0, first)}, Epoch::Make(leadership, counter)};
  }

  // Nobody whose connection is open anywhere loses it to an idle end, nor within the grace.
  void OnIdleEnd(const kube::HttpRequest& request) {
    const auto [id, epoch] = NameOf(request.path);
    Note(absl::StrCat(id.value, " ends as idle, epoch ", epoch.value));
    if (!idle_ends_.insert({id, epoch}).second) return;  // the same decision again
    for (size_t i = 0; i < kProxies; ++i) {
      if (world_.proxy(i) == nullptr) continue;
      EXPECT_EQ(world_.proxy(i)->OpenEpochs(id).count(epoch), 0u)
          << id.value << " ends as idle with connections at proxy " << i;
    }
    const auto used = last_open_.find({id, epoch});
    if (used != last_open_.end()) {
      EXPECT_GE(world_.clock.Now() - used->second, kGrace) << id.value << " ends early";
    }
  }

  // One is served: never an older one while a newer one has been, unless its end is decided.
  void OnServed(const SessionId& id, Epoch epoch) {
    Note(absl::StrCat(id.value, " serves at epoch ", epoch.value));
    Epoch& newest = newest_served_[id];
    newest = std::max(newest, epoch);
    if (epoch == newest) return;
    const Object pod =
        world_.kubernetes.store().Find({local::Resource::kPods, kNamespace, PodName(id, epoch)});
    if (pod == nullptr) return;
    const Json& metadata = pod->at("metadata");
    EXPECT_TRUE(metadata.contains("deletionTimestamp") ||
                metadata.at("annotations").contains("spawner.dev/reason"))
        << id.value << ": epoch " << epoch.value << " is served after " << newest.value;
  }

  void Look() {
    const Instant now = world_.clock.Now();
    for (const SessionId& id : ids_) {
      for (size_t i = 0; i < kProxies; ++i) {
        if (world_.proxy(i) == nullptr) continue;
        for (const Epoch epoch : world_.proxy(i)->OpenEpochs(id)) last_open_[{id, epoch}] = now;
      }
    }
  }

  // Everything works again and everybody leaves: every session ends, every Connect is answered.
  void MakePeace() {
    fault_one_in_ = 0;
    world_.delay_max = absl::Milliseconds(5);
    for (size_t i = 0; i < kControllers; ++i) {
      if (world_.controller(i) == nullptr) world_.StartController(i);
    }
    for (size_t i = 0; i < kProxies; ++i) {
      world_.Partition(i, false);
      if (world_.proxy(i) == nullptr) world_.StartProxy(i);
    }
    world_.RunFor(absl::Seconds(30));
    for (size_t i = 0; i < kProxies; ++i) {
      for (const SessionId& id : ids_) {
        while (world_.proxy(i)->Leave(id)) {
        }
      }
    }
    EXPECT_NE(world_.leader(), nullptr);
    const bool is_over =
        world_.RunUntil([this] { return Pods().empty() && waiting_.empty(); }, absl::Seconds(150));
    EXPECT_TRUE(is_over) << Pods().size() << " pods and " << waiting_.size()
                         << " connects are left";
    for (const auto& [key, pod] : Pods()) std::cerr << pod->dump() << "\n";
    world_.RunFor(absl::Seconds(40));
    for (size_t i = 0; i < kControllers; ++i) {
      core::Core& core = world_.controller(i)->engine.core();
      const auto list = core.List({.ns = kNamespace});
      ASSERT_TRUE(list.ok());
      for (const SessionView& view : list->sessions) {
        ADD_FAILURE() << "controller " << i << " still knows " << view.id.value << " as "
                      << Name(view.state) << " with " << view.connections << " connections, "
                      << world_.Open(view.id) << " open and " << world_.Waiting(view.id)
                      << " waiting in truth";
      }
    }
    for (size_t i = 0; i < kProxies; ++i) {
      EXPECT_TRUE(world_.proxy(i)->routes().empty()) << "proxy " << i;
    }
  }

  World world_;
  SeededRandom random_;
  std::deque<std::string> notes_;
  uint64_t fault_one_in_ = 0;
  uint64_t calm_ = 1;
  std::vector<std::unique_ptr<kube::HttpKubeClient>> foreign_;
  uint64_t connects_ = 0;
  std::map<uint64_t, size_t> waiting_;  // connect -> controller
  std::set<SessionId> ids_;
  std::set<std::pair<SessionId, Epoch>> idle_ends_;
  std::map<std::pair<SessionId, Epoch>, Instant> last_open_;
  std::map<SessionId, Epoch> newest_served_;
};

TEST(Simulation, KeepsItsPromisesInEverySeed) {
  SetLogLevel(LogLevel::kError);
  uint64_t first = 1;
  uint64_t last = 40;  // some 20 s unoptimised
  if (const char* seeds = std::getenv("SPAWNER_SIM_SEEDS")) {
    ASSERT_TRUE(absl::SimpleAtoi(seeds, &last)) << seeds;
  }
  if (const char* seed = std::getenv("SPAWNER_SIM_SEED")) {
    ASSERT_TRUE(absl::SimpleAtoi(seed, &first)) << seed;
    last = first;
    SetLogLevel(LogLevel::kInfo);
  }
  size_t idle_ends = 0;
  for (uint64_t seed = first; seed <= last; ++seed) {
    SCOPED_TRACE(testing::Message() << "replay with SPAWNER_SIM_SEED=" << seed);
    Chaos chaos(seed);
    chaos.Run();
    if (testing::Test::HasFailure()) return;
    idle_ends += chaos.idle_ends_seen;
  }
  std::cout << idle_ends << " idle ends in seeds " << first << " to " << last << "\n";
}

}  // namespace
}  // namespace spawner::sim
