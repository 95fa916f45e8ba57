#include "tests/bench/websocket.h"

#include <optional>
#include <string>

#include "gtest/gtest.h"

namespace spawner::bench {
namespace {

TEST(WebSocket, AcceptsAsTheExampleOfTheRfc) {
  EXPECT_EQ(AcceptKey("dGhlIHNhbXBsZSBub25jZQ=="), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
}

TEST(WebSocket, ReadsTheMaskedFrameThatItWroteAtEverySize) {
  for (const size_t size : {0, 1, 64, 125, 126, 1000, 65535}) {
    const std::string payload(size, 'm');
    const std::string frame = MaskedFrame(payload);
    const std::optional<FrameHeader> header = ReadFrameHeader(frame);
    ASSERT_TRUE(header) << size;
    EXPECT_EQ(header->size(), frame.size());
    EXPECT_EQ(header->payload_size, size);
    EXPECT_EQ(header->opcode, kBinaryFrame);
    std::string read = frame.substr(header->header_size);
    for (size_t i = 0; i < read.size(); ++i) read[i] ^= header->mask[i % 4];
    EXPECT_EQ(read, payload);
    for (size_t cut = 0; cut < header->header_size; ++cut) {
      EXPECT_FALSE(ReadFrameHeader(absl::string_view(frame).substr(0, cut))) << size << " " << cut;
    }
  }
}

TEST(WebSocket, WritesUnmaskedHeaders) {
  char header[kFrameHeaderBytesMax];
  EXPECT_EQ(std::string(header, WriteFrameHeader(kBinaryFrame, 5, header)), "\x82\x05");
  EXPECT_EQ(std::string(header, WriteFrameHeader(kCloseFrame, 300, header)),
            std::string("\x88\x7e\x01\x2c"));
}

TEST(WebSocket, GivesALengthThatFitsNowhereFor64Bits) {
  const std::optional<FrameHeader> header = ReadFrameHeader("\x82\x7f");
  ASSERT_TRUE(header);
  EXPECT_GT(header->size(), size_t{1} << 40);
}

}  // namespace
}  // namespace spawner::bench
