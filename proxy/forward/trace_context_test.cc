#include "proxy/forward/trace_context.h"

#include <string>

#include "gtest/gtest.h"

namespace spawner::proxy {
namespace {

constexpr char kTrace[] = "0af7651916cd43dd8448eb211c80319c";

TEST(TraceContext, FindsTheIdOfAGoodOne) {
  EXPECT_EQ(TraceIdIn("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"), kTrace);
  EXPECT_EQ(TraceIdIn("cc-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-what"), kTrace);
}

TEST(TraceContext, RefusesWhatIsMalformed) {
  for (const char* bad : {"", "00", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-0",
                          "00-0AF7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
                          "00-00000000000000000000000000000000-b7ad6b7169203331-01",
                          "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01",
                          "ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
                          "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-what",
                          "cc-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01what",
                          "00_0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
                          "00-0af7651916cd43dd8448eb211c80319\"-b7ad6b7169203331-01"}) {
    EXPECT_EQ(TraceIdIn(bad), "") << bad;
  }
}

TEST(TraceContext, ANewOneIsGoodAndItsOwn) {
  SeededRandom random(7);
  const std::string one = NewTraceparent(random);
  const std::string two = NewTraceparent(random);
  EXPECT_EQ(TraceIdIn(one).size(), 32u) << one;
  EXPECT_NE(TraceIdIn(one), TraceIdIn(two));
}

}  // namespace
}  // namespace spawner::proxy
