#include "deploy/examples/whiteboard/room.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "deploy/examples/whiteboard/limits.h"
#include "nlohmann/json.hpp"

namespace spawner::examples {
namespace {

using nlohmann::json;

std::optional<uint32_t> Number(const json& message, const char* key, uint32_t max) {
  const auto found = message.find(key);
  if (found == message.end() || !found->is_number_unsigned() || found->get<uint64_t>() > max) {
    return std::nullopt;
  }
  return found->get<uint32_t>();
}

std::optional<std::string> Text(const json& message, const char* key, size_t bytes_max) {
  const auto found = message.find(key);
  if (found == message.end() || !found->is_string() ||
      found->get_ref<const std::string&>().size() > bytes_max) {
    return std::nullopt;
  }
  return found->get<std::string>();
}

// The pairs of "p", one at the least, each on the board.
std::optional<std::vector<int32_t>> PointsOf(const json& message, size_t points_max) {
  const auto found = message.find("p");
  if (found == message.end() || !found->is_array() || found->empty() || found->size() % 2 != 0 ||
      found->size() / 2 > points_max) {
    return std::nullopt;
  }
  std::vector<int32_t> points;
  for (const json& coordinate : *found) {
    const int32_t max = points.size() % 2 == 0 ? kWidth : kHeight;
    if (!coordinate.is_number_unsigned() ||
        coordinate.get<uint64_t>() > static_cast<uint64_t>(max)) {
      return std::nullopt;
    }
    points.push_back(coordinate.get<int32_t>());
  }
  return points;
}

std::shared_ptr<const std::string> Encode(const json& message) {
  // Texts came as valid UTF-8, but for SPAWNER_KEY, of which we know nothing.
  return std::make_shared<const std::string>(
      message.dump(-1, ' ', false, json::error_handler_t::replace));
}

json Encode(const Item& item) {
  json encoded = {{"by", item.id.author},
                  {"n", item.id.number},
                  {"c", item.colour},
                  {"w", item.width},
                  {"p", item.points}};
  if (!item.text.empty()) {
    encoded["text"] = item.text;
  }
  return encoded;
}

}  // namespace

bool Room::is_full() const { return people_.size() >= kPeopleMax; }

bool Room::Receive(Participant& from, std::string_view text) {
  const json message = json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (!message.is_object()) {
    return false;
  }
  const std::optional<std::string> type = Text(message, "t", 16);
  const auto known = people_.find(&from);
  if (known == people_.end() || !type) {
    return type == "hello" && Hello(from, message);
  }
  Person& person = known->second;
  if (type == "cursor" || type == "react") return Pass(from, person, message);
  if (type == "begin") return Begin(from, person, message);
  if (type == "points") return Points(from, person, message);
  if (type == "note") return Note(from, person, message);
  if (type == "remove") return Remove(message);
  if (type == "me") return Me(from, person, message);
  if (type == "undo") {
    if (const std::optional<ItemId> latest = board_.LatestOf(person.id)) {
      board_.Remove(*latest);
      TellRemoved({*latest});
    }
    return true;
  }
  if (type == "clear") {
    board_.Clear();
    Tell(nullptr, {{"t", "clear"}, {"by", person.id}});
    return true;
  }
  return false;
}

void Room::Leave(Participant& who) {
  const auto found = people_.find(&who);
  if (found == people_.end()) {
    return;
  }
  const uint32_t id = found->second.id;
  people_.erase(found);
  Tell(nullptr, {{"t", "leave"}, {"id", id}});
}

bool Room::Hello(Participant& from, const json& message) {
  const std::optional<std::string> key = Text(message, "key", kKeyBytesMax);
  const std::optional<std::string> name = Text(message, "name", kNameBytesMax);
  if (!key || !name || is_full()) {
    return false;
  }
  Person person;
  person.id = IdOf(*key);
  person.name = *name;
  person.colour = static_cast<int32_t>((person.id - 1) % kColours);
  Welcome(from, person);
  people_[&from] = person;
  Tell(&from, {{"t", "join"}, {"id", person.id}, {"name", person.name}, {"c", person.colour}});
  return true;
}

bool Room::Me(Participant& from, Person& person, const json& message) {
  const std::optional<std::string> name = Text(message, "name", kNameBytesMax);
  const std::optional<uint32_t> colour = Number(message, "c", kColours - 1);
  if (!name || !colour) {
    return false;
  }
  person.name = *name;
  person.colour = static_cast<int32_t>(*colour);
  Tell(&from, {{"t", "me"}, {"id", person.id}, {"name", *name}, {"c", *colour}});
  return true;
}

bool Room::Begin(Participant& from, const Person& person, const json& message) {
  const std::optional<uint32_t> number = Number(message, "n", UINT32_MAX - 1);
  const std::optional<uint32_t> colour = Number(message, "c", kColours - 1);
  const std::optional<uint32_t> width = Number(message, "w", kPenWidthMax);
  std::optional<std::vector<int32_t>> points = PointsOf(message, kStrokePointsMax);
  if (!number || !colour || !width || !points) {
    return false;
  }
  Item item;
  item.id = {person.id, *number};
  item.colour = static_cast<int32_t>(*colour);
  item.width = static_cast<int32_t>(*width);
  item.points = *std::move(points);
  json told = Encode(item);
  told["t"] = "begin";
  const std::vector<ItemId> evicted = board_.Put(std::move(item));
  Tell(&from, told);
  TellRemoved(evicted);
  return true;
}

bool Room::Points(Participant& from, const Person& person, const json& message) {
  const std::optional<uint32_t> number = Number(message, "n", UINT32_MAX - 1);
  const std::optional<std::vector<int32_t>> points = PointsOf(message, kStrokePointsMax);
  if (!number || !points) {
    return false;
  }
  std::vector<ItemId> evicted;
  // A stroke that somebody just cleared may still be growing at its author's.
  if (board_.Extend({person.id, *number}, *points, &evicted)) {
    Tell(&from, {{"t", "points"}, {"by", person.id}, {"n", *number}, {"p", *points}});
    TellRemoved(evicted);
  }
  return true;
}

bool Room::Note(Participant& from, const Person& person, const json& message) {
  const std::optional<uint32_t> author = Number(message, "by", UINT32_MAX);
  const std::optional<uint32_t> number = Number(message, "n", UINT32_MAX - 1);
  const std::optional<uint32_t> colour = Number(message, "c", kColours - 1);
  const std::optional<std::string> text = Text(message, "text", kNoteBytesMax);
  std::optional<std::vector<int32_t>> points = PointsOf(message, 1);
  if (!author || !number || !colour || !text || text->empty() || !points) {
    return false;
  }
  const ItemId id = {*author, *number};
  const Item* const before = board_.Find(id);
  // Anyone may move and edit a note, but only make their own.
  if (before == nullptr ? id.author != person.id : before->text.empty()) {
    return true;
  }
  Item item;
  item.id = id;
  item.colour = static_cast<int32_t>(*colour);
  item.points = *std::move(points);
  item.text = *text;
  json told = Encode(item);
  told["t"] = "note";
  const std::vector<ItemId> evicted = board_.Put(std::move(item));
  Tell(&from, told);
  TellRemoved(evicted);
  return true;
}

bool Room::Remove(const json& message) {
  const std::optional<uint32_t> author = Number(message, "by", UINT32_MAX);
  const std::optional<uint32_t> number = Number(message, "n", UINT32_MAX - 1);
  if (!author || !number) {
    return false;
  }
  const ItemId id = {*author, *number};
  const Item* const item = board_.Find(id);
  if (item != nullptr && !item->text.empty()) {  // strokes go by undo or clear only
    board_.Remove(id);
    TellRemoved({id});
  }
  return true;
}

bool Room::Pass(Participant& from, const Person& person, const json& message) {
  const std::optional<std::vector<int32_t>> points = PointsOf(message, 1);
  const bool is_reaction = message["t"] == "react";
  const std::optional<uint32_t> emoji = Number(message, "e", kReactions - 1);
  if (!points || (is_reaction && !emoji)) {
    return false;
  }
  json told = {{"t", message["t"]}, {"by", person.id}, {"p", *points}};
  if (is_reaction) {
    told["e"] = *emoji;
  }
  Tell(&from, told);
  return true;
}

uint32_t Room::IdOf(const std::string& key) {
  const auto is_here = [this](uint32_t id) {
    return std::any_of(people_.begin(), people_.end(),
                       [id](const auto& entry) { return entry.second.id == id; });
  };
  const auto known = authors_.find(key);
  if (known != authors_.end() && !is_here(known->second)) {
    return known->second;
  }
  if (authors_.size() >= kAuthorsMax) {
    std::erase_if(authors_, [&is_here](const auto& entry) { return !is_here(entry.second); });
  }
  authors_[key] = ++last_id_;
  return last_id_;
}

void Room::Welcome(Participant& to, const Person& person) {
  json people = json::array();
  for (const auto& [unused, other] : people_) {
    people.push_back({{"id", other.id}, {"name", other.name}, {"c", other.colour}});
  }
  json items = json::array();
  for (const Item& item : board_.items()) {
    items.push_back(Encode(item));
  }
  to.Send(Encode(json{{"t", "welcome"},
                      {"you", person.id},
                      {"c", person.colour},
                      {"next", board_.NextNumberOf(person.id)},
                      {"board", title_},
                      {"people", std::move(people)},
                      {"items", std::move(items)}}));
}

void Room::TellRemoved(const std::vector<ItemId>& ids) {
  for (const ItemId& id : ids) {
    Tell(nullptr, {{"t", "remove"}, {"by", id.author}, {"n", id.number}});
  }
}

void Room::Tell(const Participant* except, const json& message) {
  const std::shared_ptr<const std::string> text = Encode(message);
  for (const auto& [participant, unused] : people_) {
    if (participant != except) {
      participant->Send(text);
    }
  }
}

}  // namespace spawner::examples
