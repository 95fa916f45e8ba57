// KeepAlive and WaitSession, over gRPC and through a standby.
#include <chrono>
#include <memory>
#include <string>

#include "absl/strings/str_cat.h"
#include "controller/api/api_fixture.h"
#include "spawner/v1/sessions.grpc.pb.h"

namespace spawner::api {
namespace {

constexpr char kName[] = "namespaces/default/sessions/s-doc";

class SessionsLifeTest : public ::testing::Test {
 protected:
  SessionsLifeTest() {
    server_.loop.Run(
        [this] { server_.service.sessions["s-doc"] = FakeService::MakeSession("s-doc"); });
  }
  static v1::KeepAliveRequest Hold() {
    v1::KeepAliveRequest request;
    request.set_name(kName);
    request.set_owner("export");
    request.mutable_ttl()->set_seconds(60);
    return request;
  }
  absl::StatusOr<v1::KeepAliveResponse> KeepAlive(const v1::KeepAliveRequest& request) {
    grpc::ClientContext context;
    v1::KeepAliveResponse response;
    const absl::Status status = FromGrpc(stub_->KeepAlive(&context, request, &response));
    if (!status.ok()) return status;
    return response;
  }
  absl::StatusOr<v1::Session> Wait(const v1::WaitSessionRequest& request) {
    grpc::ClientContext context;
    v1::Session response;
    const absl::Status status = FromGrpc(stub_->WaitSession(&context, request, &response));
    if (!status.ok()) return status;
    return response;
  }

  ApiServer server_;
  std::unique_ptr<v1::Sessions::Stub> stub_ = v1::Sessions::NewStub(server_.channel);
};

TEST_F(SessionsLifeTest, AHoldIsPassedOnAndAnsweredWithItsEnd) {
  v1::KeepAliveRequest request = Hold();
  request.set_reason("a long export");
  request.set_epoch(7);
  const auto response = KeepAlive(request);
  ASSERT_TRUE(response.ok()) << response.status();
  EXPECT_EQ(response->expire_time().seconds(), 1'800'000'060);
  server_.loop.Run([this] {
    ASSERT_EQ(server_.service.keep_alives.size(), 1u);
    const core::KeepAliveParams& params = server_.service.keep_alives[0];
    EXPECT_EQ(params.ns, "default");
    EXPECT_EQ(params.id.value, "s-doc");
    EXPECT_EQ(params.owner, "export");
    EXPECT_EQ(params.reason, "a long export");
    EXPECT_EQ(params.ttl, absl::Seconds(60));
    EXPECT_EQ(params.epoch.value, 7u);
  });
  request.mutable_ttl()->set_seconds(0);
  const auto released = KeepAlive(request);
  ASSERT_TRUE(released.ok()) << released.status();
  EXPECT_FALSE(released->has_expire_time());
}

TEST_F(SessionsLifeTest, AHoldThatIsNoneNamesWhatIsWrong) {
  v1::KeepAliveRequest request = Hold();
  request.clear_owner();
  EXPECT_EQ(KeepAlive(request).status().message(),
            "owner: is missing; say who holds the session, such as \"export-job\"");
  request = Hold();
  request.set_owner(std::string(129, 'x'));
  EXPECT_EQ(ReasonOf(KeepAlive(request).status()), "INVALID_FIELD");
  request = Hold();
  request.set_reason(std::string(257, 'x'));
  EXPECT_EQ(ReasonOf(KeepAlive(request).status()), "INVALID_FIELD");
  request = Hold();
  request.clear_ttl();
  EXPECT_EQ(KeepAlive(request).status().message(), "ttl: is missing; 0 releases the hold");
  request = Hold();
  request.set_name("namespaces/kube-system/sessions/s-doc");
  EXPECT_EQ(ReasonOf(KeepAlive(request).status()), "NAMESPACE_FORBIDDEN");
  request = Hold();
  request.set_name("namespaces/default/sessions/none");
  EXPECT_EQ(ReasonOf(KeepAlive(request).status()), "SESSION_NOT_FOUND");
}

TEST_F(SessionsLifeTest, AWaitIsForReadyUnlessItSaysMore) {
  v1::WaitSessionRequest request;
  request.set_name(kName);
  server_.loop.Run([this] {
    server_.service.on_wait = [](const core::WaitParams& params,
                                 const core::Service::ViewDone& done) {
      EXPECT_EQ(params.states, std::vector<SessionState>{SessionState::kReady});
      EXPECT_EQ(params.timeout, absl::Minutes(10));
      done(FakeService::MakeSession("s-doc"));
    };
  });
  const auto response = Wait(request);
  ASSERT_TRUE(response.ok()) << response.status();
  EXPECT_EQ(response->name(), kName);
  server_.loop.Run([this] {
    server_.service.on_wait = [](const core::WaitParams& params,
                                 const core::Service::ViewDone& done) {
      EXPECT_EQ(params.states.size(), 2u);
      EXPECT_EQ(params.timeout, absl::Seconds(5));
      EXPECT_EQ(params.epoch.value, 3u);
      done(WithReason(absl::DeadlineExceededError("it is STARTING"), "WAIT_TIMEOUT"));
    };
  });
  request.add_states(v1::TERMINATING);
  request.add_states(v1::TERMINATED);
  request.mutable_timeout()->set_seconds(5);
  request.set_epoch(3);
  EXPECT_EQ(ReasonOf(Wait(request).status()), "WAIT_TIMEOUT");
  request.add_states(v1::SESSION_STATE_UNSPECIFIED);
  EXPECT_EQ(ReasonOf(Wait(request).status()), "INVALID_FIELD");
}

TEST_F(SessionsLifeTest, ACancelledWaitLeavesNothing) {
  server_.loop.Run([this] {
    server_.service.on_wait = [](const core::WaitParams&, const core::Service::ViewDone&) {};
  });
  v1::WaitSessionRequest request;
  request.set_name(kName);
  grpc::ClientContext context;
  v1::Session response;
  grpc::CompletionQueue queue;
  const auto call = stub_->AsyncWaitSession(&context, request, &queue);
  grpc::Status status;
  call->Finish(&response, &status, nullptr);
  const auto waiting = [this] {
    size_t count = 0;
    server_.loop.Run([this, &count] { count = server_.service.waits.size(); });
    return count;
  };
  while (waiting() == 0) {
  }
  context.TryCancel();
  void* tag = nullptr;
  bool ok = false;
  ASSERT_TRUE(queue.Next(&tag, &ok));
  EXPECT_EQ(status.error_code(), grpc::StatusCode::CANCELLED);
  while (waiting() > 0) {
  }
}

TEST_F(SessionsLifeTest, AStandbyAsksTheLeader) {
  ApiServer leader;
  leader.loop.Run(
      [&leader] { leader.service.sessions["s-doc"] = FakeService::MakeSession("s-doc"); });
  const int port = leader.port.port();
  server_.loop.Run([this, port] {
    const absl::Status no_leader =
        WithReason(absl::UnavailableError("this controller does not lead"), "NO_LEADER");
    server_.service.status.leader_address = absl::StrCat("127.0.0.1:", port);
    server_.service.on_keep_alive = [no_leader](const core::KeepAliveParams&,
                                                const core::Service::KeepAliveDone& done) {
      done(no_leader);
    };
    server_.service.on_wait = [no_leader](const core::WaitParams&,
                                          const core::Service::ViewDone& done) { done(no_leader); };
  });
  EXPECT_TRUE(KeepAlive(Hold()).ok());
  v1::WaitSessionRequest request;
  request.set_name(kName);
  const auto waited = Wait(request);
  ASSERT_TRUE(waited.ok()) << waited.status();
  EXPECT_EQ(waited->state(), v1::READY);
  leader.loop.Run([&leader] { EXPECT_EQ(leader.service.keep_alives.size(), 1u); });
}

}  // namespace
}  // namespace spawner::api
