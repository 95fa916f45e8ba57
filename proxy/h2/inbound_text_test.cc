#include "proxy/h2/inbound_text.h"

#include <algorithm>
#include <string>

#include "absl/strings/string_view.h"
#include "gtest/gtest.h"
#include "proxy/http/limits.h"

namespace spawner::proxy::h2 {
namespace {

constexpr absl::string_view kHead = "POST / HTTP/1.1\r\nhost: a\r\n\r\n";
constexpr size_t kSizes[] = {1, 2, 3, 4, 5, 6, 7, 8, 16, 31, 4096};

// Everything that can be read now, `size` bytes at a time; adds up the peer's bytes.
std::string ReadAll(InboundText& text, size_t size, size_t* body_bytes) {
  std::string all;
  std::string piece(size, '\0');
  while (true) {
    const InboundText::Piece read = text.Read(piece.data(), size);
    *body_bytes += read.body_bytes;
    all.append(piece, 0, read.size);
    if (read.size == 0) return all;
  }
}

TEST(InboundText, GivesAPlainBodyAsItStands) {
  for (const size_t size : kSizes) {
    InboundText text;
    size_t body_bytes = 0;
    text.AddHead(kHead, InboundText::Framing::kPlain);
    text.AddBody("hello");
    text.End();
    EXPECT_FALSE(text.is_drained());
    EXPECT_EQ(ReadAll(text, size, &body_bytes), std::string(kHead) + "hello");
    EXPECT_EQ(body_bytes, 5u);
    EXPECT_TRUE(text.is_drained());
  }
}

TEST(InboundText, MakesOneChunkOfManySmallFrames) {
  for (const size_t size : kSizes) {
    InboundText text;
    size_t body_bytes = 0;
    text.AddHead(kHead, InboundText::Framing::kChunked);
    for (int i = 0; i < 17; ++i) text.AddBody("x");
    EXPECT_EQ(ReadAll(text, size, &body_bytes),
              std::string(kHead) + "11\r\n" + std::string(17, 'x') + "\r\n");
    EXPECT_EQ(body_bytes, 17u);
    text.AddBody("yz");
    ASSERT_TRUE(text.AddTrailer("sum", "19"));
    text.End();
    EXPECT_EQ(ReadAll(text, size, &body_bytes), "2\r\nyz\r\n0\r\nsum: 19\r\n\r\n");
    EXPECT_EQ(body_bytes, 19u);
    EXPECT_TRUE(text.is_drained());
  }
}

TEST(InboundText, KeepsAChunksSizeWhenMoreComesWhileItIsRead) {
  InboundText text;
  size_t body_bytes = 0;
  text.AddHead("", InboundText::Framing::kChunked);
  text.AddBody("abc");
  char bytes[4];
  ASSERT_EQ(text.Read(bytes, sizeof(bytes)).size, 4u);  // "3\r\na"
  text.AddBody("defg");
  EXPECT_EQ(ReadAll(text, 64, &body_bytes), "bc\r\n4\r\ndefg\r\n");
}

TEST(InboundText, EndsAChunkedBodyWithoutAByte) {
  InboundText text;
  size_t body_bytes = 0;
  text.AddHead(kHead, InboundText::Framing::kChunked);
  text.End();
  EXPECT_EQ(ReadAll(text, 64, &body_bytes), std::string(kHead) + "0\r\n\r\n");
  EXPECT_EQ(body_bytes, 0u);
}

TEST(InboundText, RefusesTrailersBeyondTheirLimit) {
  InboundText text;
  text.AddHead(kHead, InboundText::Framing::kChunked);
  EXPECT_TRUE(text.AddTrailer("a", std::string(kTrailerBytesMax - 5, 'x')));
  EXPECT_FALSE(text.AddTrailer("b", ""));
}

}  // namespace
}  // namespace spawner::proxy::h2
