#include "deploy/examples/whiteboard/room.h"

#include <gtest/gtest.h>

#include "deploy/examples/whiteboard/limits.h"
#include "nlohmann/json.hpp"

namespace spawner::examples {
namespace {

using nlohmann::json;

struct FakeParticipant : Participant {
  void Send(const std::shared_ptr<const std::string>& text) override {
    messages.push_back(json::parse(*text));
  }
  std::vector<json> Take() { return std::exchange(messages, {}); }

  std::vector<json> messages;
};

class RoomTest : public testing::Test {
 protected:
  json Enter(FakeParticipant& who, const std::string& key, const std::string& name) {
    EXPECT_TRUE(room.Receive(who, json{{"t", "hello"}, {"key", key}, {"name", name}}.dump()));
    const std::vector<json> got = who.Take();
    EXPECT_EQ(got.size(), 1u);
    return got.empty() ? json() : got[0];
  }

  Room room{"Plans"};
  FakeParticipant ann;
  FakeParticipant ben;
};

TEST_F(RoomTest, OthersSeeWhatOneDoes) {
  EXPECT_EQ(Enter(ann, "a", "Ann")["board"], "Plans");
  Enter(ben, "b", "Ben");
  EXPECT_EQ(ann.Take(),
            std::vector<json>({json::parse(R"({"t":"join","id":2,"name":"Ben","c":1})")}));
  ASSERT_TRUE(room.Receive(ann, R"({"t":"begin","n":1,"c":3,"w":40,"p":[1,2]})"));
  ASSERT_TRUE(room.Receive(ann, R"({"t":"points","n":1,"p":[3,4,5,6]})"));
  ASSERT_TRUE(room.Receive(ann, R"({"t":"cursor","p":[9,9]})"));
  EXPECT_EQ(ben.Take(), std::vector<json>({
                            json::parse(R"({"t":"begin","by":1,"n":1,"c":3,"w":40,"p":[1,2]})"),
                            json::parse(R"({"t":"points","by":1,"n":1,"p":[3,4,5,6]})"),
                            json::parse(R"({"t":"cursor","by":1,"p":[9,9]})"),
                        }));
  EXPECT_TRUE(ann.messages.empty()) << "she shows it without waiting";
}

TEST_F(RoomTest, AJoinerGetsTheWholeBoard) {
  Enter(ann, "a", "Ann");
  ASSERT_TRUE(room.Receive(ann, R"({"t":"begin","n":1,"c":0,"w":40,"p":[1,2]})"));
  ASSERT_TRUE(room.Receive(ann, R"({"t":"points","n":1,"p":[3,4]})"));
  ASSERT_TRUE(room.Receive(ann, R"({"t":"note","by":1,"n":2,"c":1,"p":[7,8],"text":"hi"})"));
  const json welcome = Enter(ben, "b", "Ben");
  EXPECT_EQ(welcome["items"], json::parse(R"([{"by":1,"n":1,"c":0,"w":40,"p":[1,2,3,4]},
                                              {"by":1,"n":2,"c":1,"w":0,"p":[7,8],"text":"hi"}])"));
  EXPECT_EQ(welcome["people"], json::parse(R"([{"id":1,"name":"Ann","c":0}])"));
}

TEST_F(RoomTest, UndoTakesOnlyOnesOwnLatest) {
  Enter(ann, "a", "Ann");
  Enter(ben, "b", "Ben");
  ASSERT_TRUE(room.Receive(ann, R"({"t":"begin","n":1,"c":0,"w":40,"p":[1,2]})"));
  ASSERT_TRUE(room.Receive(ben, R"({"t":"begin","n":1,"c":0,"w":40,"p":[1,2]})"));
  ann.Take();
  ASSERT_TRUE(room.Receive(ann, R"({"t":"undo"})"));
  ASSERT_TRUE(room.Receive(ann, R"({"t":"undo"})"));
  EXPECT_EQ(ann.Take(), std::vector<json>({json::parse(R"({"t":"remove","by":1,"n":1})")}));
  EXPECT_EQ(room.board().items().size(), 1u);
}

TEST_F(RoomTest, SomeoneWhoComesBackHasTheirOldId) {
  EXPECT_EQ(Enter(ann, "a", "Ann")["you"], 1);
  ASSERT_TRUE(room.Receive(ann, R"({"t":"begin","n":4,"c":0,"w":40,"p":[1,2]})"));
  EXPECT_EQ(Enter(ben, "a", "Ann")["you"], 2) << "a copied tab is somebody else";
  room.Leave(ann);
  room.Leave(ben);
  FakeParticipant again;
  const json welcome = Enter(again, "a", "Ann");
  EXPECT_EQ(welcome["you"], 2);
  FakeParticipant third;
  EXPECT_EQ(Enter(third, "b", "Ben")["you"], 3);
}

TEST_F(RoomTest, NotesCanBeMovedByAnyoneButMadeOnlyByTheirAuthor) {
  Enter(ann, "a", "Ann");
  Enter(ben, "b", "Ben");
  ASSERT_TRUE(room.Receive(ann, R"({"t":"note","by":1,"n":1,"c":1,"p":[7,8],"text":"hi"})"));
  ASSERT_TRUE(room.Receive(ben, R"({"t":"note","by":1,"n":1,"c":1,"p":[9,9],"text":"hi"})"));
  ASSERT_TRUE(room.Receive(ben, R"({"t":"note","by":1,"n":2,"c":1,"p":[9,9],"text":"forged"})"));
  ASSERT_EQ(room.board().items().size(), 1u);
  EXPECT_EQ(room.board().items().front().points, std::vector<int32_t>({9, 9}));
  ASSERT_TRUE(room.Receive(ben, R"({"t":"remove","by":1,"n":1})"));
  EXPECT_TRUE(room.board().items().empty());
}

TEST_F(RoomTest, AStrokeOfAnotherCannotBeRemovedOrTurnedIntoANote) {
  Enter(ann, "a", "Ann");
  Enter(ben, "b", "Ben");
  ASSERT_TRUE(room.Receive(ann, R"({"t":"begin","n":1,"c":0,"w":40,"p":[1,2]})"));
  ASSERT_TRUE(room.Receive(ben, R"({"t":"remove","by":1,"n":1})"));
  ASSERT_TRUE(room.Receive(ben, R"({"t":"note","by":1,"n":1,"c":1,"p":[9,9],"text":"x"})"));
  ASSERT_EQ(room.board().items().size(), 1u);
  EXPECT_EQ(room.board().items().front().text, "");
}

TEST_F(RoomTest, MalformedMessagesAreRefusedAndChangeNothing) {
  EXPECT_FALSE(room.Receive(ann, R"({"t":"undo"})")) << "no hello yet";
  Enter(ann, "a", "Ann");
  for (const char* bad : {
           "",
           "{",
           "[]",
           "null",
           "{}",
           R"({"t":1})",
           R"({"t":"what"})",
           R"({"t":"hello","key":"a","name":"again"})",
           R"({"t":"begin","n":1,"c":0,"w":40,"p":[]})",
           R"({"t":"begin","n":1,"c":0,"w":40,"p":[1]})",
           R"({"t":"begin","n":1,"c":0,"w":40,"p":[16001,1]})",
           R"({"t":"begin","n":1,"c":0,"w":40,"p":[1,10001]})",
           R"({"t":"begin","n":1,"c":0,"w":40,"p":[-1,1]})",
           R"({"t":"begin","n":1,"c":0,"w":40,"p":[1.5,1]})",
           R"({"t":"begin","n":1,"c":8,"w":40,"p":[1,1]})",
           R"({"t":"begin","n":1,"c":0,"w":601,"p":[1,1]})",
           R"({"t":"begin","n":4294967295,"c":0,"w":4,"p":[1,1]})",
           R"({"t":"note","by":1,"n":1,"c":1,"p":[1,1],"text":""})",
           R"({"t":"note","by":1,"n":1,"c":1,"p":[1,1,2,2],"text":"x"})",
           R"({"t":"react","p":[1,1],"e":6})",
           R"({"t":"cursor","p":"x"})",
           R"({"t":"me","name":1,"c":1})",
       }) {
    EXPECT_FALSE(room.Receive(ann, bad)) << bad;
  }
  EXPECT_FALSE(room.Receive(ann, std::string(10000, '['))) << "deeply nested";
  const std::string long_name(kNameBytesMax + 1, 'x');
  EXPECT_FALSE(room.Receive(ann, json{{"t", "me"}, {"name", long_name}, {"c", 1}}.dump()));
  EXPECT_TRUE(room.board().items().empty());
}

TEST_F(RoomTest, AFullRoomTakesNobody) {
  std::vector<FakeParticipant> crowd(kPeopleMax);
  for (size_t i = 0; i < kPeopleMax; ++i) {
    ASSERT_FALSE(room.is_full());
    ASSERT_TRUE(room.Receive(
        crowd[i], json{{"t", "hello"}, {"key", std::to_string(i)}, {"name", "x"}}.dump()));
  }
  EXPECT_TRUE(room.is_full());
  EXPECT_FALSE(room.Receive(ann, R"({"t":"hello","key":"late","name":"Ann"})"));
  room.Leave(crowd[0]);
  Enter(ann, "late", "Ann");
}

}  // namespace
}  // namespace spawner::examples
