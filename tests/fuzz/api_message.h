#ifndef SPAWNER_TESTS_FUZZ_API_MESSAGE_H_
#define SPAWNER_TESTS_FUZZ_API_MESSAGE_H_

#include <cstddef>
#include <cstdint>
#include <string>

#include "absl/strings/string_view.h"
#include "google/protobuf/message.h"

namespace spawner::fuzz {

// The input of a fuzz target as a tape of choices. At its end every choice is 0.
class Tape {
 public:
  Tape(const uint8_t* data, size_t size) : data_(data), left_(size) {}

  bool is_over() const { return left_ == 0; }
  uint8_t Byte();
  size_t Choose(size_t choices) { return choices == 0 ? 0 : Byte() % choices; }
  std::string Text();  // at most 15 bytes, as they are

 private:
  const uint8_t* data_;
  size_t left_;
};

// What the requests of one input have in common: without it none would find the session of another.
struct Names {
  std::string ns = "team";
  std::string session = "none";
  uint64_t epoch = 0;
  std::string etag;
};

// Fills the message as the tape says: each field unset, or valid, or at a bound, or hostile; enums
// of numbers that do not exist, durations of both signs and too long, Structs too deep, unknown
// fields.
void Fill(Tape& tape, const Names& names, google::protobuf::Message& message);

}  // namespace spawner::fuzz

#endif  // SPAWNER_TESTS_FUZZ_API_MESSAGE_H_
