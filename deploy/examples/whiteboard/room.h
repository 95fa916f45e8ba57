#ifndef SPAWNER_DEPLOY_EXAMPLES_WHITEBOARD_ROOM_H_
#define SPAWNER_DEPLOY_EXAMPLES_WHITEBOARD_ROOM_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "deploy/examples/whiteboard/board.h"
#include "nlohmann/json_fwd.hpp"

namespace spawner::examples {

// One connected person, as the room sees them.
class Participant {
 public:
  virtual ~Participant() = default;
  // Queues one JSON text, which all who get it share. Never calls back into the room.
  virtual void Send(const std::shared_ptr<const std::string>& text) = 0;
};

// The people at the board, and the protocol between them: JSON texts.
//
// From a page, after {"t":"hello","key","name"}:
//   cursor{p}  begin{n,c,w,p}  points{n,p}  note{by,n,c,p,text}  remove{by,n}  undo  clear
//   react{e,p}  me{name,c}
// To the pages: welcome{you,next,board,people,items} once, then what the others do, each with its
// author as "by" ("id" in join, leave and me). remove and clear reach their author too, who shows
// everything else without waiting for us.
class Room {
 public:
  // `title` is what the page calls the board.
  explicit Room(std::string title) : title_(std::move(title)) {}

  bool is_full() const;
  // Takes one text. False if it is malformed or out of turn: close that connection.
  bool Receive(Participant& from, std::string_view text);
  // The connection is over. `who` may never have said hello.
  void Leave(Participant& who);

  const Board& board() const { return board_; }
  size_t people() const { return people_.size(); }

 private:
  struct Person {
    uint32_t id = 0;
    std::string name;
    int32_t colour = 0;
  };

  bool Hello(Participant& from, const nlohmann::json& message);
  bool Me(Participant& from, Person& person, const nlohmann::json& message);
  bool Begin(Participant& from, const Person& person, const nlohmann::json& message);
  bool Points(Participant& from, const Person& person, const nlohmann::json& message);
  bool Note(Participant& from, const Person& person, const nlohmann::json& message);
  bool Remove(const nlohmann::json& message);
  bool Pass(Participant& from, const Person& person, const nlohmann::json& message);
  // The id that this key had, unless it is connected under it, else a new one.
  uint32_t IdOf(const std::string& key);
  void Welcome(Participant& to, const Person& person);
  void TellRemoved(const std::vector<ItemId>& ids);
  // To all but `except`, which may be null.
  void Tell(const Participant* except, const nlohmann::json& message);

  const std::string title_;
  Board board_;
  std::map<Participant*, Person> people_;
  std::map<std::string, uint32_t> authors_;  // key -> id
  uint32_t last_id_ = 0;
};

}  // namespace spawner::examples

#endif  // SPAWNER_DEPLOY_EXAMPLES_WHITEBOARD_ROOM_H_
