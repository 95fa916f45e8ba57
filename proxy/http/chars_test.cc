#include "proxy/http/chars.h"

#include <cstddef>
#include <string>

#include "gtest/gtest.h"

namespace spawner::proxy {
namespace {

// Each byte at each place of a text, alone and beside others that need a second look.
TEST(AreValueChars, SaysWhatEachByteSays) {
  for (const char other : {'a', '\t', '\x80', '\xff', ' ', '~'}) {
    for (size_t size = 0; size <= 20; ++size) {
      EXPECT_TRUE(AreValueChars(std::string(size, other)));
      for (size_t place = 0; place < size; ++place) {
        for (int byte = 0; byte < 256; ++byte) {
          std::string text(size, other);
          text[place] = static_cast<char>(byte);
          ASSERT_EQ(AreValueChars(text), AllAre(text, kValueChar)) << byte << " at " << place;
        }
      }
    }
  }
}

TEST(AreValueChars, RefusesControls) {
  EXPECT_FALSE(AreValueChars("0123456\r89"));
  EXPECT_FALSE(AreValueChars(std::string("01234567\0", 9)));
  EXPECT_FALSE(AreValueChars("\x7f 1234567"));
  EXPECT_TRUE(AreValueChars("a\tb 1234567 \xc3\xa4"));
}

}  // namespace
}  // namespace spawner::proxy
