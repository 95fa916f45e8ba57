#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/random.h"
#include "gtest/gtest.h"
#include "proxy/link/link.h"
#include "proxy/route/route.h"
#include "proxy/route/route_table.h"
#include "spawner/v1/proxy_link.pb.h"

// A Link with real route tables behind it, against scripted controllers over a network that delays,
// cuts and silences. From one seed: controllers restart with a higher leadership, answer NotLeader,
// send tables in parts; workers apply late and in any order.
namespace spawner::proxy {
namespace {

constexpr int kWorkers = 3;
constexpr uint64_t kSessions = 12;

std::string IdOf(uint64_t n) { return absl::StrCat("s", n); }

// One worker: applies what is posted to it in order, but when it likes.
class Worker {
 public:
  Worker(int index, Link& link) : index_(index), link_(link) {}

  void Post(const RouteChange& change) { posted_.push_back(change); }
  bool IsIdle() const { return posted_.empty(); }

  void ApplyOne(Instant now) {
    if (posted_.empty()) return;
    const RouteChange change = posted_.front();
    posted_.pop_front();
    std::vector<GateCount> gates;
    for (const RouteEvent& event : table_.Apply(change, now)) {
      const Route& route = event.entry->route;
      if (event.kind != RouteEvent::Kind::kChanged || route.state != RouteState::kGated) continue;
      gates.push_back({route.session_id, route.epoch, change.version.version,
                       open_[{route.session_id, route.epoch}], 0});
    }
    while (table_.is_sweeping()) table_.Sweep(1, now);
    if (change.version != RouteVersion{}) {
      applied_ = change.version;
      link_.OnApplied(index_, change.version, gates);
    }
  }

  // A connection opens or closes on a session that it has a route for.
  void Traffic(Random& random, Instant now) {
    RouteEntry* const entry = table_.Find(IdOf(random.Below(kSessions)));
    if (entry == nullptr || !entry->is_routed) return;
    const std::pair<std::string, uint64_t> key{entry->route.session_id, entry->route.epoch};
    int64_t& open = open_[key];
    if (open > 0 && random.OneIn(2)) {
      --open;
    } else if (entry->route.state == RouteState::kOpen) {
      ++open;
    }
    link_.OnUsage(
        index_, {{.session_id = key.first, .epoch = key.second, .open = open, .last_active = now}});
  }

  RouteTable& table() { return table_; }
  RouteVersion applied() const { return applied_; }
  const std::map<std::pair<std::string, uint64_t>, int64_t>& open() const { return open_; }

 private:
  const int index_;
  Link& link_;
  std::deque<RouteChange> posted_;
  RouteTable table_;
  RouteVersion applied_;
  std::map<std::pair<std::string, uint64_t>, int64_t> open_;
};

// A leader: its routes, its log, and what the proxy has told it.
class Controller {
 public:
  Controller(uint32_t leadership, std::map<std::string, v1::Route> routes)
      : leadership_(leadership), routes_(std::move(routes)) {}

  // What goes out when a Hello comes in.
  std::vector<v1::ControllerMessage> OnHello(const v1::Hello& hello, Random& random) {
    EXPECT_LE(hello.leadership(), leadership_);
    EXPECT_TRUE(hello.usage().complete());
    usage_.clear();
    TakeUsage(hello.usage());
    std::vector<v1::ControllerMessage> out(1);
    out[0].mutable_welcome()->set_leadership(leadership_);
    const bool can_resume = hello.leadership() == leadership_ && hello.route_version() != 0 &&
                            hello.route_version() + log_.size() >= version_ && !random.OneIn(3);
    if (can_resume) {
      for (const v1::Routes& routes : log_) {
        if (routes.version() > hello.route_version()) *out.emplace_back().mutable_routes() = routes;
      }
      return out;
    }
    v1::Routes* part = out.emplace_back().mutable_routes();
    for (const auto& [id, route] : routes_) {
      *part->add_routes() = route;
      if (random.OneIn(3)) part = out.emplace_back().mutable_routes();
    }
    for (size_t i = 1; i < out.size(); ++i) {
      out[i].mutable_routes()->set_snapshot(true);
      out[i].mutable_routes()->set_version(version_);
      out[i].mutable_routes()->set_last(i + 1 == out.size());
    }
    return out;
  }

  // Changes some session: the message for the proxy if its link is up.
  v1::ControllerMessage Change(Random& random) {
    v1::ControllerMessage message;
    v1::Routes& routes = *message.mutable_routes();
    routes.set_version(++version_);
    const std::string id = IdOf(random.Below(kSessions));
    if (random.OneIn(5)) {
      routes.add_removed(id);
      routes_.erase(id);
    } else {
      v1::Route& route = routes_[id];
      // A new incarnation has a greater epoch; without an old one that is certain too.
      if (route.epoch() == 0 || random.OneIn(4)) {
        route.set_epoch(uint64_t{leadership_} << 32 | ++incarnations_);
      }
      route.set_session_id(id);
      route.set_state(static_cast<v1::RouteState>(1 + random.Below(4)));
      route.set_ip("127.0.0.9");
      route.set_port(80);
      *routes.add_routes() = route;
    }
    log_.push_back(routes);
    if (log_.size() > 20) log_.pop_front();
    return message;
  }

  void TakeUsage(const v1::Usage& usage) {
    for (const v1::SessionUsage& session : usage.sessions()) {
      usage_[{session.session_id(), session.epoch()}] = session.open();
    }
  }
  void TakeAck(const v1::Ack& ack) {
    EXPECT_EQ(ack.leadership(), leadership_);
    EXPECT_LE(ack.version(), version_);
    EXPECT_GE(ack.version(), acked_);
    acked_ = ack.version();
    for (const v1::GateCount& gate : ack.gates()) gates_[gate.session_id()] = gate;
  }

  uint32_t leadership() const { return leadership_; }
  uint64_t version() const { return version_; }
  uint64_t acked() const { return acked_; }
  const std::map<std::string, v1::Route>& routes() const { return routes_; }
  const std::map<std::pair<std::string, uint64_t>, int64_t>& usage() const { return usage_; }
  const std::map<std::string, v1::GateCount>& gates() const { return gates_; }

 private:
  const uint32_t leadership_;
  std::map<std::string, v1::Route> routes_;
  uint64_t version_ = 1;
  uint32_t incarnations_ = 0;
  std::deque<v1::Routes> log_;
  uint64_t acked_ = 0;
  std::map<std::pair<std::string, uint64_t>, int64_t> usage_;
  std::map<std::string, v1::GateCount> gates_;
};

class World {
 public:
  explicit World(uint64_t seed) : random_(seed) {
    for (int i = 0; i < kWorkers; ++i) workers_.push_back(std::make_unique<Worker>(i, link_));
  }

  void Step(bool is_calm) {
    clock_.Advance(absl::Milliseconds(1 + random_.Below(40)));
    if (!is_calm) Disturb();
    if (!is_silent_ && random_.OneIn(2)) Deliver();
    Worker& worker = *workers_[random_.Below(kWorkers)];
    if (random_.OneIn(2)) worker.ApplyOne(clock_.Now());
    if (!is_calm) worker.Traffic(random_, clock_.Now());
    Turn();
  }

  // Everything quiet for long enough; then both sides must agree.
  void SettleAndCompare() {
    is_silent_ = false;
    for (int i = 0; i < 2000; ++i) Step(/*is_calm=*/true);
    ASSERT_TRUE(link_.is_up());
    ASSERT_EQ(link_.version(), (RouteVersion{controller_->leadership(), controller_->version()}));
    EXPECT_EQ(controller_->acked(), controller_->version());
    std::map<std::pair<std::string, uint64_t>, int64_t> open;
    for (const auto& worker : workers_) {
      ASSERT_TRUE(worker->IsIdle());
      CompareTable(*worker);
      for (const auto& [key, count] : worker->open()) open[key] += count;
    }
    for (const auto& [key, count] : open) {
      const auto known = controller_->usage().find(key);
      EXPECT_EQ(known == controller_->usage().end() ? 0 : known->second, count) << key.first;
    }
    CompareGates();
  }

 private:
  void CompareTable(Worker& worker) {
    EXPECT_EQ(worker.table().routed(), controller_->routes().size());
    for (const auto& [id, route] : controller_->routes()) {
      const RouteEntry* entry = worker.table().Find(id);
      ASSERT_TRUE(entry != nullptr && entry->is_routed) << id;
      EXPECT_EQ(entry->route.epoch, route.epoch());
      EXPECT_EQ(static_cast<int>(entry->route.state), static_cast<int>(route.state()));
    }
  }
  // Behind a closed gate nothing opens: what was counted then can only have fallen since.
  void CompareGates() {
    for (const auto& [id, route] : controller_->routes()) {
      if (route.state() != v1::GATED) continue;
      const auto gate = controller_->gates().find(id);
      ASSERT_TRUE(gate != controller_->gates().end()) << id << " was never counted";
      EXPECT_EQ(gate->second.epoch(), route.epoch());
      int64_t open = 0;
      for (const auto& worker : workers_) {
        const auto it = worker->open().find({id, route.epoch()});
        open += it == worker->open().end() ? 0 : it->second;
      }
      EXPECT_GE(gate->second.open(), open) << id;
    }
  }

  void Disturb() {
    if (random_.OneIn(5) && is_connected_) {
      Send(controller_->Change(random_));
    } else if (random_.OneIn(20)) {
      controller_->Change(random_);  // of which this link never hears: it must be cut
      Cut();
    }
    if (random_.OneIn(60)) Cut();
    if (random_.OneIn(200)) is_silent_ = !is_silent_;
    if (random_.OneIn(100)) {
      controller_ = std::make_unique<Controller>(
          controller_->leadership() + 1 + static_cast<uint32_t>(random_.Below(3)),
          controller_->routes());
      Cut();
    }
  }
  void Cut() {
    is_connected_ = false;
    to_proxy_.clear();
    to_controller_.clear();
    link_.OnClosed(link_.stream(), absl::UnavailableError("cut"), clock_.Now());
  }
  void Send(v1::ControllerMessage message) { to_proxy_.push_back(std::move(message)); }

  void Deliver() {
    if (!to_controller_.empty()) {
      const v1::ProxyMessage message = std::move(to_controller_.front());
      to_controller_.pop_front();
      TakeFromProxy(message);
    }
    if (!to_proxy_.empty()) {
      const v1::ControllerMessage message = std::move(to_proxy_.front());
      to_proxy_.pop_front();
      link_.OnMessage(link_.stream(), message, clock_.Now());
    }
    if (is_connected_ && to_proxy_.empty() && random_.OneIn(5)) {
      v1::ControllerMessage heartbeat;
      heartbeat.mutable_heartbeat()->set_sequence(1);
      Send(std::move(heartbeat));
    }
  }
  void TakeFromProxy(const v1::ProxyMessage& message) {
    if (message.has_hello()) {
      if (message.hello().leadership() > controller_->leadership() || random_.OneIn(8)) {
        v1::ControllerMessage answer;  // a standby: it does not know the leader
        answer.mutable_not_leader()->set_leadership(controller_->leadership());
        return Send(std::move(answer));
      }
      is_connected_ = true;
      for (auto& answer : controller_->OnHello(message.hello(), random_)) Send(std::move(answer));
      return;
    }
    if (message.has_usage()) controller_->TakeUsage(message.usage());
    if (!message.has_ack()) return;
    controller_->TakeAck(message.ack());
    for (const auto& worker : workers_) {
      EXPECT_GE(worker->applied(),
                (RouteVersion{message.ack().leadership(), message.ack().version()}));
    }
  }

  void Turn() {
    const LinkOutput out = link_.Step(clock_.Now());
    if (out.hang_up || out.dial.has_value()) {
      is_connected_ = false;
      to_proxy_.clear();
      to_controller_.clear();
    }
    for (const RouteChange& change : out.changes) {
      for (const auto& worker : workers_) worker->Post(change);
    }
    while (auto message = link_.NextMessage(clock_.Now())) {
      to_controller_.push_back(*std::move(message));
    }
  }

  SeededRandom random_;
  FakeClock clock_;
  Link link_{{.controller = "c:1", .proxy_id = "p", .generation = 1, .workers = kWorkers}, random_};
  std::vector<std::unique_ptr<Worker>> workers_;
  std::unique_ptr<Controller> controller_ =
      std::make_unique<Controller>(1, std::map<std::string, v1::Route>{});
  std::deque<v1::ControllerMessage> to_proxy_;
  std::deque<v1::ProxyMessage> to_controller_;
  bool is_connected_ = false;
  bool is_silent_ = false;
};

TEST(LinkProperty, AgreesWithTheLeaderOnceTheWorldIsCalm) {
  SetLogLevel(LogLevel::kError);
  for (uint64_t seed = 1; seed <= 150; ++seed) {
    SCOPED_TRACE(absl::StrCat("seed ", seed));
    World world(seed);
    for (int round = 0; round < 3; ++round) {
      for (int i = 0; i < 400; ++i) world.Step(/*is_calm=*/false);
      world.SettleAndCompare();
      if (testing::Test::HasFailure()) return;
    }
  }
}

}  // namespace
}  // namespace spawner::proxy
