#include "base/address.h"

#include <gtest/gtest.h>

namespace spawner {
namespace {

TEST(Address, ParsesWhatItPrints) {
  for (const char* text : {"127.0.0.1:80", "[::1]:8080", "0.0.0.0:65535"}) {
    EXPECT_EQ(ToString(*ParseAddress(text, false)), text);
  }
  EXPECT_EQ(ToString(*ParseAddress(":9000", false)), "0.0.0.0:9000");
  EXPECT_EQ(ParseAddress("127.0.0.1:0", true)->port, 0);
}

TEST(Address, RefusesTheRestAndSaysWhy) {
  for (const char* text : {"", "80", "localhost:80", "1.2.3.4:", "1.2.3.4:70000", "1.2.3.4:+1",
                           "1.2.3.4:-1", "::1:80", "[::1]", "1.2.3.4:0", "1.2.3:4"}) {
    const absl::Status status = ParseAddress(text, false).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << text;
    EXPECT_NE(status.message().find("expected IP:PORT"), absl::string_view::npos) << text;
  }
}

}  // namespace
}  // namespace spawner
