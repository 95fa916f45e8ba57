#include "controller/cluster.h"

#include <memory>
#include <optional>
#include <utility>

#include "absl/time/time.h"
#include "base/clock.h"
#include "base/random.h"
#include "controller/flags.h"
#include "controller/kube/http_kube_client.h"
#include "controller/kube/lease.h"
#include "gtest/gtest.h"

namespace spawner {
namespace {

constexpr absl::Duration kTurn = absl::Milliseconds(100);

// A controller of --local, as far as its Lease goes, in simulated time.
class LocalLeaseTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ControllerFlags flags;
    flags.local = true;
    absl::StatusOr<Cluster> cluster = OpenCluster(flags, {}, clock_, random_);
    ASSERT_TRUE(cluster.ok()) << cluster.status();
    cluster_ = *std::move(cluster);
    client_ = std::make_unique<kube::HttpKubeClient>(*cluster_->transport);
    kube::LeaseOptions lease = cluster_->lease;
    lease.identity = "only";
    elector_ = std::make_unique<kube::LeaseElector>(*client_, clock_, random_, std::move(lease));
    TurnFor(absl::Seconds(2));
    ASSERT_TRUE(elector_->IsLeader(clock_.Now())) << elector_->status();
    ASSERT_EQ(elector_->leadership(), 1u);
  }

  void Turn() {
    elector_->Step(clock_.Now());
    cluster_->transport->Poll(absl::ZeroDuration());
  }
  void TurnFor(absl::Duration time) {
    for (absl::Duration past; past < time; past += kTurn) {
      clock_.Advance(kTurn);
      Turn();
    }
  }

  FakeClock clock_;
  SeededRandom random_{1};
  std::optional<Cluster> cluster_;
  std::unique_ptr<kube::HttpKubeClient> client_;
  std::unique_ptr<kube::LeaseElector> elector_;
};

TEST_F(LocalLeaseTest, LeadsOnAfterAStandstillOfAlmostAMinute) {
  for (int i = 0; i < 5; ++i) {
    clock_.Advance(absl::Seconds(58));
    EXPECT_TRUE(elector_->IsLeader(clock_.Now())) << i;
    TurnFor(absl::Seconds(2));
    EXPECT_TRUE(elector_->IsLeader(clock_.Now())) << i;
  }
  EXPECT_EQ(elector_->leadership(), 1u);
}

// The request for a renewal is under way all the while: it is not given up meanwhile.
TEST_F(LocalLeaseTest, LeadsOnWhenItStandsStillInTheMiddleOfARenewal) {
  clock_.Advance(absl::Seconds(1));
  elector_->Step(clock_.Now());
  clock_.Advance(absl::Seconds(55));
  TurnFor(absl::Seconds(30));
  EXPECT_TRUE(elector_->IsLeader(clock_.Now()));
  EXPECT_EQ(elector_->leadership(), 1u);
}

TEST_F(LocalLeaseTest, AStandstillBeyondTheDeadlineCostsTheLeadAndANewNumberTakesIt) {
  clock_.Advance(absl::Seconds(61));
  EXPECT_FALSE(elector_->IsLeader(clock_.Now()));
  TurnFor(absl::Seconds(5));
  EXPECT_TRUE(elector_->IsLeader(clock_.Now()));
  EXPECT_EQ(elector_->leadership(), 2u);
}

}  // namespace
}  // namespace spawner
