#include <functional>
#include <string>

#include "base/token.h"
#include "controller/api/api_fixture.h"
#include "spawner/v1/admin.grpc.pb.h"
#include "spawner/v1/sessions.grpc.pb.h"

namespace spawner::api {
namespace {

class GrantsTest : public ::testing::Test {
 protected:
  GrantsTest() {
    server_.loop.Run([this] { server_.service.sessions["s1"] = FakeService::MakeSession("s1"); });
  }
  absl::Status Create(const v1::CreateGrantRequest& request) {
    grpc::ClientContext context;
    created_.Clear();
    return FromGrpc(stub_->CreateGrant(&context, request, &created_));
  }
  absl::Status Revoke(const v1::RevokeGrantRequest& request) {
    grpc::ClientContext context;
    revoked_.Clear();
    return FromGrpc(stub_->RevokeGrant(&context, request, &revoked_));
  }
  static v1::CreateGrantRequest Request(const std::string& id) {
    v1::CreateGrantRequest request;
    request.set_name("namespaces/default/sessions/" + id);
    request.mutable_grant()->set_user("zoe");
    return request;
  }
  Grant Verified() {
    const auto grant =
        VerifyGrant(created_.token(), server_.keys.verification, server_.clock.WallNow());
    EXPECT_TRUE(grant.ok()) << grant.status();
    return grant.value_or(Grant());
  }

  ApiServer server_;
  std::unique_ptr<v1::Sessions::Stub> stub_ = v1::Sessions::NewStub(server_.channel);
  v1::CreateGrantResponse created_;
  v1::RevokeGrantResponse revoked_;
};

TEST_F(GrantsTest, CreateAnswersWithAUrlAndWhenItEnds) {
  v1::CreateGrantRequest request = Request("s1");
  (*request.mutable_grant()->mutable_claims()->mutable_fields())["role"].set_string_value("viewer");
  request.mutable_grant()->mutable_ttl()->set_seconds(90);
  request.set_request_id("r1");
  ASSERT_TRUE(Create(request).ok());
  EXPECT_EQ(created_.grant_id(), "g2");
  EXPECT_EQ(created_.url(), "http://proxy.test:8080/s/s1/?spawner_token=" + created_.token());
  const absl::Time end = server_.clock.WallNow() + absl::Seconds(90);
  EXPECT_EQ(created_.expire_time().seconds(), absl::ToUnixSeconds(end));
  EXPECT_EQ(Verified(), (Grant{.id = "g2",
                               .ns = "default",
                               .session = {"s1"},
                               .user = "zoe",
                               .claims_json = R"({"role":"viewer"})",
                               .issued_at = server_.clock.WallNow(),
                               .expires_at = end}));
  request.set_request_id("r2");
  ASSERT_TRUE(Create(request).ok());
  request.mutable_grant()->set_user("ben");
  ASSERT_TRUE(Create(request).ok());
  server_.loop.Run([this] {
    const auto& grants = server_.service.grants;
    EXPECT_EQ(grants[0].user, "zoe");
    EXPECT_EQ(grants[0].request_id, "r1");
    EXPECT_EQ(grants[0].payload_hash, grants[1].payload_hash);
    EXPECT_NE(grants[1].payload_hash, grants[2].payload_hash);
  });
}

TEST_F(GrantsTest, AOneTimeTokenLivesForAMinuteAndNamesTheTerm) {
  v1::CreateGrantRequest request = Request("s1");
  request.mutable_grant()->set_one_time(true);
  ASSERT_TRUE(Create(request).ok());
  const Grant grant = Verified();
  EXPECT_EQ(grant.one_time_in, 7u);
  EXPECT_EQ(grant.expires_at - grant.issued_at, absl::Seconds(60));
  request.mutable_grant()->mutable_ttl()->set_seconds(61);
  EXPECT_EQ(Create(request).message(),
            "grant.ttl: 1m1s is not within 1s to 1m, of a one-time token");
}

TEST_F(GrantsTest, AnUnknownSessionOrNamespaceIsNamed) {
  EXPECT_EQ(ReasonOf(Create(Request("s2"))), "SESSION_NOT_FOUND");
  v1::CreateGrantRequest request = Request("s1");
  request.set_name("namespaces/kube-system/sessions/s1");
  EXPECT_EQ(ReasonOf(Create(request)), "NAMESPACE_FORBIDDEN");
  request.set_name("s1");
  EXPECT_EQ(ReasonOf(Create(request)), "INVALID_FIELD");
}

TEST_F(GrantsTest, RevokeSaysWhoIsPending) {
  v1::RevokeGrantRequest request;
  request.set_name("namespaces/default/sessions/s1");
  request.set_grant_id("g2");
  ASSERT_TRUE(Revoke(request).ok());
  ASSERT_EQ(revoked_.pending_proxies_size(), 1);
  EXPECT_EQ(revoked_.pending_proxies(0), "proxy-2");
  server_.loop.Run([this] {
    EXPECT_EQ(server_.service.revokes.at(0).id.value, "s1");
    EXPECT_EQ(server_.service.revokes.at(0).grant_id, "g2");
    EXPECT_FALSE(server_.service.revokes.at(0).all);
  });
}

TEST_F(GrantsTest, RevokeWantsExactlyOneThing) {
  v1::RevokeGrantRequest request;
  request.set_name("namespaces/default/sessions/s1");
  const std::string exactly = "grant_id: exactly one of grant_id, user and all has to be set";
  EXPECT_EQ(Revoke(request).message(), exactly);
  request.set_user("ada");
  request.set_all(true);
  EXPECT_EQ(Revoke(request).message(), exactly);
  request.set_all(false);
  EXPECT_TRUE(Revoke(request).ok());
  request.clear_user();
  request.set_grant_id("G\n2");
  EXPECT_EQ(ReasonOf(Revoke(request)), "INVALID_FIELD");
}

class RotateTest : public GrantsTest {
 protected:
  absl::Status Rotate(const v1::RotateKeysRequest& request) {
    grpc::ClientContext context;
    return FromGrpc(admin_->RotateKeys(&context, request, &rotated_));
  }
  std::unique_ptr<v1::Admin::Stub> admin_ = v1::Admin::NewStub(server_.channel);
  v1::RotateKeysResponse rotated_;
};

TEST_F(RotateTest, AsksTheStoreAndSaysWhatIsWrong) {
  v1::RotateKeysRequest request;
  EXPECT_EQ(ReasonOf(Rotate(request)), "NO_LEADER");
  server_.loop.Run([this] { server_.service.status.is_leader = true; });
  ASSERT_TRUE(Rotate(request).ok());
  EXPECT_EQ(rotated_.key_id(), "k-new");
  EXPECT_EQ(rotated_.retire_time().seconds(),
            absl::ToUnixSeconds(server_.clock.WallNow() + absl::Hours(24)));
  request.mutable_overlap()->set_seconds(0);
  ASSERT_TRUE(Rotate(request).ok());
  EXPECT_EQ(rotated_.retire_time().seconds(), absl::ToUnixSeconds(server_.clock.WallNow()));
  request.mutable_overlap()->set_seconds(3600 * 24 * 31);
  EXPECT_EQ(Rotate(request).message(), "overlap: 744h; at most 720h");
}

}  // namespace
}  // namespace spawner::api
