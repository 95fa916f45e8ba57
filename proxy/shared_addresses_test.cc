#include "proxy/shared_addresses.h"

#include <thread>
#include <vector>

#include "gtest/gtest.h"

namespace spawner::proxy {
namespace {

TEST(SharedAddresses, EachMayHaveSoManyAndNoMore) {
  SharedAddresses addresses(2);
  std::optional<AddressSlot> first = addresses.TryOpen("192.0.2.1");
  std::optional<AddressSlot> second = addresses.TryOpen("192.0.2.1");
  EXPECT_TRUE(first.has_value() && second.has_value());
  EXPECT_FALSE(addresses.TryOpen("192.0.2.1").has_value());
  EXPECT_TRUE(addresses.TryOpen("192.0.2.2").has_value());  // and gives it back at once
  first.reset();
  EXPECT_TRUE(addresses.TryOpen("192.0.2.1").has_value());
  EXPECT_EQ(addresses.addresses(), 1u);
  second.reset();
  EXPECT_EQ(addresses.addresses(), 0u);
}

TEST(SharedAddresses, AnIpv6AddressIsItsNetwork) {
  SharedAddresses addresses(1);
  const std::optional<AddressSlot> slot = addresses.TryOpen("2001:db8::1");
  EXPECT_TRUE(slot.has_value());
  EXPECT_FALSE(addresses.TryOpen("2001:db8::ffff:1").has_value());
  EXPECT_TRUE(addresses.TryOpen("2001:db8:0:1::1").has_value());
}

TEST(SharedAddresses, WithoutALimitNothingIsCounted) {
  SharedAddresses addresses(0);
  std::vector<std::optional<AddressSlot>> slots;
  for (int i = 0; i < 100; ++i) slots.push_back(addresses.TryOpen("192.0.2.1"));
  for (const auto& slot : slots) EXPECT_TRUE(slot.has_value());
  EXPECT_EQ(addresses.addresses(), 0u);
}

TEST(SharedAddresses, WorkersShareThem) {
  SharedAddresses addresses(1000);
  std::vector<std::thread> workers;
  for (int worker = 0; worker < 4; ++worker) {
    workers.emplace_back([&addresses] {
      for (int i = 0; i < 1000; ++i) {
        const auto one = addresses.TryOpen("192.0.2.1");
        const auto other = addresses.TryOpen("192.0.2.2");
        ASSERT_TRUE(one.has_value() && other.has_value());
      }
    });
  }
  for (std::thread& worker : workers) worker.join();
  EXPECT_EQ(addresses.addresses(), 0u);
}

}  // namespace
}  // namespace spawner::proxy
