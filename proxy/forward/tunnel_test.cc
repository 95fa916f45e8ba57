#include "proxy/forward/tunnel.h"

#include <string>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "proxy/forward/sim_world.h"

namespace spawner::proxy {
namespace {

constexpr char kSwitch[] =
    "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n";
constexpr char kUpgrade[] =
    "GET /ws HTTP/1.1\r\nHost: a.test\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n";

void ExpectCounts(const SimWorld& world, int64_t count) {
  const Counters& counters = world.worker->counters();
  EXPECT_EQ(counters.tunnels.value(), count);
  EXPECT_EQ(counters.clients.value(), count);
  EXPECT_EQ(counters.upstreams.value(), count);
  EXPECT_EQ(world.reports.Last("a", 1).open, count);
}

// Goal: what the client has not taken of the 101 and behind it survives the change from an exchange
// to a tunnel. Method: early bytes larger than the network's window, to a client that does not
// read.
TEST(Tunnel, BeginsWithMoreThanTheClientTakes) {
  SimWorld world;
  const std::string early(200'000, 'e');
  SimBackend backend(world.io, [&early](SimPeer& peer) {
    peer.on_data = nullptr;
    peer.Send(absl::StrCat(kSwitch, early));
  });
  const Address address = backend.Listen({"10.0.1.1", 8080});
  world.SetRoute({.session_id = "a",
                  .epoch = 1,
                  .state = RouteState::kOpen,
                  .ip = address.ip,
                  .port = address.port});
  world.Run(absl::Milliseconds(20));
  SimPeer& client = world.NewClient();
  client.StopReading();
  client.Send(absl::StrCat(kUpgrade, "ahead"));
  world.Run(absl::Seconds(1));
  ExpectCounts(world, 1);
  client.GoOnReading();
  ASSERT_TRUE(world.RunUntil([&] { return absl::EndsWith(client.received, early); }));
  EXPECT_TRUE(absl::EndsWith(backend.connections[0]->received, "\r\n\r\nahead"));
  client.Close();
  backend.connections[0]->Close();
  world.Run(absl::Seconds(3));
  ExpectCounts(world, 0);
}

}  // namespace
}  // namespace spawner::proxy
