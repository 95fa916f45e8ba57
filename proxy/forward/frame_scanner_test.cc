#include "proxy/forward/frame_scanner.h"

#include <string>

#include "gtest/gtest.h"

namespace spawner::proxy {
namespace {

std::string Frame(char first, size_t length, bool is_masked) {
  std::string frame(1, first);
  const char mask = is_masked ? '\x80' : 0;
  if (length < 126) {
    frame.push_back(static_cast<char>(mask | static_cast<char>(length)));
  } else if (length < 65536) {
    frame.push_back(static_cast<char>(mask | 126));
    frame.push_back(static_cast<char>(length >> 8));
    frame.push_back(static_cast<char>(length & 0xff));
  } else {
    frame.push_back(static_cast<char>(mask | 127));
    for (int shift = 56; shift >= 0; shift -= 8) {
      frame.push_back(static_cast<char>(static_cast<uint64_t>(length) >> shift & 0xff));
    }
  }
  return frame + std::string(length + (is_masked ? 4 : 0), '\x88');
}

TEST(FrameScanner, FindsEachBoundaryInPiecesOfAnySize) {
  for (size_t length : {0, 1, 125, 126, 65535, 65536, 70000}) {
    for (bool is_masked : {false, true}) {
      const std::string bytes = Frame('\x82', length, is_masked) + "\x81\x01x";
      for (size_t step : {1, 2, 3, 7, 31, 1 << 20}) {
        FrameScanner scanner;
        size_t taken = scanner.Scan(absl::string_view(bytes).substr(0, 1), false);
        while (!scanner.is_at_boundary()) {
          taken += scanner.Scan(absl::string_view(bytes).substr(taken, step), true);
        }
        EXPECT_EQ(taken, bytes.size() - 3) << length << " " << is_masked << " " << step;
        EXPECT_FALSE(scanner.has_closed());
      }
    }
  }
}

TEST(FrameScanner, SeesACloseFrame) {
  FrameScanner scanner;
  scanner.Scan("\x88\x02", false);
  EXPECT_TRUE(scanner.has_closed());
  EXPECT_FALSE(scanner.is_at_boundary());
}

TEST(FrameScanner, ANonsensicalLengthNeverEnds) {
  FrameScanner scanner;
  scanner.Scan("\x82\xff\xff\xff\xff\xff\xff\xff\xff\xff", false);
  scanner.Scan(std::string(1000, 'x'), false);
  EXPECT_FALSE(scanner.is_at_boundary());
}

}  // namespace
}  // namespace spawner::proxy
