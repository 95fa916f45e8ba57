#include "controller/kube/line_buffer.h"

#include <gtest/gtest.h>

#include <vector>

namespace spawner::kube {
namespace {

TEST(LineBuffer, CutsTheSameLinesAtEveryFragmentSize) {
  const std::string text = "one\n\ntwo three\nfour\nunfinished";
  const std::vector<std::string> expected = {"one", "", "two three", "four"};
  for (const size_t size : {1, 2, 3, 4, 5, 6, 7, 8, 16, 31, 1000}) {
    LineBuffer lines(100);
    std::vector<std::string> seen;
    for (size_t at = 0; at < text.size(); at += size) {
      ASSERT_TRUE(lines.Append(absl::string_view(text).substr(at, size)).ok());
      for (absl::string_view line; lines.Next(line);) seen.emplace_back(line);
    }
    EXPECT_EQ(seen, expected) << size;
  }
}

TEST(LineBuffer, RefusesAnEndlessLine) {
  LineBuffer lines(4);
  absl::string_view line;
  ASSERT_TRUE(lines.Append("12345").ok());
  EXPECT_FALSE(lines.Next(line));
  EXPECT_EQ(lines.Append("6").code(), absl::StatusCode::kResourceExhausted);
  lines.Clear();
  ASSERT_TRUE(lines.Append("1\n2\n").ok());
  EXPECT_TRUE(lines.Next(line));
  EXPECT_EQ(line, "1");
  ASSERT_TRUE(lines.Append("3\n").ok());
  EXPECT_TRUE(lines.Next(line));
  EXPECT_EQ(line, "2");
}

}  // namespace
}  // namespace spawner::kube
