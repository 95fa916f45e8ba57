#include "controller/core/identity.h"

#include <set>
#include <string>

#include "gtest/gtest.h"

namespace spawner::core {
namespace {

TEST(Identity, IsTheSameForTheSameKeyInEveryProcess) {
  const Identity one("secret");
  const Identity other("secret");
  EXPECT_EQ(one.OfKey("team", "doc"), other.OfKey("team", "doc"));
  EXPECT_EQ(one.OfRequest("team", "r-1"), other.OfRequest("team", "r-1"));
}

// The id is in URLs and pod names of every install there is: it must not change with a release.
TEST(Identity, KeepsTheIdsOfReleasesBefore) {
  EXPECT_EQ(Identity("secret").OfKey("team", "doc").value, "nqnqhe6tkisi6ttbj62w3gdmpb");
}

TEST(Identity, IsAnotherForWhateverDiffers) {
  const Identity identity("secret");
  std::set<SessionId> ids;
  ids.insert(identity.OfKey("team", "doc"));
  ids.insert(identity.OfKey("team", "doc2"));
  ids.insert(identity.OfKey("teamd", "oc"));
  ids.insert(identity.OfKey("", "teamdoc"));
  ids.insert(identity.OfRequest("team", "doc"));
  ids.insert(Identity("another secret").OfKey("team", "doc"));
  // A key may hold what separates the parts.
  ids.insert(identity.OfKey("a", "1:b"));
  ids.insert(identity.OfKey("a:1", "b"));
  EXPECT_EQ(ids.size(), 8u);
}

TEST(Identity, IsADnsLabelOfATypicalLength) {
  SeededRandom random(1);
  const Identity identity("secret");
  for (const SessionId& id : {identity.OfKey("team", std::string(256, 'x')),
                              identity.OfRequest("team", "r"), Identity::OfNobody(random)}) {
    EXPECT_TRUE(IsDnsLabel(id.value)) << id.value;
    EXPECT_EQ(id.value.size(), 26u);
  }
}

TEST(Identity, AGrantBelongsToTheSessionAndTheRequest) {
  SeededRandom random(1);
  const Identity identity("secret");
  const std::string grant = identity.GrantOf({"s"}, "r", random);
  EXPECT_EQ(identity.GrantOf({"s"}, "r", random), grant);
  EXPECT_NE(identity.GrantOf({"s"}, "r2", random), grant);
  EXPECT_NE(identity.GrantOf({"s2"}, "r", random), grant);
  EXPECT_NE(identity.GrantOf({"s"}, "", random), identity.GrantOf({"s"}, "", random));
}

}  // namespace
}  // namespace spawner::core
