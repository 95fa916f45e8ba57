#include <memory>
#include <string>

#include "absl/strings/str_cat.h"
#include "controller/api/api_fixture.h"
#include "controller/api/limits.h"
#include "spawner/v1/sessions.grpc.pb.h"

namespace spawner::api {
namespace {

class LogsTest : public ::testing::Test {
 protected:
  LogsTest() {
    request_.set_name("namespaces/default/sessions/s-doc");
    server_.loop.Run(
        [this] { server_.service.sessions["s-doc"] = FakeService::MakeSession("s-doc"); });
  }
  void Open() { stream_ = stub_->StreamLogs(&context_, request_); }
  // Waits until the `n`th log is asked for.
  core::LogQuery Asked(core::LogSource::ReadId n) {
    core::LogQuery query;
    server_.loop.WaitUntil([this, n] { return server_.logs.last_id >= n; });
    server_.loop.Run([this, n, &query] { query = server_.logs.open.at(n).query; });
    return query;
  }
  void Text(const std::string& text) {
    server_.loop.Run([this, &text] { server_.logs.Text(text); });
  }
  void End(const absl::Status& status) {
    server_.loop.Run([this, &status] { server_.logs.End(status); });
  }
  // All that comes until the end.
  std::string Rest() {
    std::string text;
    v1::StreamLogsResponse response;
    while (stream_->Read(&response)) text += response.content();
    return text;
  }
  absl::Status Finish() { return FromGrpc(stream_->Finish()); }
  static absl::Status NoLog() {
    return WithReason(absl::FailedPreconditionError("waiting to start"), "LOG_UNAVAILABLE");
  }

  ApiServer server_;
  v1::StreamLogsRequest request_;
  grpc::ClientContext context_;
  std::unique_ptr<grpc::ClientReader<v1::StreamLogsResponse>> stream_;
  std::unique_ptr<v1::Sessions::Stub> stub_ = v1::Sessions::NewStub(server_.channel);
};

TEST_F(LogsTest, GivesTheLogOfTheSessionsPod) {
  request_.set_tail_lines(0);
  request_.mutable_since()->set_seconds(90);
  Open();
  const core::LogQuery query = Asked(1);
  EXPECT_EQ(query.ns, "default");
  EXPECT_EQ(query.pod, "s-doc-1");
  EXPECT_FALSE(query.follow);
  EXPECT_EQ(query.tail_lines, 0);
  EXPECT_EQ(query.since, absl::Seconds(90));
  Text("one\n");
  Text("two\n");
  End(absl::OkStatus());
  EXPECT_EQ(Rest(), "one\ntwo\n");
  EXPECT_EQ(Finish(), absl::OkStatus());
}

TEST_F(LogsTest, SaysWhatIsWrong) {
  server_.loop.Run([this] { server_.service.sessions.clear(); });
  Open();
  EXPECT_EQ(Rest(), "");
  EXPECT_EQ(ReasonOf(Finish()), "SESSION_NOT_FOUND");

  grpc::ClientContext context;
  request_.set_tail_lines(-1);
  stream_ = stub_->StreamLogs(&context, request_);
  EXPECT_EQ(Rest(), "");
  const absl::Status negative = Finish();
  EXPECT_EQ(ReasonOf(negative), "INVALID_FIELD");
  EXPECT_NE(negative.message().find("tail_lines"), std::string::npos) << negative;
}

TEST_F(LogsTest, WithoutFollowASessionThatHasNotStartedHasNoLog) {
  server_.loop.Run([this] { server_.service.sessions["s-doc"].state = SessionState::kStarting; });
  Open();
  Asked(1);
  End(NoLog());
  EXPECT_EQ(Rest(), "");
  const absl::Status status = Finish();
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(ReasonOf(status), "LOG_UNAVAILABLE");
  EXPECT_EQ(status.message(), "log of session s-doc: waiting to start");
}

TEST_F(LogsTest, FollowingWaitsForTheStart) {
  server_.loop.Run([this] { server_.service.sessions["s-doc"].state = SessionState::kStarting; });
  request_.set_follow(true);
  Open();
  EXPECT_TRUE(Asked(1).follow);
  End(NoLog());
  EXPECT_EQ(Asked(2).delay, kLogRetry);
  End(NoLog());
  Asked(3);
  Text("up\n");
  v1::StreamLogsResponse response;
  ASSERT_TRUE(stream_->Read(&response));
  EXPECT_EQ(response.content(), "up\n");
  // Not for ever: what has ended will not start.
  server_.loop.Run([this] { server_.service.sessions["s-doc"].state = SessionState::kTerminated; });
  End(NoLog());
  EXPECT_EQ(Rest(), "");
  EXPECT_EQ(ReasonOf(Finish()), "LOG_UNAVAILABLE");
}

TEST_F(LogsTest, ASlowReaderMakesTheSenderWaitAndGetsAll) {
  request_.set_follow(true);
  Open();
  Asked(1);
  std::string sent;
  bool is_paused = false;
  // Nobody reads: gRPC's own buffers fill, then ours.
  for (int i = 0; i < 10'000 && !is_paused; ++i) {
    const std::string piece(16 << 10, static_cast<char>('a' + i % 26));
    sent += piece;
    Text(piece);
    server_.loop.Run([this, &is_paused] { is_paused = server_.logs.open.at(1).is_paused; });
  }
  ASSERT_TRUE(is_paused);
  End(absl::OkStatus());
  EXPECT_EQ(Rest(), sent);
  EXPECT_EQ(Finish(), absl::OkStatus());
}

TEST_F(LogsTest, AReaderThatCatchesUpIsSentMore) {
  request_.set_follow(true);
  Open();
  Asked(1);
  Text(std::string(2 * kLogOutboxBytesMax, 'x'));
  size_t size = 0;
  v1::StreamLogsResponse response;
  while (size < 2 * kLogOutboxBytesMax && stream_->Read(&response)) {
    EXPECT_LE(response.content().size(), kLogMessageBytesMax);
    size += response.content().size();
  }
  server_.loop.WaitUntil([this] { return !server_.logs.open.at(1).is_paused; });
  context_.TryCancel();
  server_.loop.WaitUntil([this] { return server_.logs.open.empty(); });
  EXPECT_EQ(Finish().code(), absl::StatusCode::kCancelled);
}

TEST_F(LogsTest, AStandbyAsksTheLeaderForThePodAndReadsItself) {
  ApiServer leader;
  leader.loop.Run([&leader] {
    SessionView view = FakeService::MakeSession("s-new");
    view.pod = "s-new-9";
    leader.service.sessions["s-new"] = view;
  });
  server_.loop.Run([this, &leader] {
    server_.service.status.leader_address = absl::StrCat("127.0.0.1:", leader.port.port());
  });
  request_.set_name("namespaces/default/sessions/s-new");
  Open();
  EXPECT_EQ(Asked(1).pod, "s-new-9");
  Text("one\n");
  End(absl::OkStatus());
  EXPECT_EQ(Rest(), "one\n");
  EXPECT_EQ(Finish(), absl::OkStatus());

  request_.set_name("namespaces/default/sessions/s-doc");  // the standby's alone
  grpc::ClientContext unknown;
  stream_ = stub_->StreamLogs(&unknown, request_);
  EXPECT_EQ(Rest(), "");
  EXPECT_EQ(ReasonOf(Finish()), "SESSION_NOT_FOUND");

  server_.loop.Run([this] { server_.service.status.leader_address = "127.0.0.1:1"; });
  grpc::ClientContext alone;
  stream_ = stub_->StreamLogs(&alone, request_);
  EXPECT_EQ(Asked(2).pod, "s-doc-1");
  End(absl::OkStatus());
  EXPECT_EQ(Rest(), "");
  EXPECT_EQ(Finish(), absl::OkStatus());
}

TEST_F(LogsTest, TheControllersEndEndsIt) {
  request_.set_follow(true);
  Open();
  Asked(1);
  server_.loop.Run([this] { server_.edge.EndStreams(); });
  EXPECT_EQ(Rest(), "");
  EXPECT_EQ(ReasonOf(Finish()), "NO_LEADER");
  server_.loop.Run([this] {
    EXPECT_TRUE(server_.logs.open.empty());
    EXPECT_TRUE(server_.edge.IsQuiet());
  });
}

}  // namespace
}  // namespace spawner::api
