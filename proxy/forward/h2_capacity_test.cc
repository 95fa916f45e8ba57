// The memory bound of a worker and the streams of HTTP/2, on the clients' side and the backends'.
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "gtest/gtest.h"
#include "proxy/forward/counters.h"
#include "proxy/forward/sim_world.h"
#include "proxy/h2/limits.h"
#include "proxy/h2/sim_h2_backend.h"
#include "proxy/h2/sim_h2_client.h"
#include "proxy/io/limits.h"
#include "proxy/route/route.h"

namespace spawner::proxy {
namespace {

using h2::SimH2Backend;
using h2::SimH2Client;

constexpr int64_t kMost = 4 * 1024 * 1024;
constexpr size_t kLarge = 1'000'000;

// Session "a" answers a request for "/large" with 1 MB over HTTP/1.1, "b" speaks h2c and takes
// nothing of what it is sent.
class H2Capacity : public testing::Test {
 protected:
  H2Capacity() {
    const Address a = http1_.Listen({"10.0.1.1", 8080});
    Set("a", a, BackendProtocol::kHttp1);
    Set("b", h2c_.address, BackendProtocol::kH2c);
    h2c_.consumes = false;
    world_.Run(absl::Milliseconds(5));
  }
  void Set(std::string id, const Address& address, BackendProtocol protocol) {
    world_.SetRoute({.session_id = std::move(id),
                     .epoch = 1,
                     .state = RouteState::kOpen,
                     .ip = address.ip,
                     .port = address.port,
                     .protocol = protocol});
  }
  SimH2Client& NewClient() {
    clients_.push_back(std::make_unique<SimH2Client>(world_.io));
    clients_.back()->Connect(world_.address);
    world_.Run(absl::Milliseconds(20));
    return *clients_.back();
  }
  void SlowReader(SimH2Client& client) {
    client.consumes = false;
    client.Get("/large", "a.test");
    world_.Run(absl::Milliseconds(50));
  }
  void SlowBackend(SimH2Client& client) {
    client.Request(
        {{":method", "POST"}, {":scheme", "http"}, {":authority", "b.test"}, {":path", "/"}},
        std::string(kLarge, 'x'));
    world_.Run(absl::Milliseconds(50));
  }
  std::string Ask() {
    SimH2Client& client = NewClient();
    const int32_t id = client.Get("/", "a.test");
    world_.RunUntil([&] { return client.replies[id].is_over; });
    return client.replies[id].head;
  }
  int64_t held() { return world_.io.held_bytes().value(); }
  const Counters& counters() const { return world_.worker->counters(); }
  void ExpectBounded() {
    EXPECT_GE(held(), kMost);
    // The last one that got in, with a buffer on each side; connections and refused streams.
    EXPECT_LT(held(), kMost + 4 * static_cast<int64_t>(kScratchBytes) + 640 * 1024);
    EXPECT_GT(counters().refused_requests.value(), 10);
    const int64_t refused = counters().refused_requests.value();
    EXPECT_TRUE(absl::StartsWith(Ask(), ":status: 503\n"));
    EXPECT_EQ(counters().refused_requests.value(), refused + 1);
  }
  // Every client leaves: nothing is open, counted or held any more.
  void ExpectAllGivenBack() {
    for (const auto& client : clients_) client->Close();
    world_.Run(absl::Seconds(10) + h2::kBackendIdleTimeout);
    EXPECT_EQ(world_.reports.Last("a", 1).open, 0);
    EXPECT_EQ(world_.reports.Last("b", 1).open, 0);
    EXPECT_EQ(counters().clients.value(), 0);
    EXPECT_EQ(counters().h2_streams.value(), 0);
    EXPECT_EQ(counters().upstreams.value(), 0);
    EXPECT_EQ(held(), 0);
  }

  SimWorld world_{1, {}, nullptr, nullptr, {.limits = {.memory_bytes_max = kMost}}};
  SimBackend http1_{world_.io, [](SimPeer& peer) {
                      const bool is_large = absl::StrContains(peer.received, "/large");
                      if (!absl::StrContains(peer.received, "\r\n\r\n")) return;
                      peer.received.clear();
                      const size_t size = is_large ? kLarge : 2;
                      peer.Send(absl::StrCat("HTTP/1.1 200 OK\r\nContent-Length: ", size,
                                             "\r\n\r\n", std::string(size, 'x')));
                    }};
  SimH2Backend h2c_{world_.io, {"10.0.1.2", 50051}};
  std::vector<std::unique_ptr<SimH2Client>> clients_;
};

TEST_F(H2Capacity, StreamsThatAreNotReadStayUnderTheBound) {
  EXPECT_TRUE(absl::StartsWith(Ask(), ":status: 200\n"));
  for (int i = 0; i < 8; ++i) {
    SimH2Client& client = NewClient();
    for (int stream = 0; stream < 40; ++stream) SlowReader(client);
  }
  ExpectBounded();
  ExpectAllGivenBack();
}

TEST_F(H2Capacity, StreamsWhoseBackendTakesNothingStayUnderTheBound) {
  for (int i = 0; i < 4; ++i) {
    SimH2Client& client = NewClient();
    for (int stream = 0; stream < 20; ++stream) SlowBackend(client);
  }
  ExpectBounded();
  ExpectAllGivenBack();
}

TEST_F(H2Capacity, ThereIsRoomAgainOnceSlowStreamsAreGone) {
  for (int i = 0; i < 4; ++i) {
    SimH2Client& client = NewClient();
    for (int stream = 0; stream < 40; ++stream) SlowReader(client);
    for (int stream = 0; stream < 10; ++stream) SlowBackend(client);
  }
  ExpectBounded();
  for (size_t i = 0; i < 4; ++i) clients_[i]->Close();
  world_.Run(absl::Seconds(1));
  EXPECT_TRUE(absl::StartsWith(Ask(), ":status: 200\n"));
  ExpectAllGivenBack();
}

}  // namespace
}  // namespace spawner::proxy
