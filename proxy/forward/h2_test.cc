// Requests of clients that speak HTTP/2 with prior knowledge, through a worker in a simulated
// network.
#include <nghttp2/nghttp2.h>

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "proxy/forward/sim_world.h"
#include "proxy/h2/request_text.h"
#include "proxy/h2/sim_h2_client.h"
#include "proxy/route/route.h"

namespace spawner::proxy {
namespace {

using h2::SimH2Client;

constexpr char kOk[] = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

SimH2Client::Fields Head(absl::string_view method, absl::string_view path = "/") {
  return {{":method", std::string(method)},
          {":scheme", "http"},
          {":authority", "a.test"},
          {":path", std::string(path)}};
}

// One open session "a" whose backend does `on_data`, and one client.
class ForwardH2 : public testing::Test {
 protected:
  void Open(std::function<void(SimPeer&)> on_data, RouteState state = RouteState::kOpen) {
    backend_ = std::make_unique<SimBackend>(world_.io, std::move(on_data));
    address_ = backend_->Listen({"10.0.1.1", 8080});
    SetRoute(state);
    client_ = std::make_unique<SimH2Client>(world_.io);
    client_->Connect(world_.address);
  }
  void SetRoute(RouteState state) {
    world_.SetRoute({.session_id = "a",
                     .epoch = 1,
                     .state = state,
                     .ip = address_.ip,
                     .port = address_.port,
                     .hold_timeout = absl::Seconds(30)});
    world_.Run(absl::Milliseconds(5));
  }
  bool IsOver(int32_t id) {
    return world_.RunUntil([this, id] { return client_->replies[id].is_over; });
  }
  bool BackendHears(absl::string_view what) {
    return world_.RunUntil([this, what] {
      return !backend_->connections.empty() &&
             absl::StrContains(backend_->connections.back()->received, what);
    });
  }
  // Every stream and request has left, and the connection is still good.
  void ExpectNothingOpen() {
    world_.Run(absl::Seconds(3));
    EXPECT_EQ(world_.reports.Last("a", 1).open, 0);
    EXPECT_EQ(world_.worker->counters().held.value(), 0);
    EXPECT_EQ(world_.worker->counters().clients.value(), 1);
    EXPECT_FALSE(client_->is_closed);
    EXPECT_TRUE(client_->goaways.empty());
  }

  SimWorld world_{1, {.fragments = true}};
  Address address_;
  std::unique_ptr<SimBackend> backend_;
  std::unique_ptr<SimH2Client> client_;
};

TEST_F(ForwardH2, AnswersAGetAsTheBackendDoes) {
  std::string heard;
  Open([&heard](SimPeer& peer) {
    heard = peer.received;
    Answering(kOk)(peer);
  });
  const int32_t id = client_->Get("/x?y=1", "a.test");
  ASSERT_TRUE(IsOver(id));
  EXPECT_EQ(client_->replies[id].head, ":status: 200\ncontent-length: 2\n");
  EXPECT_EQ(client_->replies[id].body, "ok");
  EXPECT_TRUE(client_->replies[id].has_end);
  EXPECT_TRUE(absl::StartsWith(heard, "GET /x?y=1 HTTP/1.1\r\nhost: a.test\r\n")) << heard;
  EXPECT_TRUE(absl::StrContains(heard, "X-Forwarded-Proto: http\r\n")) << heard;
  EXPECT_EQ(world_.worker->counters().requests[200].value(), 1);
  ExpectNothingOpen();
}

// In pieces: the edge of a response's last piece may be told after all of it was read.
TEST_F(ForwardH2, KeepsEveryConnectionThatItsStreamsUsed) {
  Open(Answering(kOk));
  for (int round = 0; round < 2; ++round) {
    std::vector<int32_t> ids;
    for (int i = 0; i < 100; ++i) ids.push_back(client_->Get("/", "a.test"));
    for (const int32_t id : ids) {
      ASSERT_TRUE(IsOver(id));
      EXPECT_EQ(client_->replies[id].body, "ok");
    }
    world_.Run(absl::Milliseconds(10));
    EXPECT_LE(backend_->connections.size(), 100u);
    EXPECT_EQ(world_.worker->counters().upstreams.value(),
              static_cast<int64_t>(backend_->connections.size()));
  }
  ExpectNothingOpen();
}

TEST_F(ForwardH2, TakesTheEndOfARequestForNoHangUp) {
  // Longer than kFinWithRequest: a FIN of HTTP/1.1 would be a client that left.
  Open([](SimPeer&) {});
  const int32_t id = client_->Get("/", "a.test");
  ASSERT_TRUE(BackendHears("\r\n\r\n"));
  world_.Run(absl::Seconds(20));
  EXPECT_EQ(world_.reports.Last("a", 1).open, 1);
  EXPECT_FALSE(client_->replies[id].is_over);
  backend_->connections[0]->Send(kOk);
  ASSERT_TRUE(IsOver(id));
  EXPECT_EQ(client_->replies[id].body, "ok");
  ExpectNothingOpen();
}

TEST_F(ForwardH2, SendsABodyOnWithAndWithoutALength) {
  Open([](SimPeer&) {});
  SimH2Client::Fields with_length = Head("POST");
  with_length.emplace_back("content-length", "5");
  const int32_t first = client_->Request(with_length, "hello");
  ASSERT_TRUE(BackendHears("\r\n\r\nhello"));
  EXPECT_TRUE(BackendHears("content-length: 5\r\n"));
  backend_->connections.back()->received.clear();
  backend_->connections.back()->Send(kOk);
  ASSERT_TRUE(IsOver(first));
  const int32_t second = client_->Open(Head("POST"));
  ASSERT_TRUE(BackendHears("transfer-encoding: chunked\r\n"));
  client_->Append(second, "hello");
  ASSERT_TRUE(BackendHears("5\r\nhello\r\n"));
  client_->Finish(second, {{"sum", "7"}});
  ASSERT_TRUE(BackendHears("0\r\nsum: 7\r\n\r\n"));
  backend_->connections.back()->Send(kOk);
  ASSERT_TRUE(IsOver(second));
  EXPECT_EQ(client_->replies[second].body, "ok");
  ExpectNothingOpen();
}

TEST_F(ForwardH2, AnswersAHeadWithoutABody) {
  Open(Answering("HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n"));
  const int32_t id = client_->Request(Head("HEAD"));
  ASSERT_TRUE(IsOver(id));
  EXPECT_EQ(client_->replies[id].head, ":status: 200\ncontent-length: 1000\n");
  EXPECT_EQ(client_->replies[id].body, "");
  EXPECT_TRUE(client_->replies[id].has_end);
  ExpectNothingOpen();
}

TEST_F(ForwardH2, AnswersForItselfAsInHttp11) {
  Open(Answering(kOk));
  const int32_t id = client_->Get("/", "nothing.example");
  ASSERT_TRUE(IsOver(id));
  EXPECT_TRUE(absl::StartsWith(client_->replies[id].head, ":status: 404\n"));
  EXPECT_FALSE(absl::StrContains(client_->replies[id].head, "connection"));
  EXPECT_TRUE(client_->replies[id].has_end);
  ExpectNothingOpen();
}

TEST_F(ForwardH2, PassesTrailersOnAndNeverEndsATruncatedResponse) {
  Open([](SimPeer&) {});
  const int32_t whole = client_->Get("/", "a.test");
  ASSERT_TRUE(BackendHears("\r\n\r\n"));
  backend_->connections.back()->Send(
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nSum: 7\r\n\r\n");
  ASSERT_TRUE(IsOver(whole));
  EXPECT_EQ(client_->replies[whole].head, ":status: 200\nsum: 7\n");
  EXPECT_TRUE(client_->replies[whole].has_end);
  backend_->connections.back()->received.clear();
  const int32_t cut = client_->Get("/", "a.test");
  ASSERT_TRUE(BackendHears("\r\n\r\n"));
  backend_->connections.back()->Send(
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n");
  ASSERT_TRUE(world_.RunUntil([&] { return client_->replies[cut].body == "ok"; }));
  backend_->connections.back()->Close();
  ASSERT_TRUE(IsOver(cut));
  EXPECT_FALSE(client_->replies[cut].has_end);
  EXPECT_NE(client_->replies[cut].code, 0u);
  ExpectNothingOpen();
}

TEST_F(ForwardH2, HoldsManyStreamsUntilTheSessionIsThere) {
  Open(Answering(kOk), RouteState::kHold);
  std::vector<int32_t> ids;
  for (int i = 0; i < 20; ++i) ids.push_back(client_->Get(absl::StrCat("/", i), "a.test"));
  ids.push_back(client_->Request(Head("POST"), std::string(100'000, 'x')));
  ASSERT_TRUE(world_.RunUntil([&] { return world_.worker->counters().held.value() == 21; }));
  const int32_t gone = ids[3];
  client_->Reset(gone);
  ASSERT_TRUE(world_.RunUntil([&] { return world_.worker->counters().held.value() == 20; }));
  SetRoute(RouteState::kOpen);
  ids.pop_back();
  for (const int32_t id : ids) {
    if (id == gone) continue;
    ASSERT_TRUE(IsOver(id)) << id;
    EXPECT_EQ(client_->replies[id].body, "ok");
  }
  ASSERT_TRUE(world_.RunUntil([&] { return world_.worker->counters().held.value() == 0; }));
}

TEST_F(ForwardH2, AResetEndsItsRequestAndNoOther) {
  Open([](SimPeer&) {});
  const int32_t reset = client_->Open(Head("POST", "/reset"));
  client_->Append(reset, std::string(50'000, 'x'));
  ASSERT_TRUE(BackendHears("POST /reset"));
  SimPeer& broken = *backend_->connections.back();
  const int32_t other = client_->Get("/other", "a.test");
  ASSERT_TRUE(BackendHears("GET /other"));
  client_->Reset(reset);
  ASSERT_TRUE(world_.RunUntil([&] { return broken.has_ended() || broken.has_failed(); }));
  world_.Run(absl::Seconds(1));
  EXPECT_EQ(world_.reports.Last("a", 1).open, 1);
  backend_->connections.back()->Send(kOk);
  ASSERT_TRUE(IsOver(other));
  EXPECT_EQ(client_->replies[other].body, "ok");
  ExpectNothingOpen();
}

TEST_F(ForwardH2, ReadsNoMoreOfABodyThanTheBackendTakes) {
  Open([](SimPeer& peer) { peer.StopReading(); });
  const std::string body(4 * 1024 * 1024, 'x');
  const int32_t id = client_->Request(Head("PUT"), body);
  ASSERT_TRUE(BackendHears("PUT /"));
  world_.Run(absl::Seconds(10));
  // All windows are used up, and stay so.
  EXPECT_EQ(nghttp2_session_get_stream_remote_window_size(client_->session(), id), 0);
  SimPeer& peer = *backend_->connections.back();
  peer.on_data = nullptr;
  peer.GoOnReading();
  ASSERT_TRUE(world_.RunUntil([&] { return absl::EndsWith(peer.received, "\r\n0\r\n\r\n"); },
                              absl::Seconds(120)));
  EXPECT_GT(peer.received.size(), body.size());
  peer.Send(kOk);
  ASSERT_TRUE(IsOver(id));
  ExpectNothingOpen();
}

TEST_F(ForwardH2, TakesNoMoreFromTheBackendThanTheClientReads) {
  Open([](SimPeer&) {});
  client_->consumes = false;
  const std::string body(4 * 1024 * 1024, 'x');
  const int32_t id = client_->Get("/", "a.test");
  ASSERT_TRUE(BackendHears("\r\n\r\n"));
  SimPeer& peer = *backend_->connections.back();
  peer.Send(absl::StrCat("HTTP/1.1 200 OK\r\nContent-Length: ", body.size(), "\r\n\r\n", body));
  world_.Run(absl::Seconds(10));
  EXPECT_EQ(client_->replies[id].body.size(), 65535u);
  // In the network, in the proxy: two windows, a stream's bytes and a read.
  EXPECT_GT(peer.unsent(), body.size() - 1024 * 1024);
  client_->consumes = true;
  client_->Consume(id, 65535);
  ASSERT_TRUE(world_.RunUntil([&] { return client_->replies[id].is_over; }, absl::Seconds(120)));
  EXPECT_EQ(client_->replies[id].body, body);
  ExpectNothingOpen();
}

TEST_F(ForwardH2, KnowsThePrefaceHoweverItIsSplit) {
  Open(Answering(kOk));
  for (size_t split = 1; split <= 40; ++split) {
    SimH2Client talker(world_.io);
    const int32_t id = talker.Get("/", "a.test");
    const std::string bytes = talker.Output();
    SimPeer& peer = world_.NewClient();
    peer.Send(bytes.substr(0, split));
    world_.Run(absl::Milliseconds(20));
    peer.Send(bytes.substr(split));
    ASSERT_TRUE(world_.RunUntil([&] {
      talker.Hear(peer.received);
      peer.received.clear();
      return talker.replies[id].is_over;
    })) << split;
    EXPECT_EQ(talker.replies[id].body, "ok") << split;
    peer.Close();
  }
}

// A WebSocket of RFC 8441 with the backend's side of it.
class ForwardH2WebSocket : public ForwardH2 {
 protected:
  int32_t OpenWebSocket() {
    Open([](SimPeer& peer) {
      const size_t end = peer.received.find("\r\n\r\n");
      if (!absl::StartsWith(peer.received, "GET ") || end == std::string::npos) return;
      peer.received.erase(0, end + 4);
      peer.Send(absl::StrCat("HTTP/1.1 101 S\r\nConnection: upgrade\r\nUpgrade: websocket\r\n",
                             "Sec-WebSocket-Accept: ", h2::kWebSocketAccept, "\r\n\r\n"));
    });
    SimH2Client::Fields head = Head("CONNECT", "/ws");
    head.insert(head.begin() + 1, {":protocol", "websocket"});
    head.emplace_back("sec-websocket-version", "13");
    const int32_t id = client_->Open(std::move(head));
    EXPECT_TRUE(world_.RunUntil([&] { return !client_->replies[id].head.empty(); }));
    EXPECT_EQ(client_->replies[id].head, ":status: 200\n");
    EXPECT_EQ(world_.worker->counters().tunnels.value(), 1);
    EXPECT_EQ(world_.worker->counters().h2_streams.value(), 1);
    return id;
  }
};

TEST_F(ForwardH2WebSocket, EndsWhenTheClientEndsIt) {
  const int32_t id = OpenWebSocket();
  client_->Append(id, "ping");
  ASSERT_TRUE(BackendHears("ping"));
  backend_->connections[0]->Send("\x82\x04pong");
  ASSERT_TRUE(world_.RunUntil([&] { return client_->replies[id].body == "\x82\x04pong"; }));
  world_.Run(absl::Seconds(100));
  EXPECT_EQ(world_.reports.Last("a", 1).open, 1);
  client_->Finish(id);
  ASSERT_TRUE(world_.RunUntil([&] { return backend_->connections[0]->has_ended(); }));
  backend_->connections[0]->Close();
  ASSERT_TRUE(IsOver(id));
  EXPECT_TRUE(client_->replies[id].has_end);
  ExpectNothingOpen();
}

TEST_F(ForwardH2WebSocket, EndsWithACloseFrameWhenItsSessionIsOver) {
  const int32_t id = OpenWebSocket();
  SetRoute(RouteState::kEnded);
  ASSERT_TRUE(world_.RunUntil([&] { return client_->replies[id].has_end; }));
  EXPECT_EQ(client_->replies[id].body, "\x88\x02\x03\xe9");  // 1001
  client_->Finish(id);
  ASSERT_TRUE(IsOver(id));
  ExpectNothingOpen();
}

TEST_F(ForwardH2WebSocket, AResetEndsTheBackendsSide) {
  const int32_t id = OpenWebSocket();
  client_->Reset(id);
  ASSERT_TRUE(world_.RunUntil([&] {
    return backend_->connections[0]->has_ended() || backend_->connections[0]->has_failed();
  }));
  ExpectNothingOpen();
}

TEST_F(ForwardH2, TheEndOfASessionEndsItsStreamsAndNoOthers) {
  Open([](SimPeer&) {});
  const int32_t begun = client_->Get("/begun", "a.test");
  ASSERT_TRUE(BackendHears("\r\n\r\n"));
  backend_->connections.back()->Send("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nok");
  ASSERT_TRUE(world_.RunUntil([&] { return client_->replies[begun].body == "ok"; }));
  const int32_t waiting = client_->Get("/waiting", "a.test");
  ASSERT_TRUE(BackendHears("GET /waiting"));
  SetRoute(RouteState::kEnded);
  ASSERT_TRUE(IsOver(begun));
  EXPECT_FALSE(client_->replies[begun].has_end);
  ASSERT_TRUE(IsOver(waiting));
  EXPECT_TRUE(absl::StartsWith(client_->replies[waiting].head, ":status: 410\n"));
  EXPECT_TRUE(client_->replies[waiting].has_end);
  ExpectNothingOpen();
}

TEST_F(ForwardH2, ADrainLetsStreamsFinishAndTakesNoMore) {
  Open([](SimPeer&) {});
  const int32_t id = client_->Get("/", "a.test");
  ASSERT_TRUE(BackendHears("\r\n\r\n"));
  world_.worker->Drain(absl::Seconds(30));
  world_.Run(absl::Seconds(5));
  EXPECT_EQ(client_->goaways.size(), 2u);
  EXPECT_FALSE(world_.reports.is_drained);
  backend_->connections.back()->Send(kOk);
  ASSERT_TRUE(world_.RunUntil([&] { return world_.reports.is_drained; }, absl::Seconds(5)));
  EXPECT_EQ(client_->replies[id].body, "ok");
  EXPECT_TRUE(client_->is_closed);
}

TEST_F(ForwardH2, TheEndOfADrainCutsOffWhatStillRuns) {
  Open([](SimPeer&) {});
  const int32_t id = client_->Get("/", "a.test");
  ASSERT_TRUE(BackendHears("\r\n\r\n"));
  world_.worker->Drain(absl::Seconds(3));
  ASSERT_TRUE(world_.RunUntil([&] { return world_.reports.is_drained; }));
  ASSERT_TRUE(world_.RunUntil([&] { return client_->is_closed; }));
  EXPECT_TRUE(absl::StartsWith(client_->replies[id].head, ":status: 503\n"));
}

}  // namespace
}  // namespace spawner::proxy
