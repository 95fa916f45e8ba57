// What a backend says on an idle connection, unasked, never answers a request.
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "base/random.h"
#include "gtest/gtest.h"
#include "proxy/forward/sim_world.h"
#include "proxy/io/limits.h"

namespace spawner::proxy {
namespace {

constexpr char kOk[] = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
constexpr char kFarewell[] = "HTTP/1.1 408 Request Timeout\r\nContent-Length: 5\r\n\r\nstray";

// A world whose one client has had one answer, so that a connection to backend "a" is idle.
class Unasked {
 public:
  explicit Unasked(uint64_t seed, absl::Duration delay_max)
      : world(seed, {.delay_max = delay_max}), backend(world.io, Answering(kOk)) {
    backend.Listen({"10.0.1.1", 8080});
    world.SetRoute({.session_id = "a",
                    .epoch = 1,
                    .state = RouteState::kOpen,
                    .ip = "10.0.1.1",
                    .port = 8080});
    world.Run(absl::Milliseconds(1));
    client = &world.NewClient();
    client->Send(SimWorld::Get("a"));
    EXPECT_TRUE(Answered());
  }
  // Takes the answer away. False: none came.
  bool Answered() {
    const bool is_there = world.RunUntil([this] {
      return absl::EndsWith(client->received, "ok") || absl::StrContains(client->received, "stray");
    });
    answer = std::move(client->received);
    client->received.clear();
    return is_there;
  }

  SimWorld world;
  SimBackend backend;
  SimPeer* client = nullptr;
  std::string answer;
};

// Goal: bytes that the kernel had before the request was sent are no answer to it, in whatever
// order a turn hears of both. Method: no delays, so that they come in one turn.
TEST(UnaskedBytes, OfTheTurnInWhichAConnectionIsTakenAnswerNothing) {
  for (const bool is_client_first : {true, false}) {
    for (const bool closes : {true, false}) {
      Unasked at(1, absl::ZeroDuration());
      if (is_client_first) at.client->Send(SimWorld::Get("a", "/2"));
      at.backend.connections[0]->Send(kFarewell);
      if (closes) at.backend.connections[0]->Close();
      if (!is_client_first) at.client->Send(SimWorld::Get("a", "/2"));
      ASSERT_TRUE(at.Answered());
      EXPECT_TRUE(absl::EndsWith(at.answer, "ok")) << at.answer;
      EXPECT_EQ(at.backend.connections.size(), 2u);
      const Counters& counters = at.world.worker->counters();
      const auto kind = static_cast<size_t>(UpstreamError::kUnasked);
      EXPECT_EQ(counters.upstream_errors[kind].value(), is_client_first ? 1 : 0);
      EXPECT_EQ(counters.requests[200].value(), 2);
    }
  }
}

// The same with what can't be sent twice.
TEST(UnaskedBytes, AnswerNoPost) {
  Unasked at(1, absl::ZeroDuration());
  at.client->Send("POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 0\r\n\r\n");
  at.backend.connections[0]->Send(kFarewell);
  ASSERT_TRUE(at.Answered());
  EXPECT_TRUE(absl::EndsWith(at.answer, "ok")) << at.answer;
}

// A read that fills the buffer to its last byte leaves an edge behind: what comes with it is unread
// when the connection becomes idle, and no event will ever tell of it.
TEST(UnaskedBytes, BehindAFullReadAnswerNothing) {
  std::string large = "HTTP/1.1 200 OK\r\nContent-Length: 131000\r\n\r\n";
  large = absl::StrCat(absl::string_view(large), std::string(131'000, 'x'));
  large.replace(large.find("131000"), 6, absl::StrCat(131'000 + kScratchBytes - large.size()));
  large.resize(kScratchBytes, 'x');
  SimWorld world(1, {.delay_max = absl::ZeroDuration(), .window_bytes = 4 * kScratchBytes});
  int requests = 0;
  SimBackend backend(world.io, [&](SimPeer& peer) {
    if (!absl::EndsWith(peer.received, "\r\n\r\n")) return;
    peer.received.clear();
    peer.Send(++requests == 1 ? large + kFarewell : kOk);
  });
  backend.Listen({"10.0.1.1", 8080});
  world.SetRoute(
      {.session_id = "a", .epoch = 1, .state = RouteState::kOpen, .ip = "10.0.1.1", .port = 8080});
  world.Run(absl::Milliseconds(1));
  SimPeer& client = world.NewClient();
  client.Send(SimWorld::Get("a"));
  ASSERT_TRUE(world.RunUntil([&] { return client.received.size() >= large.size(); }));
  world.Run(absl::Milliseconds(1));
  EXPECT_EQ(client.received, large);
  client.received.clear();
  client.Send(SimWorld::Get("a"));
  ASSERT_TRUE(world.RunUntil([&] { return !client.received.empty(); }));
  EXPECT_TRUE(absl::EndsWith(client.received, "ok")) << client.received;
}

// Goal: whatever part of the idle connections talks or ends while some clients send one to three
// requests, in any order within one turn, each request gets its answer and nothing else.
TEST(UnaskedBytes, AnswerNothingWhateverTheOrder) {
  for (uint64_t seed = 1; seed <= 300; ++seed) {
    SCOPED_TRACE(seed);
    Unasked at(seed, absl::ZeroDuration());
    SeededRandom random(seed);
    std::vector<SimPeer*> clients = {at.client};
    for (uint64_t i = random.Below(5); i > 0; --i) clients.push_back(&at.world.NewClient());
    for (SimPeer* client : clients) client->Send(SimWorld::Get("a"));
    at.world.Run(absl::Milliseconds(10));
    std::vector<std::string> expected;
    for (SimPeer* client : clients) expected.push_back(client->received);
    const size_t idle = at.backend.connections.size();
    for (int step = 0; step < 12; ++step) {
      if (random.OneIn(2)) {
        SimPeer& connection = *at.backend.connections[random.Below(idle)];
        if (connection.is_open()) connection.Send(kFarewell);
        if (random.OneIn(2)) connection.Close();
      } else {
        const size_t who = random.Below(clients.size());
        clients[who]->Send(SimWorld::Get("a"));
        expected[who] += kOk;
      }
    }
    at.world.Run(absl::Seconds(1));
    for (size_t i = 0; i < clients.size(); ++i) EXPECT_EQ(clients[i]->received, expected[i]);
  }
}

}  // namespace
}  // namespace spawner::proxy
