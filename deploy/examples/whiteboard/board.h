#ifndef SPAWNER_DEPLOY_EXAMPLES_WHITEBOARD_BOARD_H_
#define SPAWNER_DEPLOY_EXAMPLES_WHITEBOARD_BOARD_H_

#include <compare>
#include <cstddef>
#include <cstdint>
#include <list>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace spawner::examples {

// Who made an item, and which of theirs it is.
struct ItemId {
  uint32_t author = 0;
  uint32_t number = 0;
  auto operator<=>(const ItemId&) const = default;
};

// A stroke, or a note if it has a text. Coordinates alternate: x, y, x, y, ...
struct Item {
  ItemId id;
  int32_t colour = 0;
  int32_t width = 0;
  std::vector<int32_t> points;
  std::string text;
};

// What is on the board, oldest first, within kItemsMax and kPointsMax.
class Board {
 public:
  // Adds an item, or replaces the one with its id in place. Returns what had to give way for it.
  std::vector<ItemId> Put(Item item);
  // Lengthens a stroke. False if it is not there (any more) or full.
  bool Extend(ItemId id, const std::vector<int32_t>& points, std::vector<ItemId>* evicted);
  bool Remove(ItemId id);
  // The latest item of this author.
  std::optional<ItemId> LatestOf(uint32_t author) const;
  // Above all numbers this author has on the board.
  uint32_t NextNumberOf(uint32_t author) const;
  void Clear();

  const Item* Find(ItemId id) const;
  const std::list<Item>& items() const { return items_; }
  size_t points() const { return points_; }

 private:
  // Removes the oldest items, but not `kept`, until the limits hold.
  std::vector<ItemId> Evict(ItemId kept);

  std::list<Item> items_;
  std::map<ItemId, std::list<Item>::iterator> by_id_;
  size_t points_ = 0;
};

}  // namespace spawner::examples

#endif  // SPAWNER_DEPLOY_EXAMPLES_WHITEBOARD_BOARD_H_
