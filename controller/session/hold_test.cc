#include "controller/session/hold.h"

#include "absl/strings/str_cat.h"
#include "controller/session/limits.h"
#include "gtest/gtest.h"

namespace spawner {
namespace {

Hold Make(absl::string_view owner) {
  return {std::string(owner), "a \"long\" job", absl::FromUnixMicros(1'800'000'000'000'001),
          absl::FromUnixMicros(1'800'000'060'000'000)};
}

TEST(Hold, ReadsBackWhatItWrites) {
  const std::vector<Hold> holds = {Make("editor"), Make("backend")};
  const auto read = DecodeHolds(EncodeHolds(holds));
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ(*read, holds);
}

TEST(Hold, NoneIsNoAnnotation) {
  EXPECT_EQ(EncodeHolds({}), "");
  const auto read = DecodeHolds("");
  ASSERT_TRUE(read.ok());
  EXPECT_TRUE(read->empty());
}

TEST(Hold, BytesThatAreNoTextAreWrittenAllTheSame) {
  Hold hold = Make("o");
  hold.reason = "\xff\xfe";
  EXPECT_TRUE(DecodeHolds(EncodeHolds({hold})).ok());
}

TEST(Hold, WhatIsNoListOfHoldsIsRefused) {
  std::vector<Hold> many;
  for (size_t i = 0; i <= kHoldsMax; ++i) many.push_back(Make(absl::StrCat("o", i)));
  Hold long_owner = Make(std::string(kHoldOwnerBytesMax + 1, 'x'));
  Hold long_reason = Make("o");
  long_reason.reason = std::string(kHoldReasonBytesMax + 1, 'x');
  for (const std::string& text : {
           std::string("{"),
           std::string("{}"),
           std::string("[1]"),
           std::string("[{}]"),
           std::string(R"([{"owner":"o","reason":"r","create_us":1,"expire_us":"2"}])"),
           std::string(R"([{"owner":"","reason":"r","create_us":1,"expire_us":2}])"),
           std::string(R"([{"owner":7,"reason":"r","create_us":1,"expire_us":2}])"),
           EncodeHolds(many),
           EncodeHolds({long_owner}),
           EncodeHolds({long_reason}),
       }) {
    EXPECT_EQ(DecodeHolds(text).status().code(), absl::StatusCode::kInvalidArgument)
        << text.substr(0, 100);
  }
}

}  // namespace
}  // namespace spawner
