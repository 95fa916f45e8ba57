#include "proxy/io/descriptors.h"

#include "absl/status/status.h"
#include "gtest/gtest.h"
#include "proxy/io/limits.h"

namespace spawner::proxy {
namespace {

TEST(Descriptors, AReserveIsKeptFromClients) {
  Descriptors descriptors({.max = 3, .reserved = 1});
  descriptors.Opened();
  EXPECT_TRUE(descriptors.has_room_for_client());
  descriptors.Opened();
  EXPECT_FALSE(descriptors.has_room_for_client());
  EXPECT_TRUE(descriptors.has_room());
  descriptors.Opened();
  EXPECT_FALSE(descriptors.has_room());
  descriptors.Closed();
  descriptors.Closed();
  EXPECT_TRUE(descriptors.has_room_for_client());
  EXPECT_EQ(descriptors.open(), 1);
}

TEST(Descriptors, TheirShareOfTheLimit) {
  const auto large = Descriptors::Share(20'000, 2, 0);
  ASSERT_TRUE(large.ok());
  EXPECT_EQ(large->max, 20'000 - kOtherDescriptors - 2 * kDescriptorsPerWorker);
  EXPECT_EQ(large->reserved, kReservedDescriptors);
  const auto small = Descriptors::Share(172, 1, 0);
  ASSERT_TRUE(small.ok());
  EXPECT_EQ(small->max, 96);
  EXPECT_EQ(small->reserved, 12);
  EXPECT_EQ(Descriptors::Share(172, 1, 40)->reserved, 40);
  EXPECT_TRUE(absl::IsInvalidArgument(Descriptors::Share(172, 1, 49).status()));
  EXPECT_TRUE(absl::IsFailedPrecondition(Descriptors::Share(64, 1, 0).status()));
}

}  // namespace
}  // namespace spawner::proxy
