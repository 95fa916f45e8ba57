// The same request again: the same answer, but a grant is signed on today's terms.
#include <string>

#include "absl/strings/match.h"
#include "gtest/gtest.h"
#include "tests/sim/scene.h"

namespace spawner::sim {
namespace {

class ReplayTest : public testing::Test {
 protected:
  absl::StatusOr<core::ConnectResult> Connect() {
    core::ConnectParams params = scene_.Ask("doc");
    params.request_id = "r1";
    params.payload_hash = "h1";
    params.user = "ada";
    return scene_.Connect(std::move(params));
  }
  absl::StatusOr<core::ConnectResult> CreateGrant(const SessionId& id) {
    return scene_.Await<core::ConnectResult>([&](auto done) {
      scene_.core()->CreateGrant({kNamespace, id, "ada", "r2", "h2"}, std::move(done));
    });
  }
  void Revoke(const SessionId& id, const std::string& user) {
    const auto revoked = scene_.Await<core::RevokeResult>([&](auto done) {
      scene_.core()->RevokeGrant({kNamespace, id, "", user, user.empty()}, std::move(done));
    });
    ASSERT_TRUE(revoked.ok()) << revoked.status();
  }
  // The one controller loses the lead, and gets it again.
  void NextTerm() {
    const uint32_t before = scene_.core()->GetStatus().leadership;
    bool is_cut = true;
    scene_.world.on_request = [&is_cut, inner = scene_.world.on_request](
                                  const kube::HttpRequest& request) -> Scene::Fault {
      if (is_cut && request.method == "PUT" && absl::StrContains(request.path, "/leases/")) {
        return local::LocalKubernetes::Fault{.code = 503};
      }
      return inner(request);
    };
    scene_.world.RunFor(absl::Seconds(20));
    ASSERT_EQ(scene_.world.leader(), nullptr);
    is_cut = false;
    ASSERT_TRUE(scene_.AwaitLeader());
    scene_.world.RunFor(absl::Seconds(2));
    ASSERT_GT(scene_.core()->GetStatus().leadership, before);
  }
  absl::Time RevokedUntil(const SessionId& id) {
    const route::Route& route = scene_.world.proxy(0)->routes().at(id);
    if (!route.revoked.has_value()) return absl::UnixEpoch();
    if (!route.revoked->users.empty()) return route.revoked->users.at(0).second;
    return route.revoked->not_issued_before.value_or(absl::UnixEpoch());
  }

  Scene scene_{31};
};

TEST_F(ReplayTest, AfterARevocationIsNotSignedIntoIt) {
  const auto first = Connect();
  ASSERT_TRUE(first.ok()) << first.status();
  const SessionId id = first->session.id;
  const auto granted = CreateGrant(id);
  ASSERT_TRUE(granted.ok()) << granted.status();
  Revoke(id, "ada");
  const absl::Time user_second = RevokedUntil(id);
  ASSERT_GT(user_second, absl::UnixEpoch());
  EXPECT_GE(Connect()->issue_not_before, user_second);
  EXPECT_GE(CreateGrant(id)->issue_not_before, user_second);
  Revoke(id, "");
  const absl::Time second = RevokedUntil(id);
  ASSERT_GT(second, user_second);
  const auto again = Connect();
  EXPECT_GE(again->issue_not_before, second);
  EXPECT_EQ(again->grant_id, first->grant_id);
  EXPECT_TRUE(again->created) << "the same answer";
  EXPECT_EQ(CreateGrant(id)->grant_id, granted->grant_id);
}

// A one-time token names the term that confirms its use: no other does.
TEST_F(ReplayTest, InTheNextTermIsSignedForIt) {
  scene_.spec.idle.never = true;
  const auto first = Connect();
  ASSERT_TRUE(first.ok()) << first.status();
  const auto granted = CreateGrant(first->session.id);
  ASSERT_TRUE(granted.ok());
  NextTerm();
  const uint32_t term = scene_.core()->GetStatus().leadership;
  const auto again = Connect();
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_EQ(again->grant_id, first->grant_id);
  EXPECT_EQ(again->leadership, term);
  EXPECT_EQ(CreateGrant(first->session.id)->leadership, term);
}

TEST_F(ReplayTest, AfterTheSessionsRetentionIsAnsweredStill) {
  scene_.spec.lifetime.retention = absl::Seconds(1);
  const auto first = Connect();
  ASSERT_TRUE(first.ok()) << first.status();
  const SessionId id = first->session.id;
  ASSERT_TRUE(scene_.Ends(id, absl::Minutes(1)));
  scene_.world.RunFor(absl::Minutes(1));
  ASSERT_FALSE(scene_.Get(id).has_value());
  const auto again = Connect();
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_EQ(again->session.epoch, first->session.epoch);
}

}  // namespace
}  // namespace spawner::sim
