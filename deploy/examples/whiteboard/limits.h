#ifndef SPAWNER_DEPLOY_EXAMPLES_WHITEBOARD_LIMITS_H_
#define SPAWNER_DEPLOY_EXAMPLES_WHITEBOARD_LIMITS_H_

#include <cstddef>
#include <cstdint>

namespace spawner::examples {

// The board in tenths of a unit; page/board.js has the same numbers.
constexpr int32_t kWidth = 16000;
constexpr int32_t kHeight = 10000;
constexpr int32_t kColours = 8;
constexpr int32_t kReactions = 6;
constexpr int32_t kPenWidthMax = 600;

constexpr size_t kPeopleMax = 64;          // at a time; the next gets close code 1013
constexpr size_t kAuthorsMax = 1024;       // remembered, so that they can undo after a reconnect
constexpr size_t kItemsMax = 2000;         // strokes and notes; the oldest give way
constexpr size_t kPointsMax = 100 * 1000;  // of all strokes together: a welcome of about 1.1 MB
constexpr size_t kStrokePointsMax = 2000;  // the page begins a new stroke at half of it
constexpr size_t kNoteBytesMax = 400;
constexpr size_t kNameBytesMax = 48;
constexpr size_t kKeyBytesMax = 64;
constexpr size_t kMessageBytesMax = 16 * 1024;       // from a client; above: close code 1009
constexpr size_t kOutboxBytesMax = 4 * 1024 * 1024;  // unsent to one client; above: dropped
constexpr size_t kConnectionsMax = 4 * kPeopleMax;   // page loads included

}  // namespace spawner::examples

#endif  // SPAWNER_DEPLOY_EXAMPLES_WHITEBOARD_LIMITS_H_
