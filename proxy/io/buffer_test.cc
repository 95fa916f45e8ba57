#include "proxy/io/buffer.h"

#include <string>

#include "gtest/gtest.h"
#include "proxy/io/counter.h"

namespace spawner::proxy {
namespace {

TEST(Buffer, KeepsBytesInOrderAndOwnsNothingWhileItIsEmpty) {
  Counter held;
  Buffer buffer;
  EXPECT_TRUE(buffer.empty());
  buffer.Append("hello", &held);
  EXPECT_EQ(held.value(), 5);
  buffer.Append(", world", &held);
  EXPECT_EQ(buffer.view(), "hello, world");
  buffer.Consume(7);
  EXPECT_EQ(buffer.view(), "world");
  EXPECT_GT(held.value(), 0);
  buffer.Consume(5);
  EXPECT_TRUE(buffer.empty());
  EXPECT_EQ(held.value(), 0);
}

// Goal: a slow reader, which never lets the buffer run empty, costs what is kept, however much goes
// through.
TEST(Buffer, StaysSmallWhileItIsNeverEmpty) {
  constexpr size_t kPiece = 16 * 1024;
  for (const size_t pieces_kept : {1u, 3u, 4u, 7u}) {
    Counter held;
    Buffer buffer;
    for (size_t i = 0; i < pieces_kept; ++i) {
      buffer.Append(std::string(kPiece, static_cast<char>('a' + i % 26)), &held);
    }
    for (size_t i = 0; i < 1000; ++i) {
      ASSERT_EQ(buffer.view().front(), static_cast<char>('a' + i % 26));
      buffer.Consume(kPiece / 2);
      ASSERT_EQ(buffer.view().front(), static_cast<char>('a' + i % 26));
      const size_t last = i + pieces_kept;
      buffer.Append(std::string(kPiece, static_cast<char>('a' + last % 26)), &held);
      buffer.Consume(kPiece / 2);
      ASSERT_EQ(buffer.size(), pieces_kept * kPiece);
      ASSERT_LE(held.value(), static_cast<int64_t>(4 * (pieces_kept + 1) * kPiece));
    }
    buffer.Clear();
    EXPECT_EQ(held.value(), 0);
  }
}

}  // namespace
}  // namespace spawner::proxy
