#include "controller/api/names.h"

#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "base/status.h"

namespace spawner::api {
namespace {

TEST(Names, ReadWhatTheyWrite) {
  const absl::StatusOr<SessionName> name =
      ParseSessionName("name", FormatSessionName("team-a", {"k7x2"}));
  ASSERT_TRUE(name.ok()) << name.status();
  EXPECT_EQ(*name, (SessionName{"team-a", {"k7x2"}}));
  EXPECT_EQ(*ParseParent("parent", "namespaces/a"), "a");
  EXPECT_EQ(*ParseParentOrAll("parent", "namespaces/-"), "");
}

TEST(Names, SayWhatIsAllowed) {
  EXPECT_EQ(
      ParseSessionName("name", "sessions/x").status().message(),
      "name: must be namespaces/{namespace}/sessions/{id}, each part of 1 to 63 characters of "
      "a-z, 0-9 and '-'");
  for (const char* name :
       {"", "namespaces/a/sessions/", "namespaces//sessions/b", "namespaces/a/sessions/b/c",
        "namespaces/a/sessions/B", "namespaces/-/sessions/b", "/namespaces/a/sessions/b",
        "namespaces/a/pods/b", "namespaces/a/sessions/b\n"}) {
    EXPECT_EQ(ReasonOf(ParseSessionName("name", name).status()), "INVALID_FIELD") << name;
  }
  for (const char* parent : {"", "a", "namespaces/", "namespaces/-", "namespaces/a/b"}) {
    EXPECT_EQ(ReasonOf(ParseParent("parent", parent).status()), "INVALID_FIELD") << parent;
  }
}

TEST(Names, TextHasALimitAndNoControlCharacters) {
  EXPECT_TRUE(CheckText("key.name", std::string(256, 'k'), 256).ok());
  EXPECT_TRUE(CheckText("key.name", "Zoë's plan", 256).ok());
  EXPECT_EQ(CheckText("key.name", std::string(257, 'k'), 256).message(),
            "key.name: 257 bytes; at most 256 are allowed");
  for (const char* text : {"a\nb", "a\x7f", "\x01"}) {
    EXPECT_EQ(CheckText("key.name", text, 256).message(),
              "key.name: control characters are not allowed");
  }
}

}  // namespace
}  // namespace spawner::api
