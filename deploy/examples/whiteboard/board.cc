#include "deploy/examples/whiteboard/board.h"

#include <iterator>

#include "deploy/examples/whiteboard/limits.h"

namespace spawner::examples {

std::vector<ItemId> Board::Put(Item item) {
  const ItemId id = item.id;
  points_ += item.points.size() / 2;
  const auto found = by_id_.find(id);
  if (found != by_id_.end()) {
    points_ -= found->second->points.size() / 2;
    *found->second = std::move(item);
  } else {
    by_id_[id] = items_.insert(items_.end(), std::move(item));
  }
  return Evict(id);
}

bool Board::Extend(ItemId id, const std::vector<int32_t>& points, std::vector<ItemId>* evicted) {
  const auto found = by_id_.find(id);
  if (found == by_id_.end()) {
    return false;
  }
  std::vector<int32_t>& stroke = found->second->points;
  if ((stroke.size() + points.size()) / 2 > kStrokePointsMax) {
    return false;
  }
  stroke.insert(stroke.end(), points.begin(), points.end());
  points_ += points.size() / 2;
  *evicted = Evict(id);
  return true;
}

bool Board::Remove(ItemId id) {
  const auto found = by_id_.find(id);
  if (found == by_id_.end()) {
    return false;
  }
  points_ -= found->second->points.size() / 2;
  items_.erase(found->second);
  by_id_.erase(found);
  return true;
}

std::optional<ItemId> Board::LatestOf(uint32_t author) const {
  // Numbers of an author grow, so that the latest is the greatest.
  const auto after = by_id_.upper_bound(ItemId{author, UINT32_MAX});
  if (after == by_id_.begin() || std::prev(after)->first.author != author) {
    return std::nullopt;
  }
  return std::prev(after)->first;
}

uint32_t Board::NextNumberOf(uint32_t author) const {
  const std::optional<ItemId> latest = LatestOf(author);
  return latest ? latest->number + 1 : 1;
}

void Board::Clear() {
  items_.clear();
  by_id_.clear();
  points_ = 0;
}

const Item* Board::Find(ItemId id) const {
  const auto found = by_id_.find(id);
  return found == by_id_.end() ? nullptr : &*found->second;
}

std::vector<ItemId> Board::Evict(ItemId kept) {
  std::vector<ItemId> evicted;
  while (items_.size() > kItemsMax || points_ > kPointsMax) {
    auto oldest = items_.begin();
    if (oldest->id == kept) {
      ++oldest;  // one item alone is within the limits, so there is another
    }
    evicted.push_back(oldest->id);
    Remove(evicted.back());
  }
  return evicted;
}

}  // namespace spawner::examples
