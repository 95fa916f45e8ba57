#include "controller/core/proxy_pods.h"

#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/random.h"
#include "controller/core/limits.h"
#include "controller/kube/fake_http_transport.h"
#include "controller/kube/http_kube_client.h"
#include "controller/route/roster.h"
#include "gtest/gtest.h"

namespace spawner::core {
namespace {

class ProxyPodsTest : public testing::Test {
 protected:
  ProxyPodsTest() : core_(kube_, clock_, random_, Options()) {}

  static CoreOptions Options() {
    CoreOptions options;
    options.controller_id = "me";
    options.namespaces = {"team"};
    options.install_secret = "secret";
    return options;
  }
  // A new leader that finds these in the Lease: all lost.
  void Lead(const std::vector<route::RosterEntry>& roster) {
    Leadership leadership = {.is_leader = true, .number = 7, .leader_id = "me"};
    leadership.roster = route::EncodeRoster(roster);
    core_.SetLeadership(leadership);
  }
  static route::RosterEntry Proxy(const std::string& name, const std::string& uid) {
    return {name, 1, uid, name, "edge"};
  }
  static std::string Pod(const std::string& uid, const std::string& phase) {
    return absl::StrCat(R"({"metadata":{"name":"p","namespace":"edge","uid":")", uid,
                        R"(","resourceVersion":"5","creationTimestamp":"2026-01-01T00:00:00Z"},)"
                        R"("status":{"phase":")",
                        phase, R"("}})");
  }
  void Step() { pods_.Step(clock_.Now()); }
  size_t lost() const { return core_.LostProxies().size(); }

  FakeClock clock_;
  SeededRandom random_{1};
  kube::FakeHttpTransport transport_;
  kube::HttpKubeClient kube_{transport_};
  Core core_;
  ProxyPods pods_{kube_, core_};
};

TEST_F(ProxyPodsTest, AsksNothingWhileNoProxyIsLost) {
  Lead({});
  Step();
  clock_.Advance(absl::Hours(1));
  Step();
  EXPECT_TRUE(transport_.sent().empty());
  EXPECT_EQ(pods_.NextWake(), Instant::Infinite());
}

TEST_F(ProxyPodsTest, APodThatIsGoneIsTheProof) {
  Lead({Proxy("p", "u-1")});
  Step();
  ASSERT_EQ(transport_.sent().size(), 1u);
  EXPECT_EQ(transport_.sent()[0].method, "GET");
  EXPECT_EQ(transport_.sent()[0].path, "/api/v1/namespaces/edge/pods/p");
  EXPECT_EQ(lost(), 1u);
  transport_.Answer(1, 404, R"({"kind":"Status","code":404,"reason":"NotFound"})");
  EXPECT_EQ(lost(), 0u);
}

TEST_F(ProxyPodsTest, SoIsAnotherPodOfItsNameAndOneThatHasFinished) {
  Lead({Proxy("p", "u-1"), Proxy("q", "u-2")});
  Step();
  transport_.Answer(1, 200, Pod("another", "Running"));
  EXPECT_EQ(lost(), 1u);
  Step();
  ASSERT_EQ(transport_.sent().size(), 2u);
  transport_.Answer(2, 200, Pod("u-2", "Failed"));
  EXPECT_EQ(lost(), 0u);
}

TEST_F(ProxyPodsTest, APodThatIsThereOrNoAnswerProvesNothing) {
  Lead({Proxy("p", "u-1")});
  const std::vector<std::pair<int, std::string>> answers = {
      {200, Pod("u-1", "Running")}, {403, "{}"}, {503, "{}"}, {200, "not JSON"}};
  for (const auto& [code, body] : answers) {
    const size_t sent = transport_.sent().size();
    while (transport_.sent().size() == sent) {
      clock_.Advance(kProxyPodInterval);
      Step();
    }
    transport_.Answer(transport_.last(), code, body);
    EXPECT_EQ(lost(), 1u) << code << " " << body;
  }
}

TEST_F(ProxyPodsTest, AsksForOneAtATimeAndAllAgainAfterAPause) {
  Lead({Proxy("p", "u-1"), Proxy("q", "u-2")});
  Step();
  Step();
  EXPECT_EQ(transport_.sent().size(), 1u);
  EXPECT_EQ(pods_.NextWake(), Instant::Infinite()) << "the answer wakes the loop";
  clock_.Advance(absl::Minutes(1));
  Step();
  EXPECT_EQ(transport_.sent().size(), 1u);
  transport_.Answer(1, 200, Pod("u-1", "Running"));
  EXPECT_LE(pods_.NextWake(), clock_.Now());
  Step();
  ASSERT_EQ(transport_.sent().size(), 2u);
  transport_.Answer(2, 200, Pod("u-2", "Running"));
  Step();
  EXPECT_EQ(transport_.sent().size(), 2u);
  EXPECT_EQ(pods_.NextWake(), clock_.Now() + kProxyPodInterval);
  clock_.Advance(kProxyPodInterval);
  Step();
  EXPECT_EQ(transport_.sent().size(), 3u);
}

TEST_F(ProxyPodsTest, AProxyOutsideKubernetesIsNotAskedFor) {
  Lead({Proxy("p", "")});
  Step();
  EXPECT_TRUE(transport_.sent().empty());
}

}  // namespace
}  // namespace spawner::core
