#include "controller/core/pod_logs.h"

#include <gtest/gtest.h>

#include <optional>
#include <string>

#include "base/status.h"
#include "controller/kube/fake_http_transport.h"

namespace spawner::core {
namespace {

class Recorder final : public LogReader {
 public:
  void OnLogText(absl::string_view chunk) override {
    text.append(chunk.data(), chunk.size());
    if (cancels != nullptr) cancels->Cancel(id);
  }
  void OnLogEnd(const absl::Status& status) override { end = status; }

  LogSource* cancels = nullptr;  // at the first text
  LogSource::ReadId id = 0;
  std::string text;
  std::optional<absl::Status> end;
};

class PodLogsTest : public testing::Test {
 protected:
  // Its request is sent at once.
  void Start(const LogQuery& query) {
    reader_.id = logs_.Start(query, &reader_);
    logs_.Step(clock_.Now());
  }

  FakeClock clock_;
  kube::FakeHttpTransport transport_;
  PodLogs logs_{transport_, clock_};
  Recorder reader_;
};

TEST_F(PodLogsTest, ReadsALogOnce) {
  Start({.ns = "a", .pod = "p"});
  ASSERT_EQ(transport_.sent().size(), 1u);
  EXPECT_EQ(transport_.sent()[0].method, "GET");
  EXPECT_EQ(transport_.sent()[0].path, "/api/v1/namespaces/a/pods/p/log?container=backend");
  EXPECT_LT(transport_.sent()[0].timeout, absl::InfiniteDuration());
  transport_.Answer(1, 200, "one\ntwo\n");
  EXPECT_EQ(reader_.text, "one\ntwo\n");
  EXPECT_EQ(reader_.end, absl::OkStatus());
  EXPECT_EQ(logs_.NextWake(), Instant::Infinite());
}

TEST_F(PodLogsTest, AsksForTheContainerThatServes) {
  Start({.ns = "a", .pod = "p", .container = "main"});
  EXPECT_EQ(transport_.sent()[0].path, "/api/v1/namespaces/a/pods/p/log?container=main");
}

TEST_F(PodLogsTest, AsksForAPartAndForWhatComes) {
  Start(
      {.ns = "a", .pod = "p", .follow = true, .tail_lines = 0, .since = absl::Milliseconds(1500)});
  EXPECT_EQ(transport_.sent()[0].path,
            "/api/v1/namespaces/a/pods/p/log?container=backend&follow=true&tailLines=0"
            "&sinceSeconds=2");
  EXPECT_EQ(transport_.sent()[0].timeout, absl::InfiniteDuration());
}

TEST_F(PodLogsTest, ThePodMayHaveNoLogYetOrNoMore) {
  for (const int code : {204, 400, 404}) {
    Start({.ns = "a", .pod = "p"});
    transport_.Answer(
        transport_.last(), code,
        code == 204 ? "" : R"({"kind":"Status","message":"container is waiting to start"})");
    ASSERT_TRUE(reader_.end.has_value());
    EXPECT_EQ(reader_.end->code(), absl::StatusCode::kFailedPrecondition);
    EXPECT_EQ(ReasonOf(*reader_.end), "LOG_UNAVAILABLE");
    EXPECT_NE(reader_.end->message().find("get pods/log a/p"), std::string::npos) << *reader_.end;
    EXPECT_NE(reader_.end->message().find(code == 204 ? "node" : "waiting to start"),
              std::string::npos)
        << *reader_.end;
    EXPECT_EQ(reader_.text, "");
  }
}

TEST_F(PodLogsTest, OtherErrorsSayWhatTheyAre) {
  Start({.ns = "a", .pod = "p"});
  transport_.Answer(1, 403, R"({"kind":"Status","message":"pods \"p\" is forbidden"})");
  EXPECT_EQ(reader_.end->code(), absl::StatusCode::kPermissionDenied);
  Start({.ns = "a", .pod = "p"});
  transport_.Head(2, 200);
  transport_.Data(2, "one\n");
  transport_.End(2, absl::UnavailableError("reset"));
  EXPECT_EQ(reader_.text, "one\n");
  EXPECT_EQ(ReasonOf(*reader_.end), "KUBERNETES_UNREACHABLE");
}

TEST_F(PodLogsTest, WaitsBeforeItAsksAgain) {
  Start({.ns = "a", .pod = "p", .delay = absl::Seconds(1)});
  EXPECT_TRUE(transport_.sent().empty());
  EXPECT_EQ(logs_.NextWake(), clock_.Now() + absl::Seconds(1));
  clock_.Advance(absl::Seconds(1));
  logs_.Step(clock_.Now());
  EXPECT_EQ(transport_.sent().size(), 1u);
}

TEST_F(PodLogsTest, PausesAndCancels) {
  Start({.ns = "a", .pod = "p", .follow = true});
  EXPECT_TRUE(transport_.sent()[0].is_pausable);
  logs_.SetPaused(reader_.id, true);
  EXPECT_TRUE(transport_.IsPaused(1));
  logs_.SetPaused(reader_.id, false);
  EXPECT_FALSE(transport_.IsPaused(1));
  reader_.cancels = &logs_;
  transport_.Head(1, 200);
  transport_.Data(1, "one\n");
  EXPECT_FALSE(transport_.IsOpen(1));
  EXPECT_FALSE(reader_.end.has_value());
  logs_.Cancel(reader_.id);  // over: ignored
}

}  // namespace
}  // namespace spawner::core
