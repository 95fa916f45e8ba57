#include <memory>
#include <string>

#include "absl/strings/str_cat.h"
#include "controller/api/api_fixture.h"
#include "spawner/v1/admin.grpc.pb.h"
#include "spawner/v1/sessions.grpc.pb.h"

// ExplainSession, ListProxies and DrainProxy: as values, and by way of a standby.
namespace spawner::api {
namespace {

core::Explanation Sample() {
  core::Explanation sample;
  sample.reasons_alive = {"proxy a has 2 connections."};
  sample.verdict = "It ends as IDLE 5s after the last connection has closed.";
  sample.transitions = {{absl::FromUnixSeconds(1'800'000'000), SessionState::kStarting,
                         SessionState::kReady, "pod ready"}};
  sample.events = {{absl::FromUnixSeconds(1'800'000'001), "Normal", "Pulling", "Pulling image", 2}};
  core::Explanation::Proxy proxy;
  proxy.usage.proxy = "a";
  proxy.usage.link = 7;
  proxy.usage.usage = {
      .open = 2, .held = 1, .opened_total = 9, .bytes_total = 1234, .idle_for = absl::Seconds(3)};
  proxy.connections = {{.kind = v1::Connection::WEBSOCKET,
                        .age = absl::Seconds(8),
                        .idle_for = absl::Seconds(4),
                        .bytes = 77,
                        .peer = "203.0.113.9",
                        .user = "ada",
                        .is_ignored = true}};
  sample.proxies.push_back(proxy);
  proxy.usage.proxy = "b";
  proxy.usage.link = 0;
  proxy.usage.usage = {};
  proxy.connections.clear();
  sample.proxies.push_back(proxy);
  return sample;
}

class ExplainTest : public ::testing::Test {
 protected:
  static void Fill(ApiServer& server) {
    server.loop.Run([&server] {
      server.service.sessions["s-doc"] = FakeService::MakeSession("s-doc");
      server.service.explanation = Sample();
      server.service.status.is_leader = true;
      server.service.status.proxies = {{.id = "a", .is_connected = true}};
    });
  }
  static void MakeStandbyOf(ApiServer& standby, int leader_port) {
    standby.loop.Run([&standby, leader_port] {
      standby.service.status.is_leader = false;
      standby.service.status.leader_address = absl::StrCat("127.0.0.1:", leader_port);
      standby.service.drain_status = WithReason(absl::UnavailableError("standby"), "NO_LEADER");
    });
  }
  absl::Status Explain(const std::string& name, v1::ExplainSessionResponse& response) {
    grpc::ClientContext context;
    v1::ExplainSessionRequest request;
    request.set_name(name);
    return FromGrpc(sessions_->ExplainSession(&context, request, &response));
  }
  absl::Status Drain(const v1::DrainProxyRequest& request) {
    grpc::ClientContext context;
    v1::DrainProxyResponse response;
    return FromGrpc(admin_->DrainProxy(&context, request, &response));
  }
  int CountProxies() {
    grpc::ClientContext context;
    v1::ListProxiesResponse response;
    EXPECT_TRUE(admin_->ListProxies(&context, {}, &response).ok());
    return response.proxies_size();
  }

  ApiServer server_;
  std::unique_ptr<v1::Sessions::Stub> sessions_ = v1::Sessions::NewStub(server_.channel);
  std::unique_ptr<v1::Admin::Stub> admin_ = v1::Admin::NewStub(server_.channel);
};

TEST_F(ExplainTest, TellsAllOfIt) {
  Fill(server_);
  v1::ExplainSessionResponse told;
  ASSERT_TRUE(Explain("namespaces/default/sessions/s-doc", told).ok());
  EXPECT_EQ(told.session().name(), "namespaces/default/sessions/s-doc");
  EXPECT_EQ(told.reasons_alive(0), "proxy a has 2 connections.");
  EXPECT_EQ(told.verdict(), "It ends as IDLE 5s after the last connection has closed.");
  ASSERT_EQ(told.proxies_size(), 2);
  const auto& proxy = told.proxies(0);
  EXPECT_EQ(proxy.proxy(), "a");
  EXPECT_FALSE(proxy.lost());
  EXPECT_EQ(proxy.open(), 2);
  EXPECT_EQ(proxy.held(), 1);
  EXPECT_EQ(proxy.opened_total(), 9u);
  EXPECT_EQ(proxy.bytes_total(), 1234u);
  EXPECT_EQ(proxy.idle_for().seconds(), 3);
  ASSERT_EQ(proxy.connections_size(), 1);
  const v1::Connection& connection = proxy.connections(0);
  EXPECT_EQ(connection.kind(), v1::Connection::WEBSOCKET);
  EXPECT_EQ(connection.age().seconds(), 8);
  EXPECT_EQ(connection.idle_for().seconds(), 4);
  EXPECT_EQ(connection.bytes(), 77u);
  EXPECT_EQ(connection.peer(), "203.0.113.9");
  EXPECT_EQ(connection.user(), "ada");
  EXPECT_TRUE(connection.ignored());
  EXPECT_TRUE(told.proxies(1).lost());
  EXPECT_FALSE(told.proxies(1).has_idle_for());
  ASSERT_EQ(told.transitions_size(), 1);
  EXPECT_EQ(told.transitions(0).from(), v1::STARTING);
  EXPECT_EQ(told.transitions(0).to(), v1::READY);
  EXPECT_EQ(told.transitions(0).time().seconds(), 1'800'000'000);
  EXPECT_EQ(told.transitions(0).cause(), "pod ready");
  ASSERT_EQ(told.events_size(), 1);
  EXPECT_EQ(told.events(0).reason(), "Pulling");
  EXPECT_EQ(told.events(0).count(), 2);
  EXPECT_EQ(told.events_error(), "");
  server_.loop.Run([this] {
    server_.service.explanation.events_status = absl::PermissionDeniedError("list events: 403");
  });
  ASSERT_TRUE(Explain("namespaces/default/sessions/s-doc", told).ok());
  EXPECT_EQ(told.events_error(), "list events: 403");
}

TEST_F(ExplainTest, SaysWhatIsWrong) {
  v1::ExplainSessionResponse told;
  EXPECT_EQ(ReasonOf(Explain("namespaces/default/sessions/none", told)), "SESSION_NOT_FOUND");
  EXPECT_EQ(ReasonOf(Explain("namespaces/other/sessions/none", told)), "NAMESPACE_FORBIDDEN");
  EXPECT_EQ(ReasonOf(Explain("none", told)), "INVALID_FIELD");
  v1::DrainProxyRequest drain;
  EXPECT_EQ(ReasonOf(Drain(drain)), "INVALID_FIELD");
  drain.set_proxy("a");
  drain.mutable_deadline()->set_seconds(-1);
  EXPECT_EQ(ReasonOf(Drain(drain)), "INVALID_FIELD");
  drain.mutable_deadline()->set_seconds(24 * 3600 + 1);
  EXPECT_EQ(ReasonOf(Drain(drain)), "INVALID_FIELD");
}

TEST_F(ExplainTest, DrainsByNameAndDeadline) {
  v1::DrainProxyRequest drain;
  drain.set_proxy("a");
  EXPECT_TRUE(Drain(drain).ok());
  drain.mutable_deadline()->set_seconds(0);
  EXPECT_TRUE(Drain(drain).ok());
  server_.loop.Run([this] {
    ASSERT_EQ(server_.service.drains.size(), 2u);
    EXPECT_EQ(server_.service.drains[0].first, "a");
    EXPECT_FALSE(server_.service.drains[0].second.has_value());
    EXPECT_EQ(server_.service.drains[1].second, absl::ZeroDuration());
  });
}

TEST_F(ExplainTest, AStandbyAsksTheLeader) {
  ApiServer leader;
  Fill(leader);
  MakeStandbyOf(server_, leader.port.port());
  v1::ExplainSessionResponse told;
  ASSERT_TRUE(Explain("namespaces/default/sessions/s-doc", told).ok());
  EXPECT_EQ(told.proxies_size(), 2);
  EXPECT_EQ(CountProxies(), 1);
  v1::DrainProxyRequest drain;
  drain.set_proxy("a");
  EXPECT_TRUE(Drain(drain).ok());
  leader.loop.Run([&leader] { EXPECT_EQ(leader.service.drains.size(), 1u); });

  // Nobody listens there: reads are answered from what the standby has, an order is not.
  server_.loop.Run([this] {
    server_.service.status.leader_address = "127.0.0.1:1";
    server_.service.sessions["s-doc"] = FakeService::MakeSession("s-doc");
  });
  v1::ExplainSessionResponse own;
  ASSERT_TRUE(Explain("namespaces/default/sessions/s-doc", own).ok());
  EXPECT_EQ(own.proxies_size(), 0);
  EXPECT_EQ(CountProxies(), 0);
  EXPECT_EQ(Drain(drain).code(), absl::StatusCode::kUnavailable);
}

}  // namespace
}  // namespace spawner::api
