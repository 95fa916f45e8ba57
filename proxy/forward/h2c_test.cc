// Backends that speak HTTP/2 without TLS, as gRPC servers do, behind a worker in a simulated
// network.
#include <nghttp2/nghttp2.h>

#include <memory>
#include <string>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "gtest/gtest.h"
#include "proxy/forward/sim_world.h"
#include "proxy/h2/limits.h"
#include "proxy/h2/sim_h2_backend.h"
#include "proxy/h2/sim_h2_client.h"
#include "proxy/route/route.h"

namespace spawner::proxy {
namespace {

using h2::SimH2Backend;
using h2::SimH2Client;

const SimH2Client::Fields kCall = {{":method", "POST"},
                                   {":scheme", "http"},
                                   {":authority", "a.test"},
                                   {":path", "/t.T/Talk"},
                                   {"content-type", "application/grpc"},
                                   {"te", "trailers"}};

// One session "a" whose backend speaks h2c, and one HTTP/2 client.
class H2cTest : public testing::Test {
 protected:
  H2cTest() { client_.Connect(world_.address); }

  void Listen() { backend_ = std::make_unique<SimH2Backend>(world_.io, address_); }
  void Set(RouteState state, uint64_t epoch = 1) {
    world_.SetRoute({.session_id = "a",
                     .epoch = epoch,
                     .state = state,
                     .ip = address_.ip,
                     .port = address_.port,
                     .reason = "IDLE",
                     .hold_timeout = absl::Seconds(30),
                     .protocol = BackendProtocol::kH2c});
    world_.Run(absl::Milliseconds(5));
  }
  void Open() {
    Listen();
    Set(RouteState::kOpen);
  }
  template <typename Done>
  bool Until(Done done) {
    return world_.RunUntil(done);
  }
  // A call that has reached the backend.
  int32_t Call() {
    const int32_t id = client_.Open(kCall);
    EXPECT_TRUE(Until([this] { return !backend_->connections.empty() && Request().has_head; }));
    return id;
  }
  SimH2Backend::Connection& Backend() { return *backend_->connections.back(); }
  SimH2Backend::Request& Request(int32_t id = 1) { return Backend().requests[id]; }
  SimH2Client::Reply& Reply(int32_t id = 1) { return client_.replies[id]; }
  int64_t OpenCount(uint64_t epoch = 1) {
    world_.Run(absl::Seconds(2));
    return world_.reports.Last("a", epoch).open;
  }

  SimWorld world_;
  const Address address_ = {"10.0.1.1", 50051};
  std::unique_ptr<SimH2Backend> backend_;
  SimH2Client client_{world_.io};
};

TEST_F(H2cTest, ServesHttp1Clients) {
  Open();
  backend_->on_request = h2::Echoing("hello");
  SimPeer& client = world_.NewClient();
  client.Send(SimWorld::Get("a", "/x"));
  ASSERT_TRUE(Until([&] { return absl::EndsWith(client.received, "\r\n0\r\n\r\n"); }));
  EXPECT_EQ(
      client.received,
      "HTTP/1.1 200 \r\nx-id: 1\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n");
  EXPECT_TRUE(absl::StartsWith(Request().head,
                               ":method: GET\n:scheme: http\n:authority: a.test\n:path: /x\n"));
  EXPECT_TRUE(absl::StrContains(Request().head, "x-forwarded-proto: http\n"));
  EXPECT_TRUE(absl::StrContains(Request().head, "spawner-session: a\n"));
  EXPECT_TRUE(absl::StrContains(Request().head, "te: trailers\n"));
  // The client's connection goes on, and so does the backend's.
  client.received.clear();
  client.Send(SimWorld::Get("a", "/y"));
  ASSERT_TRUE(Until([&] { return absl::EndsWith(client.received, "\r\n0\r\n\r\n"); }));
  EXPECT_EQ(backend_->connections.size(), 1u);
}

TEST_F(H2cTest, CarriesACallBothWaysAtOnce) {
  Open();
  const int32_t id = Call();
  Backend().Head(id, {{":status", "200"}, {"content-type", "application/grpc"}});
  for (size_t i = 1; i <= 5; ++i) {
    client_.Append(id, "ping");
    ASSERT_TRUE(Until([&] { return Request().body.size() == 4 * i; }));
    Backend().Data(id, "pong!");
    ASSERT_TRUE(Until([&] { return Reply().body.size() == 5 * i; }));
  }
  EXPECT_EQ(OpenCount(), 1);
  client_.Finish(id, {{"x-sum", "5"}});
  ASSERT_TRUE(Until([&] { return Request().has_end; }));
  EXPECT_EQ(Request().trailers, "x-sum: 5\n");
  Backend().Data(id, "", true, {{"grpc-status", "0"}});
  ASSERT_TRUE(Until([&] { return Reply().is_over; }));
  EXPECT_EQ(Reply().code, 0u);
  EXPECT_TRUE(absl::EndsWith(Reply().head, "grpc-status: 0\n"));
  EXPECT_EQ(OpenCount(), 0);
}

TEST_F(H2cTest, CarriesAnAnswerOfTrailersOnlyWhileTheClientSends) {
  Open();
  const int32_t id = Call();
  Backend().Head(id, {{":status", "200"}, {"grpc-status", "12"}}, true);
  ASSERT_TRUE(Until([&] { return Reply().has_end; }));
  EXPECT_TRUE(absl::StrContains(Reply().head, "grpc-status: 12\n"));
  EXPECT_EQ(Reply().body, "");
  ASSERT_TRUE(Until([&] { return Request().is_over && Reply().is_over; }));
  EXPECT_EQ(OpenCount(), 0);
}

TEST_F(H2cTest, TellsTheBackendOfAClientThatLeaves) {
  Open();
  client_.Reset(Call());
  ASSERT_TRUE(Until([&] { return Request().is_over; }));
  EXPECT_EQ(Request().code, static_cast<uint32_t>(NGHTTP2_CANCEL));
  EXPECT_EQ(OpenCount(), 0);
  const int32_t next = client_.Open(kCall);
  ASSERT_TRUE(Until([&] { return Request(3).has_head; }));
  (void)next;
  client_.Close();
  ASSERT_TRUE(Until([&] { return Request(3).is_over; }));
  EXPECT_EQ(OpenCount(), 0);
}

TEST_F(H2cTest, NeverPassesABrokenResponseForAWholeOne) {
  Open();
  const int32_t early = Call();
  Backend().Reset(early, NGHTTP2_INTERNAL_ERROR);
  ASSERT_TRUE(Until([&] { return Reply(early).is_over; }));
  EXPECT_FALSE(Reply(early).has_end);
  const int32_t late = client_.Open(kCall);
  ASSERT_TRUE(Until([&] { return Request(late).has_head; }));
  Backend().Head(late, {{":status", "200"}});
  Backend().Data(late, "half");
  ASSERT_TRUE(Until([&] { return Reply(late).body == "half"; }));
  Backend().Close();
  ASSERT_TRUE(Until([&] { return Reply(late).is_over; }));
  EXPECT_FALSE(Reply(late).has_end);
  EXPECT_NE(Reply(late).code, 0u);
}

// What gRPC's status for each is: "HTTP2 Transport Mapping, Errors" of its protocol.
TEST_F(H2cTest, ABackendsResetCodeReachesAGrpcClient) {
  Open();
  const std::pair<uint32_t, uint32_t> cases[] = {
      {NGHTTP2_CANCEL, NGHTTP2_CANCEL},
      {NGHTTP2_INTERNAL_ERROR, NGHTTP2_INTERNAL_ERROR},
      {NGHTTP2_ENHANCE_YOUR_CALM, NGHTTP2_ENHANCE_YOUR_CALM},
      {NGHTTP2_INADEQUATE_SECURITY, NGHTTP2_INADEQUATE_SECURITY},
      {NGHTTP2_NO_ERROR, NGHTTP2_INTERNAL_ERROR},        // it is not whole
      {NGHTTP2_PROTOCOL_ERROR, NGHTTP2_INTERNAL_ERROR},  // not the client's
  };
  int32_t id = -1;
  for (const auto& [said, heard] : cases) {
    for (const bool has_begun : {false, true}) {
      id += 2;
      ASSERT_EQ(client_.Open(kCall), id);
      ASSERT_TRUE(Until([&] { return !backend_->connections.empty() && Request(id).has_head; }));
      if (has_begun) {
        Backend().Head(id, {{":status", "200"}});
        Backend().Data(id, "half");
        ASSERT_TRUE(Until([&] { return Reply(id).body == "half"; }));
      }
      Backend().Reset(id, said);
      ASSERT_TRUE(Until([&] { return Reply(id).is_over; }));
      EXPECT_EQ(Reply(id).code, heard) << said << has_begun;
      EXPECT_FALSE(Reply(id).has_end);
      EXPECT_EQ(Reply(id).head.empty(), !has_begun) << Reply(id).head;
    }
  }
  EXPECT_EQ(world_.worker->counters().requests[502].value(), 6);
  EXPECT_EQ(OpenCount(), 0);
}

TEST_F(H2cTest, ARefusedCallThatCannotBeSentAgainIsRefusedToTheClient) {
  Open();
  const int32_t id = Call();
  client_.Append(id, "some");
  ASSERT_TRUE(Until([&] { return Request().body == "some"; }));
  Backend().Reset(id, NGHTTP2_REFUSED_STREAM);
  ASSERT_TRUE(Until([&] { return Reply(id).is_over; }));
  EXPECT_EQ(Reply(id).code, static_cast<uint32_t>(NGHTTP2_REFUSED_STREAM));
  EXPECT_EQ(OpenCount(), 0);
}

TEST_F(H2cTest, OthersThanGrpcGetABadGatewayForAReset) {
  Open();
  const int32_t id = client_.Get("/", "a.test");
  ASSERT_TRUE(Until([&] { return !backend_->connections.empty() && Request().has_head; }));
  Backend().Reset(id, NGHTTP2_CANCEL);
  ASSERT_TRUE(Until([&] { return Reply(id).has_end; }));
  EXPECT_TRUE(absl::StrContains(Reply(id).head, ":status: 502\n"));
}

TEST_F(H2cTest, AClientsResetCodeReachesTheBackend) {
  Open();
  const std::pair<uint32_t, uint32_t> cases[] = {
      {NGHTTP2_CANCEL, NGHTTP2_CANCEL},
      {NGHTTP2_INTERNAL_ERROR, NGHTTP2_INTERNAL_ERROR},
      {NGHTTP2_NO_ERROR, NGHTTP2_CANCEL},
  };
  int32_t id = -1;
  for (const auto& [said, heard] : cases) {
    id += 2;
    ASSERT_EQ(client_.Open(kCall), id);
    ASSERT_TRUE(Until([&] { return !backend_->connections.empty() && Request(id).has_head; }));
    client_.Reset(id, said);
    ASSERT_TRUE(Until([&] { return Request(id).is_over; }));
    EXPECT_EQ(Request(id).code, heard) << said;
  }
  EXPECT_EQ(OpenCount(), 0);
}

TEST_F(H2cTest, HoldsUntilTheRouteOpensAndTheBackendSpeaks) {
  Set(RouteState::kHold);
  const int32_t id = client_.Open(kCall);
  client_.Append(id, "early");
  client_.Finish(id);
  world_.Run(absl::Seconds(3));
  EXPECT_EQ(OpenCount(), 1);
  Set(RouteState::kOpen);  // it is ready, but its listener is not there yet
  world_.Run(absl::Milliseconds(200));
  Listen();
  backend_->sends_settings = false;
  ASSERT_TRUE(Until([&] { return !backend_->connections.empty(); }));
  world_.Run(absl::Milliseconds(500));
  EXPECT_TRUE(Backend().requests.empty());
  backend_->on_request = h2::Echoing("");
  Backend().SendSettings();
  ASSERT_TRUE(Until([&] { return Reply().has_end; }));
  EXPECT_EQ(Reply().body, "early");
}

TEST_F(H2cTest, EndsWhatRunsWithItsRoute) {
  Open();
  const int32_t first = Call();
  const int32_t second = client_.Open(kCall);
  ASSERT_TRUE(Until([&] { return Request(second).has_head; }));
  Backend().Head(first, {{":status", "200"}});
  ASSERT_TRUE(Until([&] { return !Reply(first).head.empty(); }));
  Set(RouteState::kEnded);
  ASSERT_TRUE(Until([&] { return Reply(first).is_over && Reply(second).has_end; }));
  EXPECT_FALSE(Reply(first).has_end);
  EXPECT_TRUE(absl::StrContains(Reply(second).head, ":status: 410\n"));
  ASSERT_TRUE(Until([&] { return Request(first).is_over && Request(second).is_over; }));
}

TEST_F(H2cTest, AnswersWith502WhereHttp1IsSpoken) {
  SimBackend http1(world_.io, [](SimPeer& peer) {
    peer.Send("HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n");
  });
  http1.Listen(address_);
  Set(RouteState::kOpen);
  world_.Run(absl::Seconds(6));  // the route is not young any more
  const int32_t id = client_.Open(kCall);
  client_.Finish(id);
  ASSERT_TRUE(Until([&] { return Reply(id).has_end; }));
  EXPECT_TRUE(absl::StrContains(Reply(id).head, ":status: 502\n"));
  EXPECT_TRUE(absl::StrContains(Reply(id).body, "HTTP/2"));
}

TEST_F(H2cTest, HoldsTheBackendUpForASlowClient) {
  Open();
  client_.consumes = false;
  const int32_t id = Call();
  const std::string big(4 * 1024 * 1024, 'x');
  Backend().Head(id, {{":status", "200"}});
  Backend().Data(id, big, true);
  world_.Run(absl::Seconds(2));
  EXPECT_EQ(Reply().body.size(), 65535u);  // RFC 9113 6.9.2
  // The rest is bounded: both windows, what the proxy keeps of either side, and the network.
  EXPECT_GT(Request().to_send.size(), big.size() - 1024 * 1024);
  client_.consumes = true;
  client_.Consume(id, 65535);
  ASSERT_TRUE(Until([&] { return Reply().has_end; }));
  EXPECT_EQ(Reply().body.size(), big.size());
}

TEST_F(H2cTest, LetsCallsFinishInADrain) {
  Open();
  const int32_t id = Call();
  world_.worker->Drain(absl::Seconds(60));
  world_.Run(absl::Seconds(5));
  Backend().Head(id, {{":status", "200"}});
  Backend().Data(id, "done", true, {{"grpc-status", "0"}});
  client_.Finish(id);
  ASSERT_TRUE(Until([&] { return Reply().is_over; }));
  EXPECT_EQ(Reply().code, 0u);
  EXPECT_EQ(Reply().body, "done");
  EXPECT_TRUE(Until([&] { return world_.reports.is_drained; }));
}

}  // namespace
}  // namespace spawner::proxy
