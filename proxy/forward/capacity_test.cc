// What a worker does when there is no more room: descriptors, addresses, memory.
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "base/ip_ranges.h"
#include "gtest/gtest.h"
#include "proxy/forward/counters.h"
#include "proxy/forward/limits.h"
#include "proxy/forward/sim_world.h"
#include "proxy/io/limits.h"
#include "proxy/shared_addresses.h"

namespace spawner::proxy {
namespace {

constexpr char kOk[] = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
constexpr char kSwitch[] =
    "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n";
constexpr absl::Duration kMoment = absl::Milliseconds(500);
constexpr size_t kLarge = 4'000'000;

// "/socket" becomes a tunnel that echoes, "/large" is 4 MB, all else is "ok".
void Serve(SimPeer& peer) {
  const size_t end = peer.received.find("\r\n\r\n");
  if (end == std::string::npos) {
    if (!absl::StartsWith(peer.received, "GET ")) peer.Send(std::exchange(peer.received, ""));
    return;
  }
  const std::string head = peer.received.substr(0, end);
  peer.received.erase(0, end + 4);
  if (absl::StrContains(head, "/socket")) return peer.Send(kSwitch);
  if (!absl::StrContains(head, "/large")) return peer.Send(kOk);
  peer.Send(absl::StrCat("HTTP/1.1 200 OK\r\nContent-Length: ", kLarge, "\r\n\r\n",
                         std::string(kLarge, 'x')));
}

struct Room {
  SimIo::Options io;
  ForwardOptions forward;
  uint32_t per_address = 0;
};

class Capacity : public testing::Test {
 protected:
  void Open(Room room) {
    addresses_ = std::make_unique<SharedAddresses>(room.per_address);
    world_ = std::make_unique<SimWorld>(1, room.io, nullptr, nullptr, std::move(room.forward),
                                        nullptr, addresses_.get());
    backend_ = std::make_unique<SimBackend>(world_->io, Serve);
    const Address address = backend_->Listen({"10.0.1.1", 8080});
    world_->SetRoute({.session_id = "a",
                      .epoch = 1,
                      .state = RouteState::kOpen,
                      .ip = address.ip,
                      .port = address.port});
    world_->Run(absl::Milliseconds(5));
  }
  SimPeer& Socket() {
    SimPeer& client = world_->NewClient();
    client.Send(
        "GET /socket HTTP/1.1\r\nHost: a.test\r\nConnection: upgrade\r\nUpgrade: "
        "websocket\r\n\r\n");
    world_->Run(kMoment);
    EXPECT_TRUE(absl::StartsWith(client.received, "HTTP/1.1 101 ")) << client.received;
    client.received.clear();
    return client;
  }
  std::string Ask(SimPeer& client) {
    client.received.clear();
    client.Send(SimWorld::Get("a"));
    world_->Run(kMoment);
    return client.received;
  }
  const Counters& counters() const { return world_->worker->counters(); }
  // Every client leaves: nothing is open, counted or held any more.
  void ExpectAllGivenBack() {
    for (const auto& client : world_->clients) client->Abort();
    world_->Run(absl::Seconds(10));
    EXPECT_EQ(world_->reports.Last("a", 1).open, 0);
    EXPECT_EQ(counters().clients.value(), 0);
    EXPECT_EQ(counters().upstreams.value(), 0);
    EXPECT_EQ(counters().tunnels.value(), 0);
    EXPECT_EQ(world_->io.held_bytes().value(), 0);
    EXPECT_EQ(addresses_->addresses(), 0u);
    for (const auto& connection : backend_->connections) connection->Close();
    world_->Run(absl::Seconds(1));
    EXPECT_EQ(world_->io.open_sockets(), 2u);  // the listeners
  }

  std::unique_ptr<SharedAddresses> addresses_;
  std::unique_ptr<SimWorld> world_;
  std::unique_ptr<SimBackend> backend_;
};

TEST_F(Capacity, AnAddressHasSoManyConnectionsTunnelsIncluded) {
  Open({.per_address = 3});
  SimPeer& socket = Socket();
  SimPeer& first = world_->NewClient();
  SimPeer& second = world_->NewClient();
  EXPECT_TRUE(absl::EndsWith(Ask(first), "ok"));
  EXPECT_TRUE(absl::EndsWith(Ask(second), "ok"));
  SimPeer& third = world_->NewClient();
  world_->Run(kMoment);
  EXPECT_TRUE(absl::StartsWith(third.received, "HTTP/1.1 429 ")) << third.received;
  EXPECT_TRUE(absl::StrContains(third.received, "Retry-After: "));
  EXPECT_TRUE(third.has_ended());
  EXPECT_EQ(counters().refused_addresses.value(), 1);
  EXPECT_TRUE(absl::EndsWith(Ask(first), "ok"));
  socket.Abort();
  world_->Run(kMoment);
  EXPECT_TRUE(absl::EndsWith(Ask(world_->NewClient()), "ok"));
  ExpectAllGivenBack();
}

TEST_F(Capacity, ATrustedProxysConnectionsAreNotCounted) {
  Open({.forward = {.trusted_proxies = *IpRanges::Parse("10.0.0.0/8")}, .per_address = 1});
  for (int i = 0; i < 5; ++i) EXPECT_TRUE(absl::EndsWith(Ask(world_->NewClient()), "ok"));
  ExpectAllGivenBack();
}

// Goal: at the end of descriptors nobody is refused: who is in goes on, who comes waits until there
// is room, and the loop does not spin meanwhile.
TEST_F(Capacity, OutOfDescriptorsClientsWaitInTheBacklog) {
  // Two listeners, and both ends of each client: the first four fit into what is not reserved.
  Open({.io = {.sockets_max = 24, .reserved = 10, .reserved_from = {"10.0.0.9", 80}}});
  for (int i = 0; i < 4; ++i) world_->NewClient();
  world_->Run(kMoment);
  for (int i = 0; i < 4; ++i) world_->NewClient();
  world_->Run(absl::Seconds(1));
  EXPECT_EQ(counters().clients.value(), 4);
  EXPECT_EQ(counters().refused.value(), 0);
  EXPECT_EQ(counters().accept_pauses.value(), 1);
  EXPECT_TRUE(absl::EndsWith(Ask(*world_->clients[0]), "ok"));
  int turns = 0;
  const Instant end = world_->clock.Now() + absl::Seconds(10);
  for (; world_->clock.Now() < end; ++turns) world_->worker->Turn(end - world_->clock.Now());
  EXPECT_LT(turns, 250);  // ten times a second
  SimPeer& waiting = *world_->clients[7];
  waiting.Send(SimWorld::Get("a"));
  world_->Run(kMoment);
  EXPECT_EQ(waiting.received, "");
  for (size_t i = 0; i < 7; ++i) world_->clients[i]->Close();
  world_->Run(kMoment);
  EXPECT_TRUE(absl::EndsWith(waiting.received, "ok")) << waiting.received;
  ExpectAllGivenBack();
}

// Goal: clients that take nothing can't use up the memory. Over the bound new requests are told to
// come again, tunnels live on, and when the slow ones are given up there is room again.
TEST_F(Capacity, OverTheMemoryNewWorkIsRefusedAndTunnelsLiveOn) {
  Open({.forward = {.limits = {.memory_bytes_max = 1024 * 1024}}});
  SimPeer& socket = Socket();
  for (int i = 0; i < 40; ++i) {
    SimPeer& client = world_->NewClient();
    client.StopReading();
    client.Send(SimWorld::Get("a", "/large"));
    world_->Run(absl::Milliseconds(100));
  }
  const int64_t held = world_->io.held_bytes().value();
  EXPECT_GE(held, 1024 * 1024);
  // One more answer than fits, and the connections themselves.
  EXPECT_LT(held, 1024 * 1024 + 2 * static_cast<int64_t>(kScratchBytes) + 60 * 1024);
  const int64_t refused = counters().refused_requests.value();
  EXPECT_GT(refused, 20);

  SimPeer& late = world_->NewClient();
  const std::string answer = Ask(late);
  EXPECT_TRUE(absl::StartsWith(answer, "HTTP/1.1 503 ")) << answer;
  EXPECT_TRUE(absl::StrContains(answer, "Retry-After: ")) << answer;
  EXPECT_TRUE(late.has_ended());
  EXPECT_EQ(counters().refused_requests.value(), refused + 1);
  socket.Send("hello");
  world_->Run(kMoment);
  EXPECT_EQ(socket.received, "hello");

  world_->Run(kBodyIdleTimeout + kMoment);
  EXPECT_TRUE(absl::EndsWith(Ask(world_->NewClient()), "ok"));
  socket.Send(", still");
  world_->Run(kMoment);
  EXPECT_EQ(socket.received, "hello, still");
  ExpectAllGivenBack();
}

}  // namespace
}  // namespace spawner::proxy
