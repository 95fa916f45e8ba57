#include "cli/session_watch.h"

#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>

#include <deque>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "cli/retry.h"
#include "google/rpc/error_details.pb.h"
#include "spawner/v1/sessions.grpc.pb.h"

namespace spawner::cli {
namespace {

using Event = v1::WatchSessionsResponse;

grpc::Status Refusal(grpc::StatusCode code, const std::string& reason) {
  google::rpc::ErrorInfo info;
  info.set_reason(reason);
  google::rpc::RetryInfo retry;
  retry.mutable_retry_delay()->set_nanos(1'000'000);
  google::rpc::Status details;
  details.add_details()->PackFrom(info);
  details.add_details()->PackFrom(retry);
  return {code, "said so", details.SerializeAsString()};
}
grpc::Status NoLeader() { return Refusal(grpc::StatusCode::UNAVAILABLE, "NO_LEADER"); }

Event Change(Event::Type type, const std::string& id, int connections, const std::string& version) {
  Event event;
  event.set_type(type);
  event.set_version(version);
  event.mutable_session()->set_name(absl::StrCat("namespaces/default/sessions/", id));
  event.mutable_session()->set_epoch(1);
  event.mutable_session()->set_connections(connections);
  return event;
}
Event Listed(const std::string& id, int connections) {
  return Change(Event::ADDED, id, connections, "");
}
Event Bookmark(const std::string& version) {
  Event event;
  event.set_type(Event::BOOKMARK);
  event.set_version(version);
  return event;
}

// One watch: what it answers, and how it ends.
struct Stream {
  std::vector<Event> events;
  grpc::Status end;
};

// Serves the streams that a test has laid down, one a call; refuses once they are used up.
class ScriptedSessions final : public v1::Sessions::Service {
 public:
  explicit ScriptedSessions(std::deque<Stream> script) : script_(std::move(script)) {}

  grpc::Status WatchSessions(grpc::ServerContext*, const v1::WatchSessionsRequest* request,
                             grpc::ServerWriter<Event>* writer) override {
    const std::lock_guard<std::mutex> lock(mutex_);
    asked_.push_back(request->resume_version());
    if (script_.empty()) return {grpc::StatusCode::INTERNAL, "the script is over"};
    const Stream stream = script_.front();
    script_.pop_front();
    for (const Event& event : stream.events) writer->Write(event);
    return stream.end;
  }
  std::vector<std::string> asked() {
    const std::lock_guard<std::mutex> lock(mutex_);
    return asked_;
  }

 private:
  std::mutex mutex_;
  std::deque<Stream> script_;       // guarded by mutex_
  std::vector<std::string> asked_;  // the resume versions; guarded by mutex_
};

// A watch of everything over such a script.
struct Watched {
  grpc::Status status;
  std::vector<std::string> events;  // "ADDED a 0"
  std::vector<std::string> notices;
  std::vector<std::string> asked;
};

Watched Watch(std::deque<Stream> script, size_t events_max = 100,
              const v1::Session* known = nullptr) {
  ScriptedSessions service(std::move(script));
  grpc::ServerBuilder builder;
  int port = 0;
  builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(), &port);
  builder.RegisterService(&service);
  const std::unique_ptr<grpc::Server> server = builder.BuildAndStart();
  const InterruptFlag interrupted{false};
  Client client({.address = absl::StrCat("127.0.0.1:", port), .token = ""}, interrupted);
  Watched watched;
  SessionWatch watch(
      client, "default",
      {.is_wanted = [](const v1::Session&) { return true; },
       .is_same = [](const v1::Session& a,
                     const v1::Session& b) { return a.connections() == b.connections(); },
       .on_event =
           [&](const Event& event) {
             const std::string& name = event.session().name();
             watched.events.push_back(absl::StrCat(Event::Type_Name(event.type()), " ",
                                                   name.substr(name.rfind('/') + 1), " ",
                                                   event.session().connections()));
             return watched.events.size() < events_max;
           },
       .on_listed =
           [&] {
             watched.events.push_back("listed");
             return true;
           },
       .on_notice = [&](const std::string& line) { watched.notices.push_back(line); }});
  if (known != nullptr) watch.Know(*known);
  watched.status = watch.Run();
  watched.asked = service.asked();
  return watched;
}

using Lines = std::vector<std::string>;

TEST(SessionWatch, ResumesFromTheLastVersionWhenTheLeaderChanges) {
  const Watched watched =
      Watch({{{Listed("a", 0), Bookmark("v1"), Change(Event::MODIFIED, "a", 1, "v2")}, NoLeader()},
             {{}, NoLeader()},
             {{Change(Event::MODIFIED, "a", 2, "v3"), Bookmark("v4")}, NoLeader()},
             {{Change(Event::ADDED, "b", 0, "v5")}, grpc::Status::OK}},
            5);
  EXPECT_TRUE(watched.status.ok()) << watched.status.error_message();
  EXPECT_EQ(watched.asked, (Lines{"", "v2", "v2", "v4"}));
  EXPECT_EQ(watched.events,
            (Lines{"ADDED a 0", "listed", "MODIFIED a 1", "MODIFIED a 2", "ADDED b 0"}));
  // Once for each loss, however many attempts it takes.
  ASSERT_EQ(watched.notices.size(), 4u);
  EXPECT_EQ(watched.notices[0], "lost the controller: said so [NO_LEADER]; trying again");
  EXPECT_EQ(watched.notices[1], "connected again");
}

TEST(SessionWatch, AVersionThatIsTooOldBringsANewListOfWhichOnlyDifferencesAreTold) {
  const Watched watched = Watch(
      {{{Listed("same", 0), Listed("used", 0), Listed("gone", 3), Bookmark("old-9")}, NoLeader()},
       {{}, Refusal(grpc::StatusCode::OUT_OF_RANGE, "VERSION_EXPIRED")},
       {{Listed("same", 0), Listed("used", 1), Listed("new", 0), Bookmark("new-1")}, NoLeader()},
       {{Change(Event::MODIFIED, "same", 7, "new-2")}, grpc::Status::OK}},
      8);
  EXPECT_TRUE(watched.status.ok());
  EXPECT_EQ(watched.asked, (Lines{"", "old-9", "", "new-1"}));
  EXPECT_EQ(watched.events,
            (Lines{"ADDED same 0", "ADDED used 0", "ADDED gone 3", "listed", "MODIFIED used 1",
                   "ADDED new 0", "DELETED gone 3", "MODIFIED same 7"}));
}

TEST(SessionWatch, AListThatBreaksOffBeginsAnewAndForgetsNothing) {
  const Watched watched =
      Watch({{{Listed("a", 0), Listed("b", 0)}, NoLeader()},
             {{Listed("a", 0), Listed("b", 1), Listed("c", 0), Bookmark("v1")}, grpc::Status::OK}},
            4);
  EXPECT_EQ(watched.asked, (Lines{"", ""}));
  EXPECT_EQ(watched.events, (Lines{"ADDED a 0", "ADDED b 0", "MODIFIED b 1", "ADDED c 0"}));
}

TEST(SessionWatch, TheFirstFailureIsTheAnswerBeforeAnythingWasSeen) {
  const Watched watched = Watch({{{}, NoLeader()}});
  EXPECT_EQ(watched.status.error_code(), grpc::StatusCode::UNAVAILABLE);
  EXPECT_EQ(watched.asked.size(), 1u);
  EXPECT_EQ(watched.notices, Lines{});
}

TEST(SessionWatch, WhatIsNoMatterOfWhoLeadsEndsIt) {
  const Watched watched =
      Watch({{{Bookmark("v1")}, Refusal(grpc::StatusCode::PERMISSION_DENIED, "TOKEN_EXPIRED")}});
  EXPECT_EQ(watched.status.error_code(), grpc::StatusCode::PERMISSION_DENIED);
  EXPECT_EQ(watched.asked.size(), 1u);
}

TEST(SessionWatch, GivesUpAfterManyFailuresInARow) {
  std::deque<Stream> script{{{Bookmark("v1")}, NoLeader()}};
  for (int i = 0; i < 2 * kAttemptsMax; ++i) script.push_back({{}, NoLeader()});
  const Watched watched = Watch(std::move(script));
  EXPECT_EQ(watched.status.error_code(), grpc::StatusCode::UNAVAILABLE);
  EXPECT_EQ(watched.asked.size(), static_cast<size_t>(kAttemptsMax));
}

TEST(SessionWatch, AKnownSessionThatNobodyRemembersIsDeleted) {
  const v1::Session known = Change(Event::ADDED, "run", 2, "").session();
  const Watched watched =
      Watch({{{}, NoLeader()}, {{Bookmark("v1")}, grpc::Status::OK}}, 1, &known);
  EXPECT_TRUE(watched.status.ok());
  EXPECT_EQ(watched.events, Lines{"DELETED run 2"});
}

TEST(Retry, WaitsAsLongAsItIsToldOrTwiceAsLongEachTime) {
  Retry retry;
  EXPECT_EQ(retry.Next(NoLeader()), absl::Milliseconds(1));
  const grpc::Status silent(grpc::StatusCode::UNAVAILABLE, "Socket closed");
  EXPECT_EQ(retry.Next(silent), 2 * kRetryMin);
  EXPECT_EQ(retry.Next(silent), 4 * kRetryMin);
  for (int i = 4; i < kAttemptsMax; ++i) EXPECT_LE(retry.Next(silent), kRetryMax);
  EXPECT_EQ(retry.Next(silent), absl::ZeroDuration());
  retry.Reset();
  EXPECT_EQ(retry.Next(silent), kRetryMin);
}

}  // namespace
}  // namespace spawner::cli
