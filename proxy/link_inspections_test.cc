#include "proxy/link_inspections.h"

#include "absl/time/time.h"
#include "gtest/gtest.h"
#include "spawner/v1/session.pb.h"

namespace spawner::proxy {
namespace {

TEST(InspectedOf, NamesTheOldestOfAllWorkers) {
  Inspection first;
  first.connections = {{.kind = "websocket", .phase = "open", .age = absl::Seconds(5)},
                       {.kind = "request", .phase = "relaying", .age = absl::Seconds(1)}};
  Inspection second = {.worker = 1};
  second.connections = {{.kind = "request",
                         .phase = "held",
                         .client = "203.0.113.9",
                         .user = "ada",
                         .age = absl::Milliseconds(7500),
                         .idle_for = absl::Seconds(2),
                         .bytes = 42,
                         .is_ignored = true},
                        {.kind = "tunnel", .phase = "open", .age = absl::Seconds(3)}};
  const v1::Inspected told = InspectedOf({first, second}, 3);
  ASSERT_EQ(told.connections_size(), 3);
  const v1::Connection& oldest = told.connections(0);
  EXPECT_EQ(oldest.kind(), v1::Connection::HELD);
  EXPECT_EQ(oldest.age().seconds(), 7);
  EXPECT_EQ(oldest.age().nanos(), 500'000'000);
  EXPECT_EQ(oldest.idle_for().seconds(), 2);
  EXPECT_EQ(oldest.bytes(), 42u);
  EXPECT_EQ(oldest.peer(), "203.0.113.9");
  EXPECT_EQ(oldest.user(), "ada");
  EXPECT_TRUE(oldest.ignored());
  EXPECT_EQ(told.connections(1).kind(), v1::Connection::WEBSOCKET);
  EXPECT_EQ(told.connections(2).kind(), v1::Connection::TUNNEL);
}

}  // namespace
}  // namespace spawner::proxy
