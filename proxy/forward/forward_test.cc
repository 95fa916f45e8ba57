// Requests and responses through a worker in a simulated network.
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "proxy/forward/sim_world.h"

namespace spawner::proxy {
namespace {

constexpr char kOk[] = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

// One open session "a" whose backend does `on_data`.
class Forward : public testing::Test {
 protected:
  void Open(std::function<void(SimPeer&)> on_data) {
    backend_ = std::make_unique<SimBackend>(world_.io, std::move(on_data));
    const Address address = backend_->Listen({"10.0.1.1", 8080});
    world_.SetRoute({.session_id = "a",
                     .epoch = 1,
                     .state = RouteState::kOpen,
                     .ip = address.ip,
                     .port = address.port});
    world_.Run(absl::Milliseconds(5));
  }
  bool Received(const SimPeer& peer, absl::string_view what) {
    return world_.RunUntil([&peer, what] { return absl::StrContains(peer.received, what); });
  }
  // Nothing is left over: every request has left its session.
  void ExpectNothingOpen() {
    world_.Run(absl::Seconds(3));
    EXPECT_EQ(world_.reports.Last("a", 1).open, 0);
    EXPECT_EQ(world_.worker->counters().held.value(), 0);
    EXPECT_EQ(world_.worker->counters().tunnels.value(), 0);
  }

  SimWorld world_;
  std::unique_ptr<SimBackend> backend_;
};

TEST_F(Forward, KeepsBothConnectionsForTheNextRequest) {
  Open(Answering(kOk));
  SimPeer& client = world_.NewClient();
  for (int i = 1; i <= 3; ++i) {
    client.Send(SimWorld::Get("a"));
    ASSERT_TRUE(world_.RunUntil([&] { return client.received.size() == i * sizeof(kOk) - i; }));
  }
  EXPECT_EQ(backend_->connections.size(), 1u);
  EXPECT_FALSE(client.has_ended());
  // Taken and put back for each request, noted once.
  EXPECT_EQ(world_.worker->sessions().swept(), 1u);
  world_.Run(absl::Seconds(6));
  EXPECT_EQ(world_.worker->sessions().swept(), 0u);
  EXPECT_TRUE(backend_->connections[0]->has_ended());
  ExpectNothingOpen();
}

TEST_F(Forward, AnswersPipelinedRequestsInOrder) {
  Open([](SimPeer& peer) {
    for (size_t end; (end = peer.received.find("\r\n\r\n")) != std::string::npos;) {
      const std::string path = peer.received.substr(4, peer.received.find(' ', 4) - 4);
      peer.received.erase(0, end + 4);
      peer.Send(absl::StrCat("HTTP/1.1 200 OK\r\nContent-Length: ", path.size(), "\r\n\r\n", path));
    }
  });
  SimPeer& client = world_.NewClient();
  client.Send(SimWorld::Get("a", "/1") + SimWorld::Get("a", "/22") + SimWorld::Get("a", "/333"));
  ASSERT_TRUE(Received(client, "/333"));
  EXPECT_LT(client.received.find("/1"), client.received.find("/22"));
  EXPECT_LT(client.received.find("/22"), client.received.find("/333"));
  ExpectNothingOpen();
}

TEST_F(Forward, RefusesMalformedRequestsAndCloses) {
  Open(Answering(kOk));
  const std::vector<std::pair<std::string, int>> cases = {
      {"GET / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
       400},
      {"GET / HTTP/1.1\nHost: a.test\n\n", 400},
      {"GET / HTTP/1.1\r\nHost : a.test\r\n\r\n", 400},
      {"GET / HTTP/1.1\r\n\r\n", 400},
      {"\x16\x03\x01", 400},
      {"\r\n\r\n\r\n", 400},
      {"GET / HTTP/3.0\r\nHost: a.test\r\n\r\n", 505},
      {"CONNECT a.test:1 HTTP/1.1\r\nHost: a.test:1\r\n\r\n", 405},
      {"GET / HTTP/1.1\r\nHost: a.test\r\nX: " + std::string(40'000, 'x') + "\r\n\r\n", 431},
  };
  for (const auto& [bytes, status] : cases) {
    SimPeer& client = world_.NewClient();
    client.Send(bytes);
    EXPECT_TRUE(world_.RunUntil([&client = client] { return client.has_ended(); })) << bytes;
    EXPECT_TRUE(absl::StartsWith(client.received, absl::StrCat("HTTP/1.1 ", status, " ")))
        << bytes.substr(0, 100) << client.received;
    EXPECT_TRUE(absl::StrContains(client.received, "Connection: close"));
  }
  EXPECT_TRUE(backend_->connections.empty());
}

TEST_F(Forward, RefusesAMalformedChunkAndTellsTheClient) {
  Open([](SimPeer&) {});
  SimPeer& client = world_.NewClient();
  client.Send(
      "POST / HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n");
  world_.Run(absl::Milliseconds(50));
  client.Send("zz\r\n");
  ASSERT_TRUE(world_.RunUntil([&] { return client.has_ended(); }));
  EXPECT_TRUE(absl::StartsWith(client.received, "HTTP/1.1 400 "));
  ASSERT_EQ(backend_->connections.size(), 1u);
  EXPECT_TRUE(backend_->connections[0]->has_ended() || backend_->connections[0]->has_failed());
  ExpectNothingOpen();
}

TEST_F(Forward, SendsAgainOnceIfAReusedConnectionWasDead) {
  Open(Answering(kOk));
  SimPeer& client = world_.NewClient();
  client.Send(SimWorld::Get("a"));
  ASSERT_TRUE(Received(client, "ok"));
  client.received.clear();
  // The backend closes it at the very moment the next request is on its way.
  client.Send(SimWorld::Get("a"));
  backend_->connections[0]->on_data = [](SimPeer& peer) { peer.Close(); };
  ASSERT_TRUE(Received(client, "ok"));
  EXPECT_EQ(backend_->connections.size(), 2u);
  EXPECT_EQ(world_.worker->counters().retried.value(), 1);
  ExpectNothingOpen();
}

// Goal: bytes that the client sent ahead survive when the write of the first request finds the
// reused connection dead with something in it to read. Method: no delays, so that the client's
// bytes, the backend's farewell and its reset come in one turn.
TEST(ForwardAhead, PipelinedBytesSurviveADeadBackendConnection) {
  SimWorld world(1, {.delay_max = absl::ZeroDuration()});
  SimBackend backend(world.io, Answering(kOk));
  backend.Listen({"10.0.1.1", 8080});
  world.SetRoute(
      {.session_id = "a", .epoch = 1, .state = RouteState::kOpen, .ip = "10.0.1.1", .port = 8080});
  world.Run(absl::Milliseconds(1));
  SimPeer& client = world.NewClient();
  client.Send(SimWorld::Get("a"));
  ASSERT_TRUE(world.RunUntil([&client] { return absl::EndsWith(client.received, "ok"); }));
  client.received.clear();
  client.Send(SimWorld::Get("a", "/1") + SimWorld::Get("a", "/2"));
  backend.connections[0]->Send("HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\n\r\n" +
                               std::string(500, 'x'));
  backend.connections[0]->Abort();
  world.Run(absl::Seconds(1));
  EXPECT_TRUE(absl::EndsWith(client.received, "ok")) << client.received;
  EXPECT_FALSE(absl::StrContains(client.received, " 400 ")) << client.received;
}

TEST_F(Forward, NeverSendsAPostAgain) {
  Open(Answering(kOk));
  SimPeer& client = world_.NewClient();
  client.Send(SimWorld::Get("a"));
  ASSERT_TRUE(Received(client, "ok"));
  client.received.clear();
  backend_->connections[0]->on_data = [](SimPeer& peer) { peer.Close(); };
  client.Send("POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 2\r\n\r\nhi");
  ASSERT_TRUE(Received(client, "HTTP/1.1 502 "));
  EXPECT_EQ(backend_->connections.size(), 1u);
  ExpectNothingOpen();
}

TEST_F(Forward, ATruncatedResponseNeverLooksWhole) {
  const std::vector<std::string> responses = {
      "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf",
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n",
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\nXX\r\n",
  };
  for (const std::string& response : responses) {
    Open([response](SimPeer& peer) {
      peer.Send(response);
      peer.Close();
    });
    SimPeer& client = world_.NewClient();
    client.Send(SimWorld::Get("a"));
    EXPECT_TRUE(world_.RunUntil([&client] { return client.has_failed(); })) << response;
    EXPECT_FALSE(client.has_ended());
    ExpectNothingOpen();
  }
}

TEST_F(Forward, AResponseUntilCloseEndsCleanlyOnlyIfTheBackendDid) {
  for (bool is_clean : {true, false}) {
    Open([is_clean](SimPeer& peer) {
      peer.Send("HTTP/1.1 200 OK\r\n\r\nall of it");
      if (is_clean) {
        peer.received.clear();
        peer.Close();
      } else {
        peer.Abort();
      }
    });
    SimPeer& client = world_.NewClient();
    client.Send(SimWorld::Get("a"));
    EXPECT_TRUE(world_.RunUntil([&] { return client.has_ended() || client.has_failed(); }));
    EXPECT_EQ(client.has_ended(), is_clean);
    if (is_clean) {
      EXPECT_TRUE(absl::StrContains(client.received, "Connection: close"));
      EXPECT_TRUE(absl::EndsWith(client.received, "all of it"));
    }
    ExpectNothingOpen();
  }
}

TEST_F(Forward, AnAmbiguousResponseIsA502) {
  Open(Answering("HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\nok"));
  SimPeer& client = world_.NewClient();
  client.Send(SimWorld::Get("a"));
  EXPECT_TRUE(Received(client, "HTTP/1.1 502 "));
  ExpectNothingOpen();
}

TEST_F(Forward, DecodesChunksForHttp10) {
  Open(
      Answering("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n"
                "0\r\n\r\n"));
  SimPeer& client = world_.NewClient();
  client.Send("GET / HTTP/1.0\r\nHost: a.test\r\nConnection: keep-alive\r\n\r\n");
  ASSERT_TRUE(world_.RunUntil([&] { return client.has_ended(); }));
  EXPECT_TRUE(absl::EndsWith(client.received, "\r\n\r\nabcde")) << client.received;
  EXPECT_FALSE(absl::StrContains(client.received, "chunked"));
  ExpectNothingOpen();
}

TEST_F(Forward, HeadHasNoBodyAndTheConnectionsGoOn) {
  Open(Answering("HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n"));
  SimPeer& client = world_.NewClient();
  for (int i = 0; i < 2; ++i) {
    client.received.clear();
    client.Send("HEAD / HTTP/1.1\r\nHost: a.test\r\n\r\n");
    ASSERT_TRUE(Received(client, "Content-Length: 1000\r\n\r\n"));
  }
  EXPECT_EQ(backend_->connections.size(), 1u);
  ExpectNothingOpen();
}

TEST_F(Forward, PassesContinueOnAndThenTheBody) {
  Open([](SimPeer& peer) {
    if (absl::EndsWith(peer.received, "\r\n\r\n")) peer.Send("HTTP/1.1 100 Continue\r\n\r\n");
    if (absl::EndsWith(peer.received, "body")) peer.Send(kOk);
  });
  SimPeer& client = world_.NewClient();
  client.Send(
      "PUT / HTTP/1.1\r\nHost: a.test\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n");
  ASSERT_TRUE(Received(client, "HTTP/1.1 100 Continue\r\n\r\n"));
  client.Send("body");
  ASSERT_TRUE(Received(client, "ok"));
  ExpectNothingOpen();
}

TEST_F(Forward, AnEarlyAnswerReachesAClientThatIsStillSending) {
  Open([](SimPeer& peer) {
    peer.Send("HTTP/1.1 413 Too Big\r\nContent-Length: 3\r\nConnection: close\r\n\r\nbig");
    peer.Close();
  });
  SimPeer& client = world_.NewClient();
  client.Send("POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 1000000\r\n\r\n" +
              std::string(300'000, 'x'));
  ASSERT_TRUE(world_.RunUntil([&] { return client.has_ended() || client.has_failed(); }));
  EXPECT_TRUE(absl::StartsWith(client.received, "HTTP/1.1 413 ")) << client.received;
  EXPECT_TRUE(absl::EndsWith(client.received, "big"));
  ExpectNothingOpen();
}

TEST_F(Forward, ABlockedClientHoldsTheBackendBack) {
  const std::string body(4'000'000, 'x');
  Open(Answering(
      absl::StrCat("HTTP/1.1 200 OK\r\nContent-Length: ", body.size(), "\r\n\r\n", body)));
  SimPeer& client = world_.NewClient();
  client.StopReading();
  client.Send(SimWorld::Get("a"));
  world_.Run(absl::Seconds(10));
  ASSERT_EQ(backend_->connections.size(), 1u);
  // Two windows of the network and at most one scratch buffer have left the backend.
  EXPECT_GT(backend_->connections[0]->unsent(), body.size() - 2 * 64 * 1024 - kScratchBytes);
  EXPECT_EQ(world_.reports.Last("a", 1).open, 1);
  client.GoOnReading();
  ASSERT_TRUE(world_.RunUntil([&] { return client.received.size() > body.size(); }));
  world_.Run(absl::Seconds(1));
  EXPECT_TRUE(absl::EndsWith(client.received, body));
  ExpectNothingOpen();
}

TEST_F(Forward, AClientThatLeavesFreesItsSession) {
  Open([](SimPeer&) {});  // a long poll
  SimPeer& client = world_.NewClient();
  client.Send(SimWorld::Get("a"));
  world_.Run(absl::Seconds(2));
  EXPECT_EQ(world_.reports.Last("a", 1).open, 1);
  client.Close();
  world_.Run(absl::Milliseconds(20));  // at once, not at the next report
  EXPECT_EQ(world_.reports.Last("a", 1).open, 0);
  EXPECT_EQ(world_.worker->counters().requests[499].value(), 1);
}

TEST_F(Forward, AClientMayFinishRightBehindItsRequest) {
  Open(Answering(kOk));
  SimPeer& client = world_.NewClient();
  client.Send(SimWorld::Get("a"));
  client.Finish();
  world_.Run(absl::Milliseconds(200));
  EXPECT_TRUE(absl::EndsWith(client.received, "ok"));
  ExpectNothingOpen();
}

TEST_F(Forward, OutOfDescriptorsRefusesAndCountsAndGoesOn) {
  SimWorld world(1, {.sockets_max = 4});  // the listener, one client with its other end, and one
  world.NewClient();
  world.NewClient();
  world.Run(absl::Seconds(1));
  EXPECT_GE(world.worker->counters().refused.value(), 1);
  EXPECT_LE(world.worker->counters().refused.value(), 12);  // no spinning
  EXPECT_EQ(world.worker->counters().clients.value(), 1);
}

TEST(ForwardExhausted, OutOfDescriptorsForTheBackendIsA503) {
  // The worker's listener, the backend's, and the two ends of one client.
  SimWorld world(1, {.sockets_max = 4});
  SimBackend backend(world.io, Answering(kOk));
  backend.Listen({"10.0.1.1", 8080});
  world.SetRoute(
      {.session_id = "a", .epoch = 1, .state = RouteState::kOpen, .ip = "10.0.1.1", .port = 8080});
  SimPeer& client = world.NewClient();
  client.Send(SimWorld::Get("a"));
  world.Run(absl::Milliseconds(100));
  EXPECT_TRUE(absl::StartsWith(client.received, "HTTP/1.1 503 ")) << client.received;
  EXPECT_TRUE(absl::StrContains(client.received, "Retry-After: "));
}

}  // namespace
}  // namespace spawner::proxy
