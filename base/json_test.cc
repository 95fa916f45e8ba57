#include "base/json.h"

#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"

namespace spawner {
namespace {

// What reading `key` of `text` as an object complains of; "" if of nothing.
template <typename Read>
std::string ErrorOf(absl::string_view text, Read read) {
  const absl::StatusOr<Json> document = ParseJson(text);
  if (!document.ok()) return std::string(document.status().message());
  absl::Status error;
  read(JsonReader(*document, "", error));
  return std::string(error.message());
}

TEST(Json, SaysWhereTheTextBreaks) {
  EXPECT_EQ(ParseJson("").status().message(), "not JSON: empty");
  EXPECT_EQ(ParseJson("{\"a\":}").status().message(), "not JSON: breaks at byte 6 of 6");
  EXPECT_FALSE(ParseJson("{} {}").ok());
  EXPECT_FALSE(ParseJson("\"\xff\"").ok());
}

TEST(Json, BoundsTheDepth) {
  const auto nested = [](int levels) {
    return absl::StrCat(std::string(levels, '['), std::string(levels, ']'));
  };
  EXPECT_TRUE(ParseJson(nested(kJsonDepthMax)).ok());
  EXPECT_FALSE(ParseJson(nested(kJsonDepthMax + 1)).ok());
  EXPECT_FALSE(ParseJson(std::string(1'000'000, '[')).ok());
  // Brackets within a string do not nest.
  EXPECT_TRUE(ParseJson(absl::StrCat("\"\\\"", std::string(200, '['), "\"")).ok());
}

TEST(Json, WritesBytesThatAreNotUtf8) { EXPECT_EQ(JsonText(Json("a\xff")), "\"a\xEF\xBF\xBD\""); }

TEST(JsonReader, ReadsEachType) {
  const Json document = *ParseJson(
      R"({"s":"x","i":-3,"b":true,"t":"2026-01-02T03:04:05Z","m":{"k":"v"},"l":["a","b"],
          "o":{"n":7},"os":[{"n":1},{"n":2}],"null":null})");
  absl::Status error;
  const JsonReader reader(document, "", error);
  EXPECT_EQ(reader.String("s"), "x");
  EXPECT_EQ(reader.RequiredString("s"), "x");
  EXPECT_EQ(reader.Int("i"), -3);
  EXPECT_EQ(reader.Int32("i"), -3);
  EXPECT_TRUE(reader.Bool("b"));
  EXPECT_EQ(reader.Time("t"), absl::FromUnixSeconds(1767323045));
  EXPECT_EQ(reader.StringMap("m").at("k"), "v");
  EXPECT_EQ(reader.Strings("l").size(), 2u);
  EXPECT_EQ(reader.Object("o").Int("n"), 7);
  EXPECT_EQ(reader.Objects("os")[1].Int("n"), 2);
  EXPECT_FALSE(reader.Has("null"));
  EXPECT_EQ(reader.String("null"), "");
  EXPECT_EQ(reader.Object("absent").Object("too").String("deep"), "");
  EXPECT_TRUE(error.ok()) << error;
}

TEST(JsonReader, NamesThePathOfWhatIsWrong) {
  EXPECT_EQ(ErrorOf("[]", [](const JsonReader& r) { r.String("a"); }),
            "document: is of type array, not an object");
  EXPECT_EQ(ErrorOf("{}", [](const JsonReader& r) { r.Object("a").RequiredString("b"); }),
            "a.b: missing");
  EXPECT_EQ(ErrorOf(R"({"a":""})", [](const JsonReader& r) { r.RequiredString("a"); }), "a: empty");
  EXPECT_EQ(ErrorOf(R"({"a":[{"b":1},{"b":"x"}]})",
                    [](const JsonReader& r) {
                      for (const JsonReader& o : r.Objects("a")) o.Int("b");
                    }),
            "a[1].b: is of type string, not an integer");
  EXPECT_EQ(ErrorOf(R"({"a":18446744073709551615})", [](const JsonReader& r) { r.Int("a"); }),
            "a: greater than any 64-bit integer");
  EXPECT_EQ(ErrorOf(R"({"a":4294967296})", [](const JsonReader& r) { r.Int32("a"); }),
            "a: does not fit in 32 bits");
  EXPECT_EQ(ErrorOf(R"({"a":{"b":1}})", [](const JsonReader& r) { r.StringMap("a"); }),
            "a.b: is of type number, not a string");
  EXPECT_EQ(ErrorOf(R"({"a":["x",1]})", [](const JsonReader& r) { r.Strings("a"); }),
            "a[1]: is of type number, not a string");
  EXPECT_EQ(ErrorOf(R"({"a":"soon"})", [](const JsonReader& r) { r.Time("a"); }),
            "a: not a time as 2026-01-02T03:04:05Z: \"soon\"");
  EXPECT_EQ(ErrorOf(R"({"a":1,"b":2})",
                    [](const JsonReader& r) {
                      r.String("a");
                      r.String("b");
                    }),
            "a: is of type number, not a string");
}

}  // namespace
}  // namespace spawner
