#ifndef SPAWNER_DEPLOY_EXAMPLES_SERVER_LIMITS_H_
#define SPAWNER_DEPLOY_EXAMPLES_SERVER_LIMITS_H_

#include <chrono>
#include <cstddef>
#include <cstdint>

namespace spawner::examples {

// A request's line and headers. The proxy adds claims of up to 2 KiB, twice.
constexpr uint32_t kRequestHeadBytesMax = 64 * 1024;
// A body that no handler wanted is read up to here to keep the connection; beyond it is closed.
constexpr size_t kUnreadBodyBytesMax = 1024 * 1024;
// One read of a body.
constexpr size_t kBodyPieceBytes = 16 * 1024;
// From SIGTERM to the end of the process, whatever clients do.
constexpr std::chrono::milliseconds kStopMax(1000);
// For a WebSocket's opening and closing handshakes.
constexpr std::chrono::seconds kHandshakeMax(5);
constexpr int kListenBacklog = 1024;
// A wait after accept() failed, which out of descriptors it does until one is free.
constexpr std::chrono::milliseconds kAcceptBackoff(20);

}  // namespace spawner::examples

#endif  // SPAWNER_DEPLOY_EXAMPLES_SERVER_LIMITS_H_
