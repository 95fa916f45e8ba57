#include <memory>
#include <string>

#include "absl/strings/str_cat.h"
#include "controller/api/api_fixture.h"
#include "spawner/v1/admin.grpc.pb.h"
#include "spawner/v1/sessions.grpc.pb.h"

// Two controllers: the watch and the status of a standby, which come from the leader.
namespace spawner::api {
namespace {

class WatchRelayTest : public ::testing::Test {
 protected:
  WatchRelayTest() {
    leader_->loop.Run([this] {
      SessionView used = FakeService::MakeSession("s-doc");
      used.connections = 2;
      leader_->service.sessions["s-doc"] = used;
      leader_->service.status.controller_id = "leads";
      leader_->service.status.is_leader = true;
    });
    standby_.loop.Run([this] {
      standby_.service.sessions["s-doc"] = FakeService::MakeSession("s-doc");
      standby_.service.status.controller_id = "stands-by";
      Follow(absl::StrCat("127.0.0.1:", leader_->port.port()));
    });
  }
  // On the standby's loop.
  void Follow(const std::string& address) { standby_.service.status.leader_address = address; }

  using Stream = std::unique_ptr<grpc::ClientReader<v1::WatchSessionsResponse>>;
  Stream Watch(const std::string& resume_version = "") {
    v1::WatchSessionsRequest request;
    request.set_parent("namespaces/default");
    request.set_resume_version(resume_version);
    return stub_->WatchSessions(&context_, request);
  }
  // The initial list's: -1 if there is none.
  static int64_t ReadConnections(const Stream& stream) {
    v1::WatchSessionsResponse added, bookmark;
    if (!stream->Read(&added) || !stream->Read(&bookmark)) return -1;
    EXPECT_EQ(added.type(), v1::WatchSessionsResponse::ADDED);
    EXPECT_EQ(bookmark.type(), v1::WatchSessionsResponse::BOOKMARK);
    EXPECT_EQ(bookmark.version(), "1");
    return added.session().connections();
  }
  static void ExpectNoLeader(const Stream& stream) {
    v1::WatchSessionsResponse event;
    while (stream->Read(&event)) {
    }
    const absl::Status status = FromGrpc(stream->Finish());
    EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable) << status;
    EXPECT_EQ(ReasonOf(status), "NO_LEADER");
    EXPECT_EQ(RetryAfterOf(status), absl::Seconds(1));
  }
  v1::GetStatusResponse Status() {
    grpc::ClientContext context;
    v1::GetStatusResponse response;
    EXPECT_TRUE(v1::Admin::NewStub(standby_.channel)->GetStatus(&context, {}, &response).ok());
    return response;
  }

  std::unique_ptr<ApiServer> leader_ = std::make_unique<ApiServer>();
  ApiServer standby_;
  grpc::ClientContext context_;
  std::unique_ptr<v1::Sessions::Stub> stub_ = v1::Sessions::NewStub(standby_.channel);
};

TEST_F(WatchRelayTest, StandbyRelaysTheLeadersWatchUntilItsClientCancels) {
  const Stream stream = Watch("7");
  EXPECT_EQ(ReadConnections(stream), 2);
  leader_->loop.Run([this] {
    EXPECT_EQ(leader_->service.last_resume_version, "7");
    ASSERT_EQ(leader_->service.watches.size(), 1u);
    core::Watcher* const watcher = leader_->service.watches.begin()->second;
    watcher->OnWatchEvent(
        {core::WatchEventType::kDeleted, FakeService::Share(FakeService::MakeSession("s-x")), "8"});
    watcher->OnWatchEvent({core::WatchEventType::kBookmark, {}, "9"});
  });
  v1::WatchSessionsResponse event;
  ASSERT_TRUE(stream->Read(&event));
  EXPECT_EQ(event.type(), v1::WatchSessionsResponse::DELETED);
  EXPECT_EQ(event.version(), "8");
  ASSERT_TRUE(stream->Read(&event));
  EXPECT_EQ(event.version(), "9");
  standby_.loop.Run([this] { EXPECT_TRUE(standby_.service.watches.empty()); });

  context_.TryCancel();
  leader_->loop.WaitUntil([this] { return leader_->service.watches.empty(); });
  standby_.loop.WaitUntil([this] { return standby_.edge.IsQuiet(); });
  EXPECT_EQ(stream->Finish().error_code(), grpc::StatusCode::CANCELLED);
}

TEST_F(WatchRelayTest, WhatTheLeaderRefusesOrEndsIsRefusedAndEnded) {
  v1::WatchSessionsResponse event;
  const Stream old = Watch("old");
  EXPECT_FALSE(old->Read(&event));
  EXPECT_EQ(ReasonOf(FromGrpc(old->Finish())), "VERSION_EXPIRED");
  leader_->loop.Run([this] { EXPECT_EQ(leader_->service.last_resume_version, "old"); });

  // A watcher that is too slow for the leader's outbox.
  grpc::ClientContext context;
  v1::WatchSessionsRequest request;
  request.set_parent("namespaces/default");
  const Stream slow = stub_->WatchSessions(&context, request);
  EXPECT_EQ(ReadConnections(slow), 2);
  leader_->loop.Run([this] {
    core::Watcher* const watcher = leader_->service.watches.begin()->second;
    while (watcher->OnWatchEvent({core::WatchEventType::kBookmark, {}, "3"})) {
    }
    leader_->service.watches.clear();
    watcher->OnWatchEnd(absl::ResourceExhaustedError("too slow"));
  });
  while (slow->Read(&event)) {
  }
  EXPECT_EQ(slow->Finish().error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
}

TEST_F(WatchRelayTest, EndsWhenTheLeaderShutsDown) {
  const Stream stream = Watch();
  EXPECT_EQ(ReadConnections(stream), 2);
  leader_.reset();
  ExpectNoLeader(stream);
}

TEST_F(WatchRelayTest, EndsWhenTheLeaderIsGoneWithoutAWord) {
  const Stream stream = Watch();
  EXPECT_EQ(ReadConnections(stream), 2);
  leader_->port.Drain(absl::ZeroDuration());
  ExpectNoLeader(stream);
}

TEST_F(WatchRelayTest, EndsWhenAnotherControllerLeads) {
  standby_.loop.Run([this] { standby_.edge.SetLeader("leads"); });
  const Stream stream = Watch();
  EXPECT_EQ(ReadConnections(stream), 2);
  standby_.loop.Run([this] { standby_.edge.SetLeader("leads"); });
  leader_->loop.Run([this] { EXPECT_EQ(leader_->service.watches.size(), 1u); });
  standby_.loop.Run([this] { standby_.edge.SetLeader("another"); });
  ExpectNoLeader(stream);
  leader_->loop.WaitUntil([this] { return leader_->service.watches.empty(); });
}

TEST_F(WatchRelayTest, EndsWhenTheStandbyShutsDown) {
  const Stream stream = Watch();
  EXPECT_EQ(ReadConnections(stream), 2);
  standby_.loop.Run([this] { standby_.edge.EndStreams(); });
  ExpectNoLeader(stream);
  leader_->loop.WaitUntil([this] { return leader_->service.watches.empty(); });
}

TEST_F(WatchRelayTest, StandbyWatchesByItselfWhereTheLeaderDoesNotAnswerUntilAnotherDoes) {
  standby_.loop.Run([this] { Follow("127.0.0.1:1"); });
  const Stream stream = Watch();
  EXPECT_EQ(ReadConnections(stream), 0);
  // Nobody else knows more, while nobody leads and when it leads itself.
  standby_.loop.Run([this] {
    standby_.edge.SetLeader("");
    standby_.edge.SetLeader("stands-by");
    EXPECT_EQ(standby_.service.watches.size(), 1u);
  });
  standby_.loop.Run([this] { standby_.edge.SetLeader("another"); });
  ExpectNoLeader(stream);
}

// Two standbys, each of which takes the other for the leader.
TEST_F(WatchRelayTest, NothingIsRelayedTwice) {
  leader_->loop.Run([this] {
    leader_->service.status.is_leader = false;
    leader_->service.status.leader_address = absl::StrCat("127.0.0.1:", standby_.port.port());
  });
  EXPECT_EQ(Status().controller_id(), "stands-by");
  const Stream stream = Watch();
  EXPECT_EQ(ReadConnections(stream), 0);

  grpc::ClientContext forwarded;
  forwarded.AddMetadata("spawner-forwarded", "1");
  v1::WatchSessionsRequest request;
  request.set_parent("namespaces/default");
  standby_.loop.Run([this] { standby_.service.watches.clear(); });
  const Stream second = stub_->WatchSessions(&forwarded, request);
  EXPECT_EQ(ReadConnections(second), 0);
  standby_.loop.Run([this] { EXPECT_EQ(standby_.service.watches.size(), 1u); });
}

TEST_F(WatchRelayTest, StatusIsTheStandbysWithTheLeadersProxies) {
  leader_->loop.Run([this] {
    leader_->service.status.proxies.push_back({.id = "p", .is_connected = true, .connections = 2});
  });
  v1::GetStatusResponse status = Status();
  EXPECT_EQ(status.controller_id(), "stands-by");
  EXPECT_FALSE(status.is_leader());
  ASSERT_EQ(status.proxies_size(), 1);
  EXPECT_EQ(status.proxies(0).connections(), 2);

  standby_.loop.Run([this] { Follow("127.0.0.1:1"); });
  status = Status();
  EXPECT_EQ(status.controller_id(), "stands-by");
  EXPECT_EQ(status.proxies_size(), 0);
}

}  // namespace
}  // namespace spawner::api
