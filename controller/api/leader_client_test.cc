#include <chrono>
#include <memory>

#include "absl/strings/str_cat.h"
#include "controller/api/api_fixture.h"
#include "spawner/v1/sessions.grpc.pb.h"

// Two controllers: what a standby passes on to the leader.
namespace spawner::api {
namespace {

// ------------------------------------------------------------------------------

absl::Status NoLeader() {
  return WithReason(absl::UnavailableError("connect: this controller does not lead"), "NO_LEADER");
}

void MakeStandby(ApiServer& standby, int leader_port) {
  standby.loop.Run([&standby, leader_port] {
    standby.service.status.leader_address = absl::StrCat("127.0.0.1:", leader_port);
    standby.service.on_connect = [](const core::ConnectParams&,
                                    const core::Service::ConnectDone& done) { done(NoLeader()); };
    standby.service.on_terminate = [](const core::TerminateParams&,
                                      const core::Service::ViewDone& done) { done(NoLeader()); };
  });
}

class LeaderClientTest : public ::testing::Test {
 protected:
  static v1::ConnectRequest Request() {
    v1::ConnectRequest request;
    request.set_parent("namespaces/default");
    request.mutable_key()->set_name("doc");
    request.mutable_spec()->set_image("demo");
    return request;
  }
  absl::StatusOr<v1::ConnectResponse> Connect() {
    grpc::ClientContext context;
    v1::ConnectResponse response;
    const absl::Status status = FromGrpc(stub_->Connect(&context, Request(), &response));
    if (!status.ok()) return status;
    return response;
  }

  ApiServer server_;
  std::unique_ptr<v1::Sessions::Stub> stub_ = v1::Sessions::NewStub(server_.channel);
};

TEST_F(LeaderClientTest, StandbyForwardsToTheLeader) {
  ApiServer leader;
  MakeStandby(server_, leader.port.port());
  const absl::StatusOr<v1::ConnectResponse> response = Connect();
  ASSERT_TRUE(response.ok()) << response.status();
  EXPECT_EQ(response->session().name(), "namespaces/default/sessions/s-doc");
  leader.loop.Run([&leader] { EXPECT_EQ(leader.service.connects.size(), 1u); });

  v1::TerminateSessionRequest terminate;
  terminate.set_name("namespaces/default/sessions/none");
  v1::Session session;
  grpc::ClientContext context;
  const absl::Status status = FromGrpc(stub_->TerminateSession(&context, terminate, &session));
  EXPECT_EQ(ReasonOf(status), "SESSION_NOT_FOUND");
}

// Proxies report to the leader: only it knows who is connected.
TEST_F(LeaderClientTest, StandbyLetsTheLeaderAnswerReads) {
  ApiServer leader;
  ASSERT_TRUE(Connect().ok());  // the standby's cache has a session that the leader has not
  MakeStandby(server_, leader.port.port());
  const auto get = [this](const std::string& name) {
    grpc::ClientContext context;
    v1::GetSessionRequest request;
    request.set_name("namespaces/default/sessions/" + name);
    v1::Session session;
    return FromGrpc(stub_->GetSession(&context, request, &session));
  };
  const auto count = [this] {
    grpc::ClientContext context;
    v1::ListSessionsRequest request;
    request.set_parent("namespaces/default");
    v1::ListSessionsResponse response;
    EXPECT_TRUE(stub_->ListSessions(&context, request, &response).ok());
    return response.sessions_size();
  };
  EXPECT_EQ(ReasonOf(get("s-doc")), "SESSION_NOT_FOUND");
  EXPECT_EQ(count(), 0);
  // Nobody listens there: what the standby itself sees has to do.
  server_.loop.Run([this] { server_.service.status.leader_address = "127.0.0.1:1"; });
  EXPECT_TRUE(get("s-doc").ok());
  EXPECT_EQ(count(), 1);
}

// Also for a session that lives as far as it knows: the leader hears of its end first, and a grant
// is signed by the clock that takes it back.
TEST_F(LeaderClientTest, StandbySignsNothingWhileTheLeaderAnswers) {
  ApiServer leader;
  leader.clock.Advance(absl::Hours(1));
  ASSERT_TRUE(Connect().ok());
  server_.loop.Run([&] {
    server_.service.status.leader_address = absl::StrCat("127.0.0.1:", leader.port.port());
  });
  ASSERT_TRUE(Connect().ok());
  leader.loop.Run([&leader] { EXPECT_EQ(leader.service.connects.size(), 1u); });
  const auto grant = [this] {
    grpc::ClientContext context;
    v1::CreateGrantRequest request;
    request.set_name("namespaces/default/sessions/s-doc");
    v1::CreateGrantResponse response;
    EXPECT_TRUE(stub_->CreateGrant(&context, request, &response).ok());
    return absl::FromUnixSeconds(response.expire_time().seconds());
  };
  const absl::Time by_leader = grant();
  leader.loop.Run([&leader] { EXPECT_EQ(leader.service.grants.size(), 1u); });
  EXPECT_GT(by_leader, leader.clock.WallNow());
  // Nobody listens there: users are let in all the same.
  server_.loop.Run([this] { server_.service.status.leader_address = "127.0.0.1:1"; });
  EXPECT_TRUE(Connect().ok());
  EXPECT_LE(grant(), by_leader - absl::Hours(1));
}

TEST_F(LeaderClientTest, ALeaderThatDoesNotAnswerIsToldOfWithAReason) {
  MakeStandby(server_, 1);  // nobody listens there
  v1::TerminateSessionRequest terminate;
  terminate.set_name("namespaces/default/sessions/none");
  v1::Session session;
  grpc::ClientContext context;
  const absl::Status status = FromGrpc(stub_->TerminateSession(&context, terminate, &session));
  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(ReasonOf(status), "NO_LEADER");
  EXPECT_TRUE(RetryAfterOf(status).has_value());
  EXPECT_NE(status.message().find("127.0.0.1:1 does not answer"), std::string::npos) << status;
}

TEST_F(LeaderClientTest, ForwardedCallTakesNoSecondHop) {
  ApiServer other;
  MakeStandby(server_, other.port.port());
  MakeStandby(other, server_.port.port());
  const absl::Status status = Connect().status();
  EXPECT_EQ(ReasonOf(status), "NO_LEADER");
  server_.loop.Run([this] { EXPECT_EQ(server_.service.connects.size(), 1u); });
  other.loop.Run([&other] { EXPECT_EQ(other.service.connects.size(), 1u); });
}

TEST_F(LeaderClientTest, ForwardedCallEndsWithItsClient) {
  ApiServer leader;
  MakeStandby(server_, leader.port.port());
  leader.loop.Run([&leader] {
    leader.service.on_connect = [](const core::ConnectParams&, const core::Service::ConnectDone&) {
    };  // never
  });
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + std::chrono::milliseconds(200));
  v1::ConnectResponse response;
  EXPECT_EQ(stub_->Connect(&context, Request(), &response).error_code(),
            grpc::StatusCode::DEADLINE_EXCEEDED);
}

}  // namespace
}  // namespace spawner::api
