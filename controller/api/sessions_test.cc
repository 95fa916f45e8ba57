#include <grpcpp/create_channel.h>

#include <chrono>
#include <thread>

#include "absl/strings/str_cat.h"
#include "base/token.h"
#include "controller/api/api_fixture.h"
#include "spawner/v1/admin.grpc.pb.h"
#include "spawner/v1/sessions.grpc.pb.h"

namespace spawner::api {
namespace {

class SessionsTest : public ::testing::Test {
 protected:
  absl::StatusOr<v1::ConnectResponse> Connect(const v1::ConnectRequest& request) {
    grpc::ClientContext context;
    v1::ConnectResponse response;
    const absl::Status status = FromGrpc(stub_->Connect(&context, request, &response));
    if (!status.ok()) return status;
    return response;
  }
  static v1::ConnectRequest Request(const std::string& key) {
    v1::ConnectRequest request;
    request.set_parent("namespaces/default");
    request.mutable_key()->set_name(key);
    request.mutable_spec()->set_image("demo");
    return request;
  }

  ApiServer server_;
  std::unique_ptr<v1::Sessions::Stub> stub_ = v1::Sessions::NewStub(server_.channel);
};

TEST_F(SessionsTest, ConnectAnswersWithAUrlThatHoldsASignedGrant) {
  v1::ConnectRequest request = Request("doc");
  request.mutable_grant()->set_user("zoe");
  (*request.mutable_grant()->mutable_claims()->mutable_fields())["role"].set_string_value("editor");
  request.mutable_grant()->mutable_ttl()->set_seconds(60);
  const absl::StatusOr<v1::ConnectResponse> response = Connect(request);
  ASSERT_TRUE(response.ok()) << response.status();
  EXPECT_TRUE(response->created());
  EXPECT_EQ(response->started_from(), v1::COLD);
  EXPECT_EQ(response->session().name(), "namespaces/default/sessions/s-doc");
  EXPECT_EQ(response->session().url(), "http://proxy.test:8080/s/s-doc/");
  EXPECT_EQ(response->url(), response->session().url() + "?spawner_token=" + response->token());
  const absl::StatusOr<Grant> grant =
      VerifyGrant(response->token(), server_.keys.verification, server_.clock.WallNow());
  ASSERT_TRUE(grant.ok()) << grant.status();
  EXPECT_EQ(*grant, (Grant{.id = "g-1",
                           .ns = "default",
                           .session = {"s-doc"},
                           .user = "zoe",
                           .claims_json = R"({"role":"editor"})",
                           .issued_at = server_.clock.WallNow(),
                           .expires_at = server_.clock.WallNow() + absl::Seconds(60)}));
}

TEST_F(SessionsTest, PublicSessionNeedsNoToken) {
  v1::ConnectRequest request = Request("doc");
  request.mutable_spec()->mutable_access()->set_mode(v1::PUBLIC);
  const absl::StatusOr<v1::ConnectResponse> response = Connect(request);
  ASSERT_TRUE(response.ok()) << response.status();
  EXPECT_EQ(response->url(), "http://proxy.test:8080/s/s-doc/");
  EXPECT_EQ(response->token(), "");
}

TEST_F(SessionsTest, PayloadHashIsOfEverythingButTheRequestId) {
  v1::ConnectRequest request = Request("doc");
  (*request.mutable_spec()->mutable_env())["A"] = "1";
  (*request.mutable_spec()->mutable_env())["B"] = "2";
  for (const char* id : {"r1", "r2", ""}) {
    request.set_request_id(id);
    ASSERT_TRUE(Connect(request).ok());
  }
  request.set_request_id("r1");
  request.mutable_grant()->set_user("other");
  ASSERT_TRUE(Connect(request).ok());
  server_.loop.Run([this] {
    const auto& connects = server_.service.connects;
    EXPECT_EQ(connects[0].payload_hash.size(), 52u);
    EXPECT_EQ(connects[0].payload_hash, connects[1].payload_hash);
    EXPECT_EQ(connects[2].payload_hash, "");
    EXPECT_NE(connects[0].payload_hash, connects[3].payload_hash);
  });
}

TEST_F(SessionsTest, ConnectNamesTheFieldThatIsWrong) {
  struct Case {
    std::function<void(v1::ConnectRequest&)> change;
    std::string message;
  };
  const Case cases[] = {
      {[](auto& r) { r.set_parent("default"); },
       "parent: must be namespaces/{namespace}, each part of 1 to 63 characters of a-z, 0-9 and "
       "'-'"},
      {[](auto& r) { r.mutable_key()->set_name(std::string(257, 'k')); },
       "key.name: 257 bytes; at most 256 are allowed"},
      {[](auto& r) { r.mutable_key()->set_name("a\tb"); },
       "key.name: control characters are not allowed"},
      {[](auto& r) { r.mutable_key()->set_tag("a\nb"); },
       "key.tag: control characters are not allowed"},
      {[](auto& r) { r.mutable_spec()->set_port(70000); },
       "spec.port: 70000 is not within 1 to 65535"},
      {[](auto& r) { r.mutable_spec()->set_image("Not An Image"); },
       "spec.image: \"Not An Image\" is no image reference; write it as registry/name:tag in lower "
       "case"},
      {[](auto& r) { r.mutable_spec()->mutable_idle()->mutable_grace()->set_seconds(-5); },
       "spec.idle.grace: must not be negative"},
      {[](auto& r) { r.mutable_grant()->mutable_ttl()->set_seconds(90'000); },
       "grant.ttl: 25h is not within 1s to 24h"},
      {[](auto& r) { r.mutable_grant()->mutable_ttl(); }, "grant.ttl: 0 is not within 1s to 24h"},
      {[](auto& r) { r.set_request_id(std::string(129, 'r')); },
       "request_id: 129 bytes; at most 128 are allowed"},
      {[](auto& r) { (*r.mutable_spec()->mutable_env())["X"] = std::string(1 << 20, 'x'); },
       "request: 1048624 bytes; at most 262144 are allowed. Put data into the image, or where the "
       "backend can fetch it"},
      {[](auto& r) { r.mutable_key()->clear_name(), r.clear_spec(); },
       "spec: is missing; without a key there is no session to connect to"},
  };
  for (const Case& one : cases) {
    v1::ConnectRequest request = Request("doc");
    one.change(request);
    const absl::Status status = Connect(request).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << status;
    EXPECT_EQ(status.message(), one.message);
    EXPECT_EQ(ReasonOf(status), "INVALID_FIELD");
  }
  server_.loop.Run([this] { EXPECT_TRUE(server_.service.connects.empty()); });
}

TEST_F(SessionsTest, ADrainOfANodeNamesIt) {
  grpc::ClientContext context;
  v1::DrainNodeResponse response;
  const grpc::Status status =
      v1::Admin::NewStub(server_.channel)->DrainNode(&context, {}, &response);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(status.error_message(), "node: is missing: a name as of kubectl get nodes");
}

TEST_F(SessionsTest, OnlyServedNamespacesAreReached) {
  v1::ConnectRequest request = Request("doc");
  request.set_parent("namespaces/kube-system");
  const absl::Status status = Connect(request).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kPermissionDenied);
  EXPECT_EQ(ReasonOf(status), "NAMESPACE_FORBIDDEN");
  EXPECT_EQ(status.message(),
            "namespace kube-system is not served here; served are default, team-a; name one of "
            "them, or serve it by --namespace");
}

TEST_F(SessionsTest, CoreErrorsKeepReasonAndWait) {
  server_.loop.Run([this] {
    server_.service.on_connect = [](const core::ConnectParams&,
                                    const core::Service::ConnectDone& done) {
      done(WithRetryAfter(WithReason(absl::ResourceExhaustedError("full"), "QUOTA_SESSIONS"),
                          absl::Seconds(2)));
    };
  });
  const absl::Status status = Connect(Request("doc")).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(ReasonOf(status), "QUOTA_SESSIONS");
  EXPECT_EQ(RetryAfterOf(status), absl::Seconds(2));
}

TEST_F(SessionsTest, GetListAndTerminate) {
  ASSERT_TRUE(Connect(Request("doc")).ok());
  v1::GetSessionRequest get;
  get.set_name("namespaces/default/sessions/s-doc");
  v1::Session session;
  grpc::ClientContext get_context;
  ASSERT_TRUE(stub_->GetSession(&get_context, get, &session).ok());
  EXPECT_EQ(session.key().name(), "doc");
  get.set_name("namespaces/default/sessions/none");
  grpc::ClientContext none_context;
  const absl::Status none = FromGrpc(stub_->GetSession(&none_context, get, &session));
  EXPECT_EQ(ReasonOf(none), "SESSION_NOT_FOUND");

  v1::ListSessionsRequest list;
  list.set_parent("namespaces/-");
  list.set_filter("state=READY");
  list.set_page_size(7);
  v1::ListSessionsResponse page;
  grpc::ClientContext list_context;
  ASSERT_TRUE(stub_->ListSessions(&list_context, list, &page).ok());
  EXPECT_EQ(page.sessions_size(), 1);
  server_.loop.Run([this] {
    EXPECT_EQ(server_.service.last_list.ns, "");
    EXPECT_EQ(server_.service.last_list.page_size, 7);
    EXPECT_EQ(server_.service.last_list.state, SessionState::kReady);
  });
  list.set_page_size(1001);
  grpc::ClientContext size_context;
  EXPECT_EQ(stub_->ListSessions(&size_context, list, &page).error_message(),
            "page_size: 1001 is not within 1 to 1000 (0: the default of 100)");

  v1::TerminateSessionRequest terminate;
  terminate.set_name("namespaces/default/sessions/s-doc");
  terminate.set_hard(true);
  terminate.set_epoch(9);
  grpc::ClientContext terminate_context;
  ASSERT_TRUE(stub_->TerminateSession(&terminate_context, terminate, &session).ok());
  EXPECT_EQ(session.state(), v1::TERMINATING);
  server_.loop.Run([this] {
    EXPECT_TRUE(server_.service.terminates[0].hard);
    EXPECT_EQ(server_.service.terminates[0].epoch.value, 9u);
  });
}

TEST_F(SessionsTest, APageIsFilledInAsManyTurnsAsTheCoreTakes) {
  for (const char* key : {"a", "b", "c", "d", "e", "f"}) ASSERT_TRUE(Connect(Request(key)).ok());
  v1::ListSessionsRequest list;
  list.set_parent("namespaces/default");
  list.set_page_size(5);
  v1::ListSessionsResponse page;
  grpc::ClientContext first_context;
  ASSERT_TRUE(stub_->ListSessions(&first_context, list, &page).ok());
  ASSERT_EQ(page.sessions_size(), 5);
  EXPECT_EQ(page.sessions(4).key().name(), "e");
  list.set_page_token(page.next_page_token());
  grpc::ClientContext last_context;
  page.Clear();
  ASSERT_TRUE(stub_->ListSessions(&last_context, list, &page).ok());
  ASSERT_EQ(page.sessions_size(), 1);
  EXPECT_EQ(page.sessions(0).key().name(), "f");
  EXPECT_EQ(page.next_page_token(), "");
}

TEST_F(SessionsTest, WatchSendsTheListThenChangesAndIsCancelledWithItsClient) {
  ASSERT_TRUE(Connect(Request("doc")).ok());
  v1::WatchSessionsRequest request;
  request.set_parent("namespaces/default");
  grpc::ClientContext context;
  const auto stream = stub_->WatchSessions(&context, request);
  v1::WatchSessionsResponse event;
  ASSERT_TRUE(stream->Read(&event));
  EXPECT_EQ(event.type(), v1::WatchSessionsResponse::ADDED);
  EXPECT_EQ(event.session().key().name(), "doc");
  ASSERT_TRUE(stream->Read(&event));
  EXPECT_EQ(event.type(), v1::WatchSessionsResponse::BOOKMARK);
  EXPECT_EQ(event.version(), "1");
  server_.loop.Run([this] {
    ASSERT_EQ(server_.service.watches.size(), 1u);
    server_.service.watches.begin()->second->OnWatchEvent(
        {core::WatchEventType::kDeleted, FakeService::Share(FakeService::MakeSession("s-doc")),
         "2"});
  });
  ASSERT_TRUE(stream->Read(&event));
  EXPECT_EQ(event.type(), v1::WatchSessionsResponse::DELETED);
  context.TryCancel();
  server_.loop.WaitUntil([this] { return server_.service.watches.empty(); });
  EXPECT_EQ(stream->Finish().error_code(), grpc::StatusCode::CANCELLED);
}

TEST_F(SessionsTest, WatchThatIsTooOldOrEndedSaysSo) {
  v1::WatchSessionsRequest request;
  request.set_parent("namespaces/default");
  request.set_resume_version("old");
  grpc::ClientContext old_context;
  v1::WatchSessionsResponse event;
  const auto old = stub_->WatchSessions(&old_context, request);
  EXPECT_FALSE(old->Read(&event));
  EXPECT_EQ(ReasonOf(FromGrpc(old->Finish())), "VERSION_EXPIRED");

  request.clear_resume_version();
  grpc::ClientContext context;
  const auto stream = stub_->WatchSessions(&context, request);
  ASSERT_TRUE(stream->Read(&event));
  server_.loop.Run([this] {
    core::Watcher* watcher = server_.service.watches.begin()->second;
    int taken = 0;
    while (watcher->OnWatchEvent({core::WatchEventType::kModified, FakeService::Share({}), "3"}))
      ++taken;
    EXPECT_LE(taken, 4'096 + 1);
    server_.service.watches.clear();
    watcher->OnWatchEnd(absl::ResourceExhaustedError("too slow"));
  });
  while (stream->Read(&event)) {
  }
  EXPECT_EQ(stream->Finish().error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
}

TEST_F(SessionsTest, CallWhoseDeadlineIsOverIsClosedThoughTheCoreAnswersLater) {
  core::Service::ConnectDone late;
  server_.loop.Run([this, &late] {
    server_.service.on_connect = [&late](const core::ConnectParams&,
                                         core::Service::ConnectDone done) {
      late = std::move(done);
    };
  });
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + std::chrono::milliseconds(50));
  v1::ConnectResponse response;
  EXPECT_EQ(stub_->Connect(&context, Request("doc"), &response).error_code(),
            grpc::StatusCode::DEADLINE_EXCEEDED);
  server_.loop.WaitUntil([&late] { return late != nullptr; });
  server_.loop.Run([&late] {
    late(core::ConnectResult{.session = FakeService::MakeSession("s-doc")});
    late = nullptr;
  });
}

TEST_F(SessionsTest, DrainAnswersWhatIsInFlightAndCancelsTheRest) {
  server_.loop.Run([this] {
    server_.service.on_connect = [](const core::ConnectParams&, const core::Service::ConnectDone&) {
    };  // never
  });
  grpc::ClientContext context;
  v1::ConnectResponse response;
  std::thread caller([&] {
    const grpc::Status status = stub_->Connect(&context, Request("doc"), &response);
    EXPECT_FALSE(status.ok());
  });
  server_.loop.WaitUntil([this] { return server_.service.connects.size() == 1; });
  server_.port.Drain(absl::Milliseconds(50));
  caller.join();
}

TEST_F(SessionsTest, BeforeThereIsACoreCallsSayWhy) {
  server_.loop.Run([this] {
    server_.edge.Close();
    server_.edge.SetNotReadyReason("keys: get secrets: connection refused");
  });
  const absl::Status status = Connect(Request("doc")).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(ReasonOf(status), "KUBERNETES_UNREACHABLE");
  EXPECT_EQ(status.message(),
            "this controller is not ready: keys: get secrets: connection refused; try again");
  EXPECT_EQ(RetryAfterOf(status), absl::Seconds(1));
}

TEST_F(SessionsTest, StatusShowsWhatTheCoreKnows) {
  server_.loop.Run([this] {
    core::CoreStatus& status = server_.service.status;
    status.controller_id = "c-1";
    status.is_leader = true;
    status.kubernetes_status = absl::UnavailableError("connection refused");
    status.sessions[SessionState::kReady] = 3;
    status.proxies.push_back({.id = "p", .is_connected = true, .connections = 2});
  });
  grpc::ClientContext context;
  v1::GetStatusResponse response;
  ASSERT_TRUE(v1::Admin::NewStub(server_.channel)->GetStatus(&context, {}, &response).ok());
  EXPECT_EQ(response.controller_id(), "c-1");
  EXPECT_FALSE(response.kubernetes_reachable());
  EXPECT_EQ(response.kubernetes_error(), "connection refused");
  EXPECT_EQ(response.sessions_by_state().at("READY"), 3);
  EXPECT_EQ(response.proxies(0).connections(), 2);
  EXPECT_EQ(response.start_time().seconds(), absl::ToUnixSeconds(server_.clock.WallNow()));
}

TEST(GrpcPort, AnOldConnectionTakesNoNewCallsAndItsStreamsGoOn) {
  ApiServer server;
  GrpcPort port(server.edge);
  ASSERT_TRUE(port.Start({"127.0.0.1", 0}, {}, absl::Milliseconds(300)).ok());
  const auto channel = grpc::CreateChannel(absl::StrCat("127.0.0.1:", port.port()),
                                           grpc::InsecureChannelCredentials());
  const auto stub = v1::Sessions::NewStub(channel);
  v1::WatchSessionsRequest request;
  request.set_parent("namespaces/default");
  grpc::ClientContext context;
  const auto stream = stub->WatchSessions(&context, request);
  v1::WatchSessionsResponse event;
  ASSERT_TRUE(stream->Read(&event));
  EXPECT_EQ(event.type(), v1::WatchSessionsResponse::BOOKMARK);
  ASSERT_TRUE(channel->WaitForStateChange(
      GRPC_CHANNEL_READY, std::chrono::system_clock::now() + std::chrono::seconds(10)));
  EXPECT_EQ(channel->GetState(/*try_to_connect=*/false), GRPC_CHANNEL_IDLE);
  server.loop.Run([&server] {
    ASSERT_EQ(server.service.watches.size(), 1u);
    server.service.watches.begin()->second->OnWatchEvent(
        {core::WatchEventType::kModified, FakeService::Share(FakeService::MakeSession("s-doc")),
         "2"});
  });
  ASSERT_TRUE(stream->Read(&event));
  EXPECT_EQ(event.session().name(), "namespaces/default/sessions/s-doc");
  v1::GetStatusResponse response;
  grpc::ClientContext next;
  EXPECT_TRUE(v1::Admin::NewStub(channel)->GetStatus(&next, {}, &response).ok())
      << "a new connection";
  context.TryCancel();
  server.loop.WaitUntil([&server] { return server.service.watches.empty(); });
  stream->Finish();
}

TEST(GrpcPort, SaysThatAPortIsInUse) {
  ApiServer first;
  ApiServer second;
  GrpcPort port(second.edge);
  const absl::Status status = port.Start({"127.0.0.1", static_cast<uint16_t>(first.port.port())});
  EXPECT_EQ(status.message(),
            absl::StrCat("listen on 127.0.0.1:", first.port.port(),
                         ": the address can't be bound; is the port in use, or not ours?"));
}

}  // namespace
}  // namespace spawner::api
