#include "controller/api/backend_api.h"

#include <gtest/gtest.h>

#include <string>

#include "base/status.h"

namespace spawner::api {
namespace {

TEST(BackendApi, EveryStateOfASessionIsOneOfTheOriginals) {
  struct Row {
    v1::SessionState state;
    v1::StartPhase phase;
    v1::EndReason reason;
    const char* name;
  };
  for (const Row& row : {
           Row{v1::PENDING, v1::START_PHASE_UNSPECIFIED, v1::END_REASON_UNSPECIFIED, "Submitted"},
           Row{v1::STARTING, v1::START_PHASE_UNSPECIFIED, v1::END_REASON_UNSPECIFIED,
               "Constructed"},
           Row{v1::STARTING, v1::SCHEDULING, v1::END_REASON_UNSPECIFIED, "Constructed"},
           Row{v1::STARTING, v1::PULLING, v1::END_REASON_UNSPECIFIED, "Scheduled"},
           Row{v1::STARTING, v1::STARTED, v1::END_REASON_UNSPECIFIED, "Running"},
           Row{v1::STARTING, v1::ROUTING, v1::END_REASON_UNSPECIFIED, "Running"},
           Row{v1::READY, v1::START_PHASE_UNSPECIFIED, v1::END_REASON_UNSPECIFIED, "Ready"},
           Row{v1::DRAINING, v1::START_PHASE_UNSPECIFIED, v1::END_REASON_UNSPECIFIED, "Ready"},
           Row{v1::TERMINATING, v1::START_PHASE_UNSPECIFIED, v1::IDLE, "Swept"},
           Row{v1::TERMINATED, v1::START_PHASE_UNSPECIFIED, v1::EXITED, "Swept"},
           Row{v1::TERMINATED, v1::START_PHASE_UNSPECIFIED, v1::CRASHED, "Failed"},
           Row{v1::TERMINATED, v1::START_PHASE_UNSPECIFIED, v1::NODE_LOST, "Failed"},
       }) {
    v1::Session session;
    session.set_state(row.state);
    session.set_phase(row.phase);
    session.set_reason(row.reason);
    EXPECT_EQ(Name(StateOf(session)), row.name) << session.ShortDebugString();
  }
}

TEST(BackendApi, SpawnReadsTheOriginalsFields) {
  const auto request = ReadSpawn(
      "team-a", R"({"image": "demo:1", "port": 9000, "env": {"A": "b"}, "gracePeriodSeconds": 7})");
  ASSERT_TRUE(request.ok()) << request.status();
  EXPECT_EQ(request->parent(), "namespaces/team-a");
  EXPECT_EQ(request->key().name(), "");
  EXPECT_EQ(request->spec().image(), "demo:1");
  EXPECT_EQ(request->spec().port(), 9000);
  EXPECT_EQ(request->spec().env().at("A"), "b");
  EXPECT_EQ(request->spec().idle().grace().seconds(), 7);
  EXPECT_EQ(request->spec().access().mode(), v1::PUBLIC);
}

TEST(BackendApi, SpawnNamesTheFieldThatIsWrong) {
  struct Row {
    const char* body;
    const char* message;  // begins with
  };
  for (const Row& row : {
           Row{"", "body: not JSON: empty"},
           Row{"{\"image\":", "body: not JSON: breaks at byte "},
           Row{"[]", "body: is not a JSON object"},
           Row{"{}", "image: is missing"},
           Row{R"({"image": 7})", "image: "},
           Row{R"({"image": "a", "grace_period_seconds": 7})",
               "\"grace_period_seconds\": is no field of POST /spawn; allowed are image"},
           Row{R"({"image": "a", "port": 0})", "port: is not within 1 to 65535"},
           Row{R"({"image": "a", "port": "80"})", "port: "},
           Row{R"({"image": "a", "port": 4294967376})", "port: is not within"},
           Row{R"({"image": "a", "gracePeriodSeconds": -1})", "gracePeriodSeconds: is negative"},
           Row{R"({"image": "a", "env": {"A": 1}})", "env"},
       }) {
    const absl::Status status = ReadSpawn("default", row.body).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << row.body;
    EXPECT_EQ(ReasonOf(status), "INVALID_FIELD") << row.body;
    EXPECT_EQ(std::string(status.message()).rfind(row.message, 0), 0u) << status;
  }
}

TEST(BackendApi, OnlyTheOneParameterIsTaken) {
  EXPECT_EQ(*OnlyParameter("/spawn", "namespace"), std::nullopt);
  EXPECT_EQ(*OnlyParameter("/spawn?", "namespace"), std::nullopt);
  EXPECT_EQ(*OnlyParameter("/spawn?namespace=team%2Da", "namespace"), "team-a");
  EXPECT_EQ(*OnlyParameter("/spawn?namespace", "namespace"), "");
  for (const char* target : {"/spawn?namespace=a&namespace=b", "/spawn?name=a",
                             "/spawn?namespace=%", "/spawn?namespace=%2", "/spawn?namespace=%zz"}) {
    EXPECT_EQ(ReasonOf(OnlyParameter(target, "namespace").status()), "INVALID_FIELD") << target;
  }
}

TEST(BackendApi, UrlsNameTheNamespaceOnlyWhereItIsNeeded) {
  EXPECT_EQ(BackendUrl("http://c:1", "default", "default", "x", "status"),
            "http://c:1/backend/x/status");
  EXPECT_EQ(BackendUrl("http://c:1", "default", "team-a", "x", "ready"),
            "http://c:1/backend/x/ready?namespace=team-a");
}

}  // namespace
}  // namespace spawner::api
