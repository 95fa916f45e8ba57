#ifndef SPAWNER_PROXY_FORWARD_WORKBENCH_H_
#define SPAWNER_PROXY_FORWARD_WORKBENCH_H_

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "base/clock.h"
#include "base/ip_ranges.h"
#include "base/random.h"
#include "proxy/forward/counters.h"
#include "proxy/forward/limits.h"
#include "proxy/forward/turn_bytes.h"
#include "proxy/http/head.h"
#include "proxy/http/rewrite.h"
#include "proxy/io/counter.h"
#include "proxy/io/io.h"
#include "proxy/io/limits.h"
#include "proxy/io/timers.h"
#include "proxy/route/authorizer.h"
#include "proxy/route/connection_caps.h"

namespace spawner::proxy {

class AccessLog;
class Downstream;
class Sessions;
class TokenUses;
class Tunnels;

struct ForwardOptions {
  // Sessions are "{id}.{base_domain}" and "/s/{id}/". Unset: only the static routes of the table,
  // whose ids are a host name or a path prefix.
  bool has_controller = false;
  std::string base_domain;
  // What they say of their clients is believed (X-Forwarded-For, -Proto).
  IpRanges trusted_proxies;
  // Requests that are not https get a 308 to it, at the port that clients see.
  bool redirects_to_https = false;
  uint16_t https_port = 443;
  HoldOptions hold;
  // Server-Timing in the backend's responses; those of held requests have it anyway.
  bool has_server_timing = false;
  bool makes_traceparent = false;  // for requests that have none
  std::string hsts;                // Strict-Transport-Security of https responses; empty: none
  ForwardLimits limits;
};

// What every answer to a request says besides its own.
struct ResponseExtras {
  std::vector<std::pair<std::string, std::string>> fields;
  bool owns_cors = false;
};

// What the connections of one worker share: the scratch buffer, parsed heads and strings that are
// used again for each message, and the time, which stands still within a turn.
// Thread: its worker's. Owner: Worker.
struct Workbench {
  explicit Workbench(Io& the_io) : io(the_io), scratch(new char[kScratchBytes]) {}

  Io& io;
  Timers timers;
  Instant now;
  uint64_t turn = 0;  // its number
  TurnBytes bytes;
  ForwardOptions options;
  ConnectionCaps* caps = nullptr;    // null: no session has a cap
  ConnectionCaps* held = nullptr;    // null: held requests are counted in this worker alone
  Authorizer* authorizer = nullptr;  // null: every request is allowed
  AccessLog* access_log = nullptr;   // null: none
  Sessions* sessions = nullptr;      // set by Worker, before the first connection
  Tunnels* tunnels = nullptr;        // likewise
  TokenUses* token_uses = nullptr;   // likewise
  Io* h2_backends = nullptr;         // likewise: its sockets are streams of backends that speak h2c
  bool is_draining = false;
  Counters counters;

  // New work is refused, what is under way goes on.
  bool is_out_of_memory() const {
    const int64_t max = options.limits.memory_bytes_max;
    return max > 0 && io.held_bytes().value() >= max;
  }

  // Valid until the next read into it, by whomever: views of it are used up or copied before.
  std::unique_ptr<char[]> scratch;
  RequestHead request;
  ResponseHead response;
  std::string head_out;
  std::string payload;
  std::string target;
  std::string forwarded_for;
  std::vector<HeaderView> header_views;
  AuthDecision decision;
  std::vector<AddedField> added_fields;
  std::string ends_at;  // what one of them says
  SeededRandom random{0};   // of trace ids: no secret
  std::string traceparent;  // made for `request`; empty: it has its own, or none

  // What a client's socket of `its_io` counts as: a connection, or a stream of one.
  Counter& ClientsOf(const Io& its_io) {
    return &its_io == &io ? counters.clients : counters.h2_streams;
  }

  // Heads being sent come from here and go back, with their memory.
  std::string TakeString();
  void ReturnString(std::string text);

  // `downstream` has work left: it is told at the end of this turn or in the next one.
  void RunLater(Downstream* downstream) { later.push_back(downstream); }
  std::vector<Downstream*> later;

  // Destroyed at the end of the turn: whoever is dying may still be on the stack.
  void Bury(std::unique_ptr<IoHandler> handler) { graves.push_back(std::move(handler)); }
  std::vector<std::unique_ptr<IoHandler>> graves;

 private:
  std::vector<std::string> spare_strings_;
};

inline std::string Workbench::TakeString() {
  if (spare_strings_.empty()) return {};
  std::string text = std::move(spare_strings_.back());
  spare_strings_.pop_back();
  text.clear();
  return text;
}

inline void Workbench::ReturnString(std::string text) {
  constexpr size_t kSpareStringsMax = 128;
  if (text.capacity() > 64 && spare_strings_.size() < kSpareStringsMax) {
    spare_strings_.push_back(std::move(text));
  }
}

}  // namespace spawner::proxy

#endif  // SPAWNER_PROXY_FORWARD_WORKBENCH_H_
