#include "proxy/link/link_client.h"

#include <grpcpp/grpcpp.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "base/clock.h"
#include "base/random.h"
#include "gtest/gtest.h"
#include "spawner/v1/proxy_link.grpc.pb.h"

namespace spawner::proxy {
namespace {

using Stream = grpc::ServerReaderWriter<v1::ControllerMessage, v1::ProxyMessage>;

// A real gRPC server; what it does with each stream is the test's to say.
class Peer final : public v1::ProxyLink::Service {
 public:
  using Script = std::function<grpc::Status(int nth, Stream& stream)>;

  explicit Peer(Script script) : script_(std::move(script)) {
    grpc::ServerBuilder builder;
    builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(), &port_);
    builder.RegisterService(this);
    server_ = builder.BuildAndStart();
  }
  ~Peer() override { server_->Shutdown(std::chrono::system_clock::now()); }

  grpc::Status Connect(grpc::ServerContext*, Stream* stream) override {
    return script_(streams_++, *stream);
  }
  std::string address() const { return absl::StrCat("127.0.0.1:", port_); }
  int streams() const { return streams_; }

 private:
  const Script script_;
  int port_ = 0;
  std::atomic<int> streams_{0};  // counted on gRPC's threads, read by the test
  std::unique_ptr<grpc::Server> server_;
};

// Main's loop with workers that apply at once.
class Main {
 public:
  explicit Main(const std::string& controller)
      : client_({.controller = controller, .proxy_id = "p", .generation = 7, .workers = 2},
                {.wake = [this] { Wake(); },
                 .post_change = [this](const RouteChange& change) { Apply(change); },
                 .post_state = [this](const LinkState& state) { state_ = state; }},
                clock_, random_) {}

  // Runs until `is_done` holds; false after ten seconds.
  bool RunUntil(const std::function<bool()>& is_done) {
    const Instant give_up = clock_.Now() + absl::Seconds(10);
    while (!is_done()) {
      const Instant wake_at = client_.Turn();
      const Instant now = clock_.Now();
      if (now >= give_up) return false;
      const absl::Duration pause = std::min(wake_at - now, absl::Milliseconds(20));
      std::unique_lock lock(mutex_);
      woken_.wait_for(lock, absl::ToChronoNanoseconds(pause), [this] { return is_awake_; });
      is_awake_ = false;
    }
    return true;
  }
  LinkClient& client() { return client_; }
  const std::vector<RouteChange>& changes() const { return changes_; }
  const LinkState& state() const { return state_; }

 private:
  void Wake() {
    const std::lock_guard lock(mutex_);
    is_awake_ = true;
    woken_.notify_one();
  }
  void Apply(const RouteChange& change) {
    changes_.push_back(change);
    for (int worker = 0; worker < 2; ++worker) client_.OnApplied(worker, change.version, {});
  }

  std::mutex mutex_;
  std::condition_variable woken_;
  bool is_awake_ = false;
  SystemClock clock_;
  SystemRandom random_;
  std::vector<RouteChange> changes_;
  LinkState state_;
  LinkClient client_;
};

std::optional<v1::Hello> Greet(Stream& stream, uint32_t leadership) {
  v1::ProxyMessage first;
  if (!stream.Read(&first) || !first.has_hello()) return std::nullopt;
  v1::ControllerMessage message;
  message.mutable_welcome()->set_leadership(leadership);
  message.mutable_welcome()->mutable_now()->set_seconds(1'700'000'000);
  stream.Write(message);
  return first.hello();
}

void SendTable(Stream& stream, uint64_t version) {
  v1::ControllerMessage message;
  v1::Routes& routes = *message.mutable_routes();
  routes.set_snapshot(true);
  routes.set_last(true);
  routes.set_version(version);
  v1::Route& route = *routes.add_routes();
  route.set_session_id("a");
  route.set_epoch(5);
  route.set_state(v1::HOLD);
  stream.Write(message);
}

// What the proxy wrote until it half-closed, in one line.
std::string Transcript(Stream& stream) {
  std::string said;
  v1::ProxyMessage message;
  while (stream.Read(&message)) {
    if (message.has_ack()) absl::StrAppend(&said, "ack ", message.ack().version(), " ");
    if (message.has_usage()) {
      for (const auto& session : message.usage().sessions()) {
        absl::StrAppend(&said, session.session_id(), "=", session.open(), " ");
      }
    }
    if (message.has_query()) absl::StrAppend(&said, "query ", message.query().session_id(), " ");
    if (message.has_heartbeat()) absl::StrAppend(&said, "beat ");
    if (message.has_leaving()) absl::StrAppend(&said, "leaving ");
  }
  return said;
}

SessionTotals Open(int64_t open) { return {.session_id = "a", .epoch = 5, .open = open}; }

TEST(LinkClient, LivesFromHelloToAnOrderlyEnd) {
  std::string said;
  Peer peer([&said](int, Stream& stream) {
    if (!Greet(stream, 3).has_value()) return grpc::Status::CANCELLED;
    SendTable(stream, 10);
    said = Transcript(stream);
    return grpc::Status::OK;
  });
  Main main(peer.address());
  EXPECT_TRUE(main.RunUntil([&main] { return main.client().link().has_routes(); }));
  ASSERT_EQ(main.changes().size(), 1u);
  EXPECT_TRUE(main.changes()[0].replaces_all);
  EXPECT_TRUE(main.state().is_up);
  EXPECT_TRUE(main.state().has_routes);
  main.client().OnUsage(0, {Open(2)});
  main.client().OnUnknown(1, "x");
  main.RunUntil([&main] { return main.client().link().open() == 2; });
  main.client().Leave();
  main.client().OnUsage(0, {Open(0)});
  main.client().OnDrained(0);
  main.client().OnDrained(1);
  EXPECT_TRUE(main.RunUntil([&main] { return main.client().link().is_finished(); }));
  EXPECT_NE(said.find("ack 10 "), std::string::npos) << said;
  EXPECT_NE(said.find("query x "), std::string::npos) << said;
  EXPECT_NE(said.find("leaving "), std::string::npos) << said;
  EXPECT_NE(said.find("a=0 "), std::string::npos) << said;
}

TEST(LinkClient, FollowsAStandbyToItsLeader) {
  Peer leader([](int, Stream& stream) {
    if (Greet(stream, 3).has_value()) SendTable(stream, 10);
    Transcript(stream);
    return grpc::Status::OK;
  });
  Peer standby([&leader](int, Stream& stream) {
    v1::ProxyMessage hello;
    stream.Read(&hello);
    v1::ControllerMessage answer;
    answer.mutable_not_leader()->set_leader_address(leader.address());
    answer.mutable_not_leader()->set_leadership(3);
    stream.Write(answer);
    return grpc::Status::OK;
  });
  Main main(standby.address());
  EXPECT_TRUE(main.RunUntil([&main] { return main.client().link().has_routes(); }));
  EXPECT_EQ(standby.streams(), 1);
  EXPECT_EQ(leader.streams(), 1);
}

TEST(LinkClient, LinksAgainAfterACutAndResumes) {
  std::mutex mutex;
  std::optional<v1::Hello> second;
  Peer peer([&mutex, &second](int nth, Stream& stream) {
    if (nth == 0) {
      Greet(stream, 3);
      SendTable(stream, 10);
      v1::ProxyMessage ack;
      stream.Read(&ack);
      return grpc::Status(grpc::StatusCode::UNAVAILABLE, "going away");
    }
    {
      const std::lock_guard lock(mutex);  // before the proxy can have seen the Welcome
      second = Greet(stream, 3);
    }
    Transcript(stream);
    return grpc::Status::OK;
  });
  Main main(peer.address());
  EXPECT_TRUE(main.RunUntil([&main] { return main.client().link().has_routes(); }));
  EXPECT_TRUE(main.RunUntil([&main] { return main.client().link().stream() == 2; }));
  EXPECT_TRUE(main.state().has_routes);
  EXPECT_FALSE(main.state().is_up);
  EXPECT_TRUE(main.RunUntil([&main] { return main.client().link().is_up(); }));
  const std::lock_guard lock(mutex);
  ASSERT_TRUE(second.has_value());
  EXPECT_EQ(second->leadership(), 3u);
  EXPECT_EQ(second->route_version(), 10u);
  EXPECT_EQ(second->generation(), 7u);
}

TEST(LinkClient, GoesOnTryingWhileNobodyListens) {
  Main main("127.0.0.1:1");
  EXPECT_TRUE(main.RunUntil([&main] { return main.client().link().stream() >= 4; }));
  EXPECT_FALSE(main.client().link().is_up());
}

}  // namespace
}  // namespace spawner::proxy
