#include "controller/kube/yaml.h"

#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"

namespace spawner::kube {
namespace {

TEST(Yaml, ReadsScalarsListsAndMaps) {
  const absl::StatusOr<Json> json = ParseYaml(
      "a: 0123\nb: true\nc: \"true\"\nd: ~\ne: [x, {f: y}]\ng: &anchor {h: i}\nj: *anchor\n");
  ASSERT_TRUE(json.ok()) << json.status();
  EXPECT_EQ(JsonText(*json),
            R"({"a":"0123","b":true,"c":"true","d":null,"e":["x",{"f":"y"}],"g":{"h":"i"},)"
            R"("j":{"h":"i"}})");
  EXPECT_EQ(JsonText(*ParseYaml("")), "null");
  EXPECT_EQ(JsonText(*ParseYaml(R"({"a": {"b": ["c"]}})")), R"({"a":{"b":["c"]}})");
}

TEST(Yaml, SaysWhereTheTextBreaks) {
  EXPECT_EQ(ParseYaml("a: 1\nb: [\n").status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(ParseYaml("a: b: c").status().message(), "not YAML: line 1: illegal map value");
  EXPECT_EQ(ParseYaml("[a]: b").status().message(), "not a configuration: a key that is no text");
  EXPECT_FALSE(ParseYaml("a: *nothing").ok());
  EXPECT_FALSE(ParseYaml(std::string(100'000, '[')).ok());
}

TEST(Yaml, BoundsWhatAliasesExpandTo) {
  std::string text = "a0: &a0 [x]\n";
  for (int i = 1; i < 30; ++i) {
    absl::StrAppend(&text, "a", i, ": &a", i, " [*a", i - 1, ", *a", i - 1, "]\n");
  }
  EXPECT_EQ(ParseYaml(text).status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(ParseYaml("&a [*a]").status().code(), absl::StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace spawner::kube
