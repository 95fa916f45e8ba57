#ifndef SPAWNER_DEPLOY_EXAMPLES_ECHO_LIMITS_H_
#define SPAWNER_DEPLOY_EXAMPLES_ECHO_LIMITS_H_

#include <chrono>
#include <cstddef>
#include <cstdint>

namespace spawner::examples {

constexpr size_t kConnectionsMax = 10000;                // what tests of many sockets open
constexpr size_t kMessageBytesMax = 16 * 1024 * 1024;    // of a WebSocket; above: close code 1009
constexpr size_t kPieceBytesMax = 64 * 1024;             // of one read or write of a body
constexpr size_t kFileBytesMax = 1024 * 1024;            // of one PUT /file
constexpr uint64_t kBytesMax = uint64_t{1} << 50;        // of a body, a rate, a count of events
constexpr uint64_t kWaitMsMax = 24ull * 3600 * 1000;     // of one wait: a day
constexpr uint64_t kHogMebibytesMax = 1024 * 1024;       // of one /hog
constexpr std::chrono::milliseconds kPaceInterval(100);  // between the pieces of a slow body

}  // namespace spawner::examples

#endif  // SPAWNER_DEPLOY_EXAMPLES_ECHO_LIMITS_H_
