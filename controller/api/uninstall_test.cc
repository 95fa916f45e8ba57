#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "controller/api/api_fixture.h"
#include "spawner/v1/admin.grpc.pb.h"

// Two controllers: a Service leads to either, and either has to do.
namespace spawner::api {
namespace {

class UninstallTest : public ::testing::Test {
 protected:
  UninstallTest() {
    leader_->loop.Run([this] {
      leader_->service.sessions["s-doc"] = FakeService::MakeSession("s-doc");
      leader_->service.status.controller_id = "leads";
      leader_->service.status.is_leader = true;
    });
    Follow(absl::StrCat("127.0.0.1:", leader_->port.port()));
  }
  void Follow(const std::string& address) {
    standby_.loop.Run([&] {
      standby_.service.status.is_leader = false;
      standby_.service.status.leader_address = address;
    });
  }
  // What it would do, as the one behind `server` tells it.
  absl::Status Ask(ApiServer& server, std::vector<std::string>& steps) {
    grpc::ClientContext context;
    const auto stream =
        v1::Admin::NewStub(server.channel)->Uninstall(&context, v1::UninstallRequest());
    v1::UninstallResponse response;
    while (stream->Read(&response)) steps.push_back(response.message());
    return FromGrpc(stream->Finish());
  }

  std::unique_ptr<ApiServer> leader_ = std::make_unique<ApiServer>();
  ApiServer standby_;
};

TEST_F(UninstallTest, AStandbyPassesItOnAndTellsEveryStep) {
  std::vector<std::string> direct;
  EXPECT_EQ(Ask(*leader_, direct), absl::OkStatus());
  ASSERT_FALSE(direct.empty());
  EXPECT_EQ(direct[0], "would end 1 live sessions and delete the pods of all 1");
  std::vector<std::string> passed_on;
  EXPECT_EQ(Ask(standby_, passed_on), absl::OkStatus());
  EXPECT_EQ(passed_on, direct);
}

TEST_F(UninstallTest, WithoutALeaderItSaysWhenToTryAgain) {
  for (const char* address : {"", "127.0.0.1:1"}) {
    Follow(address);
    std::vector<std::string> steps;
    const absl::Status status = Ask(standby_, steps);
    EXPECT_EQ(ReasonOf(status), "NO_LEADER") << status;
    EXPECT_EQ(RetryAfterOf(status), absl::Seconds(1));
    EXPECT_TRUE(steps.empty());
  }
}

TEST_F(UninstallTest, ALeaderThatGoesEndsIt) {
  leader_.reset();
  std::vector<std::string> steps;
  EXPECT_EQ(ReasonOf(Ask(standby_, steps)), "NO_LEADER");
}

}  // namespace
}  // namespace spawner::api
