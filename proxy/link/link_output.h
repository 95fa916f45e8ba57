#ifndef SPAWNER_PROXY_LINK_LINK_OUTPUT_H_
#define SPAWNER_PROXY_LINK_LINK_OUTPUT_H_

#include <optional>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "base/clock.h"
#include "proxy/link/inspect_book.h"
#include "proxy/link/use_book.h"
#include "proxy/route/route.h"

namespace spawner::proxy {

// What Link wants done, in the order of the members.
struct LinkOutput {
  bool hang_up = false;             // cancel the stream there is
  bool finish = false;              // half-close it: nothing more will be written
  std::optional<std::string> dial;  // open a stream to this address, with number Link::stream()
  // For every worker, the state first: new routes need the keys that came with it.
  std::optional<LinkState> state;
  std::vector<RouteChange> changes;    // in this order
  std::vector<InspectAsked> inspects;  // to be answered by OnInspected
  std::vector<UseBook::Answered> uses;
  // Leave, as at SIGTERM; what is open then ends this much later. Infinite: as the flag says.
  std::optional<absl::Duration> drain;
  Instant wake_at = Instant::Infinite();
};

}  // namespace spawner::proxy

#endif  // SPAWNER_PROXY_LINK_LINK_OUTPUT_H_
