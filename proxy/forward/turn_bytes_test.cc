// How much of bodies and tunnels one turn moves when many of them have bytes: nobody else waits.
#include <algorithm>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "base/address.h"
#include "gtest/gtest.h"
#include "proxy/forward/limits.h"
#include "proxy/forward/sim_world.h"
#include "proxy/io/limits.h"
#include "proxy/route/route.h"

namespace spawner::proxy {
namespace {

constexpr int kMany = 60;
constexpr size_t kEach = 400'000;
constexpr char kOk[] = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
constexpr char kSwitch[] =
    "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: echo\r\n\r\n";
constexpr char kUpgrade[] =
    "GET /socket HTTP/1.1\r\nHost: b.test\r\nConnection: upgrade\r\nUpgrade: echo\r\n\r\n";
// The events' and the laters' of bodies and of tunnels; the last of each may be a scratch buffer
// more. Then those that read a little in spite of it.
constexpr size_t kMost = 3 * (kBytesPerTurn + kScratchBytes) + kMany * kBytesOverTurn;
static_assert(kMost < kMany * kEach / 3);

// Sessions "a", whose many connections have bytes all at once, and "b", whose users want little.
class TurnBytes : public testing::TestWithParam<bool> {
 protected:
  TurnBytes()
      : world_(
            1,
            {.delay_max = absl::ZeroDuration(), .window_bytes = 512 * 1024, .splices = GetParam()}),
        many_(world_.io, [](SimPeer&) {}),
        few_(world_.io, [](SimPeer& peer) {
          const bool is_upgrade = absl::StrContains(peer.received, "/socket");
          const bool is_head = absl::EndsWith(peer.received, "\r\n\r\n");
          peer.Send(is_upgrade ? kSwitch : is_head ? kOk : peer.received);
          peer.received.clear();
        }) {
    SetRoute("a", many_.Listen({"10.0.1.1", 8080}));
    SetRoute("b", few_.Listen({"10.0.1.2", 8080}));
    asking_ = &world_.NewClient();
    asking_->Send(SimWorld::Get("b"));
    talking_ = &world_.NewClient();
    talking_->Send(kUpgrade);
  }
  void SetRoute(const char* id, const Address& address) {
    world_.SetRoute({.session_id = id,
                     .epoch = 1,
                     .state = RouteState::kOpen,
                     .ip = address.ip,
                     .port = address.port});
  }
  // Many requests to "a", which its backend has in the end.
  void Open(const std::string& head) {
    for (int i = 0; i < kMany; ++i) world_.NewClient().Send(head);
    world_.Run(absl::Milliseconds(10));
    ASSERT_EQ(many_.connections.size(), size_t{kMany});
    for (auto& connection : many_.connections) connection->received.clear();
    for (auto& client : world_.clients) client->received.clear();
  }
  std::vector<SimPeer*> Clients() const {
    std::vector<SimPeer*> found;
    for (size_t i = 2; i < world_.clients.size(); ++i) found.push_back(world_.clients[i].get());
    return found;
  }
  std::vector<SimPeer*> Backends() const {
    std::vector<SimPeer*> found;
    for (const auto& connection : many_.connections) found.push_back(connection.get());
    return found;
  }
  // All of `from` send at once; `to` have it all in the end, never more in a turn than a turn may
  // move; what users of "b" want they have in a few turns.
  void Flood(const std::vector<SimPeer*>& from, const std::vector<SimPeer*>& to) {
    for (SimPeer* peer : from) peer->Send(std::string(kEach, 'x'));
    asking_->Send(SimWorld::Get("b"));
    talking_->Send("hello");
    size_t total = 0, worst = 0, turns = 0;
    for (; total < kMany * kEach; ++turns) {
      ASSERT_LT(turns, 1000u) << total;
      world_.worker->Turn(absl::Milliseconds(1));
      const size_t before = total;
      total = 0;
      for (const SimPeer* peer : to) total += peer->received.size();
      worst = std::max(worst, total - before);
      if (turns == 6) {
        EXPECT_TRUE(absl::EndsWith(asking_->received, "ok"));
        EXPECT_EQ(talking_->received, "hello");
      }
    }
    EXPECT_GT(turns, 6u);
    EXPECT_LE(worst, kMost);
    EXPECT_EQ(total, kMany * kEach);
  }

  SimWorld world_;
  SimBackend many_, few_;
  SimPeer* asking_ = nullptr;
  SimPeer* talking_ = nullptr;
};

TEST_P(TurnBytes, OfUploads) {
  Open(absl::StrCat("POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: ", kEach, "\r\n\r\n"));
  Flood(Clients(), Backends());
}

TEST_P(TurnBytes, OfDownloads) {
  Open(SimWorld::Get("a"));
  for (SimPeer* backend : Backends()) {
    backend->Send(absl::StrCat("HTTP/1.1 200 OK\r\nContent-Length: ", kEach, "\r\n\r\n"));
  }
  world_.Run(absl::Milliseconds(10));
  for (SimPeer* client : Clients()) client->received.clear();
  Flood(Backends(), Clients());
}

TEST_P(TurnBytes, OfTunnels) {
  Open("GET / HTTP/1.1\r\nHost: a.test\r\nConnection: upgrade\r\nUpgrade: echo\r\n\r\n");
  for (SimPeer* backend : Backends()) backend->Send(kSwitch);
  world_.Run(absl::Milliseconds(10));
  for (SimPeer* client : Clients()) client->received.clear();
  Flood(Clients(), Backends());
}

// Nobody wants these: they are read so that the answer arrives (RFC 9112 9.6).
TEST_P(TurnBytes, OfUploadsThatWereRefused) {
  constexpr size_t kBody = 2'000'000;
  for (int i = 0; i < kMany; ++i) {
    world_.NewClient().Send(
        absl::StrCat("POST / HTTP/1.1\r\nHost: elsewhere\r\nContent-Length: ", kBody, "\r\n\r\n"));
  }
  world_.Run(absl::Milliseconds(10));
  const std::vector<SimPeer*> clients = Clients();
  for (SimPeer* client : clients) {
    EXPECT_TRUE(absl::StartsWith(client->received, "HTTP/1.1 404 ")) << client->received;
    client->Send(std::string(kBody, 'x'));
  }
  const auto left = [&clients] {
    size_t sum = 0;
    for (const SimPeer* client : clients) sum += client->unsent();
    return sum;
  };
  size_t worst = 0, turns = 0;
  for (size_t before = left(); before > 0; ++turns) {
    ASSERT_LT(turns, 1000u);
    world_.worker->Turn(absl::Milliseconds(1));
    const size_t now = left();
    worst = std::max(worst, before - now);
    before = now;
  }
  EXPECT_LE(worst, kMost);
}

INSTANTIATE_TEST_SUITE_P(CopiedAndSpliced, TurnBytes, testing::Bool());

}  // namespace
}  // namespace spawner::proxy
