#ifndef SPAWNER_PROXY_ROUTE_BUSY_H_
#define SPAWNER_PROXY_ROUTE_BUSY_H_

#include <cstdint>
#include <optional>
#include <string>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace spawner::proxy {

// A backend's wish to stay alive though nobody is connected: decision 0014.
struct Busy {
  std::string session_id;
  uint64_t epoch = 0;
  absl::Duration ttl;  // 0: no longer
  std::string reason;
};

// Of a response's Spawner-Busy: "600" (seconds), or "600; exporting the film". Nullopt for what is
// none.
std::optional<Busy> ParseBusy(absl::string_view value);

}  // namespace spawner::proxy

#endif  // SPAWNER_PROXY_ROUTE_BUSY_H_
