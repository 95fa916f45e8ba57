// Two controllers that ask who calls: what a standby passes on is believed by the leader, and a
// seal is good for nothing else.
#include <fstream>
#include <functional>
#include <memory>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "controller/api/api_fixture.h"
#include "controller/auth/guard.h"
#include "controller/auth/static_tokens.h"
#include "controller/kube/fake_http_transport.h"
#include "controller/kube/http_kube_client.h"
#include "spawner/v1/admin.grpc.pb.h"
#include "spawner/v1/sessions.grpc.pb.h"

namespace spawner::api {
namespace {

constexpr char kToken[] = "a-token-of-16-bytes-and-more";

// A controller that takes one token.
class Guarded {
 public:
  Guarded() : guard_(client_, clock_, WaysWithToken()), server_(&guard_) {
    server_.loop.Run([this] { guard_.SetInstallSecret("secret"); });
  }
  ApiServer* operator->() { return &server_; }
  // A seal as the other controller would make it.
  std::string SealFor(const std::string& request) {
    std::string seal;
    server_.loop.Run([&] { seal = guard_.SealFor(nullptr, request); });
    return seal;
  }

 private:
  static auth::Ways WaysWithToken() {
    const std::string path = testing::TempDir() + "/forwarded-call-tokens";
    std::ofstream(path, std::ios::trunc) << kToken << ",shop,ns=*\n";
    auto tokens = auth::StaticTokens::Open(path);
    EXPECT_TRUE(tokens.ok()) << tokens.status();
    auth::Ways ways;
    if (tokens.ok()) ways.tokens = *std::move(tokens);
    return ways;
  }

  kube::FakeHttpTransport transport_;
  kube::HttpKubeClient client_{transport_};
  FakeClock clock_;
  auth::Guard guard_;
  ApiServer server_;
};

class ForwardedCallTest : public ::testing::Test {
 protected:
  ForwardedCallTest() {
    standby_->loop.Run([this] {
      standby_->service.status.leader_address = absl::StrCat("127.0.0.1:", leader_->port.port());
    });
  }
  template <typename Call>
  static grpc::Status With(const char* name, const std::string& value, Call call) {
    grpc::ClientContext context;
    context.AddMetadata(name, value);
    return call(&context);
  }
  template <typename Call>
  static grpc::Status WithToken(Call call) {
    return With("authorization", absl::StrCat("Bearer ", kToken), call);
  }
  static v1::ConnectRequest Request() {
    v1::ConnectRequest request;
    request.set_parent("namespaces/default");
    request.mutable_key()->set_name("doc");
    request.mutable_spec()->set_image("demo");
    for (int i = 0; i < 20; ++i) {
      (*request.mutable_spec()->mutable_env())[absl::StrCat("V", i)] = absl::StrCat(i);
      (*request.mutable_grant()->mutable_claims()->mutable_fields())[absl::StrCat("c", i)]
          .set_number_value(i);
    }
    return request;
  }

  Guarded leader_;
  Guarded standby_;
  std::unique_ptr<v1::Sessions::Stub> sessions_ = v1::Sessions::NewStub(standby_->channel);
  std::unique_ptr<v1::Admin::Stub> admin_ = v1::Admin::NewStub(standby_->channel);
};

TEST_F(ForwardedCallTest, IsAnsweredByTheLeaderWhateverItAsks) {
  const grpc::Status connected = WithToken([&](grpc::ClientContext* context) {
    v1::ConnectResponse response;
    return sessions_->Connect(context, Request(), &response);
  });
  EXPECT_TRUE(connected.ok()) << connected.error_message();
  leader_->loop.Run([this] { EXPECT_EQ(leader_->service.connects.size(), 1u); });
  // For itself: with a request that it makes.
  leader_->loop.Run([this] { leader_->service.status.leader_id = "the leader"; });
  v1::GetStatusResponse status;
  EXPECT_TRUE(WithToken([&](grpc::ClientContext* context) {
                return admin_->GetStatus(context, v1::GetStatusRequest(), &status);
              }).ok());
  const grpc::Status quotas = WithToken([&](grpc::ClientContext* context) {
    v1::GetQuotasRequest request;
    request.set_parent("namespaces/default");
    v1::GetQuotasResponse response;
    return admin_->GetQuotas(context, request, &response);
  });
  EXPECT_TRUE(quotas.ok()) << quotas.error_message();
}

TEST_F(ForwardedCallTest, IsNotBelievedForAnotherRequest) {
  const auto direct = v1::Sessions::NewStub(leader_->channel);
  const auto get = [&](const std::string& seal) {
    return With("spawner-seal", seal, [&](grpc::ClientContext* context) {
      v1::GetSessionRequest request;
      request.set_name("namespaces/default/sessions/none");
      v1::Session session;
      return direct->GetSession(context, request, &session);
    });
  };
  const std::string other = standby_.SealFor("spawner.v1.ConnectRequest:x");
  EXPECT_EQ(get(other).error_code(), grpc::StatusCode::UNAUTHENTICATED);
  EXPECT_EQ(get(standby_.SealFor("")).error_code(), grpc::StatusCode::UNAUTHENTICATED);
  EXPECT_EQ(get("nonsense").error_code(), grpc::StatusCode::UNAUTHENTICATED);
}

}  // namespace
}  // namespace spawner::api
