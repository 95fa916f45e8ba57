#include "tests/bench/http_head.h"

#include <optional>

#include "gtest/gtest.h"

namespace spawner::bench {
namespace {

TEST(ReadHttpHead, IsEmptyUntilTheEmptyLine) {
  const absl::string_view text = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
  for (size_t size = 0; size < text.size(); ++size) {
    EXPECT_FALSE(ReadHttpHead(text.substr(0, size))) << size;
  }
  EXPECT_TRUE(ReadHttpHead(text));
}

TEST(ReadHttpHead, ReadsARequestAndStopsAtItsBody) {
  const absl::string_view text =
      "POST /b/77 HTTP/1.1\r\nhost: a\r\ncontent-length:  5\r\nCONNECTION: Close\r\n"
      "sec-websocket-key: abc=\r\n\r\nConnection: keep-alive\r\n\r\n";
  const std::optional<HttpHead> head = ReadHttpHead(text);
  ASSERT_TRUE(head);
  EXPECT_EQ(head->path(), "/b/77");
  EXPECT_EQ(head->content_length, 5);
  EXPECT_EQ(head->websocket_key, "abc=");
  EXPECT_TRUE(head->closes);
  EXPECT_FALSE(head->is_chunked);
  EXPECT_EQ(text.substr(head->size), "Connection: keep-alive\r\n\r\n");
}

TEST(ReadHttpHead, ReadsAnAnswer) {
  const std::optional<HttpHead> head =
      ReadHttpHead("HTTP/1.1 502 Bad Gateway\r\nTransfer-Encoding: chunked\r\n\r\n");
  ASSERT_TRUE(head);
  EXPECT_EQ(head->status(), 502);
  EXPECT_TRUE(head->is_chunked);
  EXPECT_FALSE(head->closes);
  EXPECT_FALSE(head->content_length);
}

TEST(ReadHttpHead, GivesNoStatusForWhatIsNoAnswer) {
  EXPECT_EQ(ReadHttpHead("nonsense\r\n\r\n")->status(), 0);
  EXPECT_EQ(ReadHttpHead("\r\n\r\n")->status(), 0);
}

}  // namespace
}  // namespace spawner::bench
