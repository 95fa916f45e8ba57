#ifndef SPAWNER_PROXY_FORWARD_EXCHANGE_PHASE_H_
#define SPAWNER_PROXY_FORWARD_EXCHANGE_PHASE_H_

#include <cstdint>

#include "base/clock.h"

namespace spawner::proxy {

// How far a request is.
enum class ExchangePhase : uint8_t {
  kNone,
  kPending,     // held, or waiting behind a gate
  kConnecting,  // to the backend
  kRefused,     // by a young backend: waits to try again
  kAwaiting,    // the head is sent, the response's has not come
  kRelaying,    // the response's head is sent
  kFlushing,    // everything is done but for what the client has not taken
};

// What a request found out about its one-time token.
struct GrantUse {
  uint64_t grant = 0;   // GrantMark::id
  uint64_t ticket = 0;  // of TokenUses, while nobody has answered; else 0
  Instant until;        // then it waits no longer
  bool is_first = false;
};

}  // namespace spawner::proxy

#endif  // SPAWNER_PROXY_FORWARD_EXCHANGE_PHASE_H_
