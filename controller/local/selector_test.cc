#include "controller/local/selector.h"

#include "gtest/gtest.h"

namespace spawner::local {
namespace {

bool Matches(absl::string_view labels, const Json& object, absl::string_view fields = "") {
  absl::StatusOr<Selector> selector = Selector::Parse(labels, fields);
  EXPECT_TRUE(selector.ok()) << selector.status();
  return selector.ok() && selector->Matches(object);
}

Json Labelled(Json labels) { return {{"metadata", {{"name", "x"}, {"labels", labels}}}}; }

TEST(Selector, EmptyMatchesAll) {
  EXPECT_TRUE(Matches("", Json::object()));
  EXPECT_TRUE(Matches("", Labelled({{"a", "b"}})));
}

TEST(Selector, TestsEachKindOfRequirement) {
  const Json object = Labelled({{"a", "b"}, {"spawner.dev/session", "s1"}});
  EXPECT_TRUE(Matches("a=b", object));
  EXPECT_TRUE(Matches("a==b", object));
  EXPECT_FALSE(Matches("a=c", object));
  EXPECT_FALSE(Matches("a!=b", object));
  EXPECT_TRUE(Matches("z!=b", object));
  EXPECT_TRUE(Matches("spawner.dev/session", object));
  EXPECT_FALSE(Matches("!spawner.dev/session", object));
  EXPECT_TRUE(Matches("!z", object));
  EXPECT_TRUE(Matches("a in (x, b)", object));
  EXPECT_FALSE(Matches("a notin (x,b)", object));
  EXPECT_TRUE(Matches("z notin (x)", object));
  EXPECT_TRUE(Matches("a in (b),spawner.dev/session=s1, !z", object));
  EXPECT_FALSE(Matches("a in (b),spawner.dev/session=s2", object));
  EXPECT_FALSE(Matches("a", Json::object()));
}

TEST(Selector, TestsFields) {
  const Json object = Json::parse(R"({"metadata":{"name":"x"},"status":{"phase":"Running"}})");
  EXPECT_TRUE(Matches("", object, "metadata.name=x"));
  EXPECT_FALSE(Matches("", object, "metadata.name=y"));
  EXPECT_TRUE(Matches("", object, "status.phase!=Failed,metadata.name==x"));
  EXPECT_FALSE(Matches("", object, "status.phase!=Running"));
}

TEST(Selector, RefusesWhatItCanNotRead) {
  for (const char* text : {"a in", "a in (b", "a like (b)", "=b", "a=b c", ",", "a=b,,c=d"}) {
    EXPECT_EQ(Selector::Parse(text, "").status().code(), absl::StatusCode::kInvalidArgument)
        << text;
  }
  EXPECT_FALSE(Selector::Parse("", "spec.color=red").ok());
  EXPECT_FALSE(Selector::Parse("", "metadata.name").ok());
}

}  // namespace
}  // namespace spawner::local
