#include "proxy/h2/outbound_text.h"

#include <algorithm>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "gtest/gtest.h"
#include "proxy/http/head.h"
#include "proxy/http/head_scanner.h"

namespace spawner::proxy::h2 {
namespace {

constexpr size_t kSizes[] = {1, 2, 3, 4, 5, 6, 7, 8, 16, 31, 4096};
constexpr absl::string_view kInterim = "HTTP/1.1 103 Early Hints\r\nlink: b\r\n\r\n";

struct Written {
  std::vector<std::string> heads;
  bool is_valid = true;
  std::string left;  // not taken
};

// Writes `all` as its owner does, `size` bytes at a time.
Written WriteAll(OutboundText& out, absl::string_view all, size_t size) {
  Written written;
  std::string scratch;
  while (!all.empty()) {
    absl::string_view piece = all.substr(0, size);
    all.remove_prefix(piece.size());
    while (!piece.empty() && !out.is_complete()) {
      if (!out.wants_head()) {
        if (!out.TakeBody(&piece, &scratch)) written.is_valid = false;
        if (!written.is_valid) return written;
        continue;
      }
      absl::string_view text;
      const HeadScanner::State state = out.TakeHead(&piece, &text);
      if (state == HeadScanner::State::kIncomplete) break;
      written.is_valid = state == HeadScanner::State::kComplete;
      ResponseHead head;
      if (!written.is_valid || head.Parse(text, false).is_error()) return written;
      written.heads.emplace_back(text);
      if (!head.is_interim()) out.BeginBody(head.body);
    }
    written.left.append(piece.data(), piece.size());
  }
  return written;
}

TEST(OutboundText, FindsInterimHeadsAndTheFinalOne) {
  const std::string final_head = "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n";
  for (const size_t size : kSizes) {
    OutboundText out;
    const Written written =
        WriteAll(out, std::string(kInterim) + std::string(kInterim) + final_head + "hello", size);
    EXPECT_TRUE(written.is_valid);
    EXPECT_EQ(written.heads,
              (std::vector<std::string>{std::string(kInterim), std::string(kInterim), final_head}));
    EXPECT_EQ(out.payload().view(), "hello");
    EXPECT_TRUE(out.is_complete());
    EXPECT_EQ(out.trailers(), "");
  }
}

TEST(OutboundText, TakesChunksAndTrailersApart) {
  for (const size_t size : kSizes) {
    OutboundText out;
    const Written written = WriteAll(out,
                                     "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"
                                     "3\r\nabc\r\n02;x=y\r\nde\r\n0\r\nsum: 5\r\nb: c\r\n\r\nmore",
                                     size);
    EXPECT_TRUE(written.is_valid);
    EXPECT_EQ(out.payload().view(), "abcde");
    EXPECT_EQ(out.trailers(), "sum: 5\r\nb: c\r\n");
    EXPECT_TRUE(out.is_complete());
    EXPECT_EQ(written.left, "more");
  }
}

TEST(OutboundText, IsNeverCompleteByItselfWithoutItsLastByte) {
  for (const absl::string_view text :
       {"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhell",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r",
        "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r", "HTTP/1.1 103 Early Hints\r\n\r\n"}) {
    OutboundText out;
    EXPECT_TRUE(WriteAll(out, text, 4096).is_valid);
    out.OnEnd();
    EXPECT_FALSE(out.is_complete()) << text;
  }
}

TEST(OutboundText, EndsABodyThatLastsUntilTheEnd) {
  OutboundText out;
  EXPECT_TRUE(WriteAll(out, "HTTP/1.1 200 OK\r\n\r\nabc", 4096).is_valid);
  EXPECT_FALSE(out.is_complete());
  out.OnEnd();
  EXPECT_TRUE(out.is_complete());
  EXPECT_EQ(out.payload().view(), "abc");
}

TEST(OutboundText, IsCompleteWithTheHeadWhereThereIsNoBody) {
  OutboundText out;
  EXPECT_TRUE(WriteAll(out, "HTTP/1.1 204 No Content\r\n\r\n", 4096).is_valid);
  EXPECT_TRUE(out.is_complete());
}

TEST(OutboundText, RefusesBrokenChunks) {
  OutboundText out;
  EXPECT_FALSE(
      WriteAll(out, "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n", 4096).is_valid);
}

TEST(OutboundText, PassesATunnelThroughUntilItsEnd) {
  OutboundText out;
  out.BeginTunnel();
  EXPECT_TRUE(WriteAll(out, "HTTP/1.1 200 OK\r\n\r\n", 3).is_valid);
  EXPECT_EQ(out.payload().view(), "HTTP/1.1 200 OK\r\n\r\n");
  EXPECT_FALSE(out.is_complete());
  out.OnEnd();
  EXPECT_TRUE(out.is_complete());
}

}  // namespace
}  // namespace spawner::proxy::h2
