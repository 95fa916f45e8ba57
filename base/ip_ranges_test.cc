#include "base/ip_ranges.h"

#include "gtest/gtest.h"

namespace spawner {
namespace {

IpRanges Ranges(absl::string_view text) {
  absl::StatusOr<IpRanges> ranges = IpRanges::Parse(text);
  EXPECT_TRUE(ranges.ok()) << ranges.status();
  return ranges.ok() ? *std::move(ranges) : IpRanges();
}

TEST(IpRanges, ContainsWhatSharesThePrefixAndNothingElse) {
  const IpRanges ranges = Ranges("10.0.0.0/8, 192.0.2.7,2001:db8::/33");
  EXPECT_TRUE(ranges.Contains("10.0.0.0"));
  EXPECT_TRUE(ranges.Contains("10.255.255.255"));
  EXPECT_FALSE(ranges.Contains("11.0.0.0"));
  EXPECT_TRUE(ranges.Contains("192.0.2.7"));
  EXPECT_FALSE(ranges.Contains("192.0.2.6"));
  EXPECT_TRUE(ranges.Contains("2001:db8:7fff::1"));
  EXPECT_FALSE(ranges.Contains("2001:db8:8000::1"));
  EXPECT_FALSE(ranges.Contains("not an address"));
  EXPECT_FALSE(ranges.Contains(""));
}

TEST(IpRanges, Ipv4InItsMappedFormIsTheSameAddress) {
  EXPECT_TRUE(Ranges("10.0.0.0/8").Contains("::ffff:10.1.2.3"));
  EXPECT_TRUE(Ranges("::ffff:10.0.0.0/104").Contains("10.1.2.3"));
  // The whole of IPv4 is not the whole of IPv6.
  EXPECT_FALSE(Ranges("0.0.0.0/0").Contains("2001:db8::1"));
  EXPECT_TRUE(Ranges("::/0").Contains("10.1.2.3"));
}

TEST(IpRanges, EmptyContainsNothing) {
  EXPECT_TRUE(Ranges("").empty());
  EXPECT_FALSE(Ranges("").Contains("127.0.0.1"));
}

TEST(IpRanges, SaysWhatIsWrong) {
  for (const char* text : {"10.0.0.0/33", "10.0.0.0/", "10.0.0.0/-1", "10.0.0/8", "host",
                           "2001:db8::/129", "10.0.0.1/8", "10.0.0.0/8x", "2001:db8::1/32"}) {
    const absl::Status status = IpRanges::Parse(text).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << text;
    EXPECT_NE(std::string(status.message()).find(text), std::string::npos) << status;
  }
}

}  // namespace
}  // namespace spawner
