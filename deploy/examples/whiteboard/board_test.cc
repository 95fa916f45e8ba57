#include "deploy/examples/whiteboard/board.h"

#include <gtest/gtest.h>

#include "deploy/examples/whiteboard/limits.h"

namespace spawner::examples {
namespace {

Item Stroke(uint32_t author, uint32_t number, size_t points = 1) {
  Item item;
  item.id = {author, number};
  item.points.assign(points * 2, 0);
  return item;
}

TEST(Board, KeepsItemsInTheOrderTheyCame) {
  Board board;
  board.Put(Stroke(2, 1));
  board.Put(Stroke(1, 1));
  board.Put(Stroke(2, 1, 3));  // replaces in place
  ASSERT_EQ(board.items().size(), 2u);
  EXPECT_EQ(board.items().front().id, (ItemId{2, 1}));
  EXPECT_EQ(board.points(), 4u);
}

TEST(Board, FindsTheLatestOfAnAuthorOnly) {
  Board board;
  EXPECT_EQ(board.LatestOf(1), std::nullopt);
  board.Put(Stroke(1, 1));
  board.Put(Stroke(1, 9));
  board.Put(Stroke(3, 4));
  EXPECT_EQ(board.LatestOf(1), (ItemId{1, 9}));
  EXPECT_EQ(board.LatestOf(2), std::nullopt);
  EXPECT_EQ(board.NextNumberOf(1), 10u);
  EXPECT_EQ(board.NextNumberOf(2), 1u);
}

TEST(Board, TheOldestItemsGiveWay) {
  Board board;
  for (uint32_t i = 1; i <= kItemsMax; ++i) {
    EXPECT_TRUE(board.Put(Stroke(1, i)).empty());
  }
  EXPECT_EQ(board.Put(Stroke(2, 1)), std::vector<ItemId>({{1, 1}}));
  EXPECT_EQ(board.items().size(), kItemsMax);
}

TEST(Board, PointsAreBoundedAndTheGrowingStrokeStays) {
  Board board;
  const uint32_t full = kPointsMax / kStrokePointsMax;
  board.Put(Stroke(7, 1, kStrokePointsMax / 2));
  for (uint32_t i = 1; i < full; ++i) {
    board.Put(Stroke(1, i, kStrokePointsMax));
  }
  const std::vector<int32_t> half(kStrokePointsMax, 0);
  std::vector<ItemId> evicted;
  ASSERT_TRUE(board.Extend({7, 1}, half, &evicted));
  EXPECT_TRUE(evicted.empty());
  EXPECT_EQ(board.points(), kPointsMax);
  EXPECT_FALSE(board.Extend({7, 1}, {1, 1}, &evicted)) << "the stroke is full";
  EXPECT_EQ(board.Put(Stroke(2, 1)), std::vector<ItemId>({{7, 1}}));

  Board grows;
  grows.Put(Stroke(7, 1, 1));
  for (uint32_t i = 1; i <= full; ++i) {
    grows.Put(Stroke(1, i, kStrokePointsMax - (i == full ? 1 : 0)));
  }
  ASSERT_TRUE(grows.Extend({7, 1}, {1, 1}, &evicted));
  EXPECT_EQ(evicted, std::vector<ItemId>({{1, 1}})) << "not the stroke that grows";
}

TEST(Board, ForgetsWhatIsRemoved) {
  Board board;
  board.Put(Stroke(1, 1, 5));
  EXPECT_FALSE(board.Remove({1, 2}));
  EXPECT_TRUE(board.Remove({1, 1}));
  EXPECT_EQ(board.points(), 0u);
  std::vector<ItemId> evicted;
  EXPECT_FALSE(board.Extend({1, 1}, {0, 0}, &evicted));
}

}  // namespace
}  // namespace spawner::examples
