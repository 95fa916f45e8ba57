#ifndef SPAWNER_CONTROLLER_CORE_PARAMS_H_
#define SPAWNER_CONTROLLER_CORE_PARAMS_H_

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/ids.h"
#include "controller/session/session.h"
#include "controller/session/spec.h"

// What core::Service is asked and what it answers: values, validated by the edge.
namespace spawner::core {

enum class StartedFrom { kCold = 1, kWarm = 2, kLive = 3 };

struct ConnectParams {
  std::string ns;
  SessionKey key;                   // empty name: a session without a key
  std::optional<SessionSpec> spec;  // validated by the edge
  std::string request_id;           // may be empty
  std::string payload_hash;         // of the request but its request_id; empty without request_id
  bool wait_until_ready = false;
};

struct ConnectResult {
  SessionView session;
  bool created = false;
  StartedFrom started_from = StartedFrom::kCold;
  // Stable for the same request_id, so that a retry gives the same grant.
  std::string grant_id;
};

struct TerminateParams {
  std::string ns;
  SessionId id;
  bool hard = false;
  bool only_if_idle = false;
  Epoch epoch;  // 0: any
};

struct ListParams {
  std::string ns;  // empty: all that are served
  int page_size = 100;
  std::string page_token;
  // Every condition must hold; empty: no condition.
  std::optional<SessionState> state;
  std::string key_prefix;
  std::map<std::string, std::string> labels;
};

struct ListResult {
  std::vector<SessionView> sessions;
  std::string next_page_token;
};

enum class WatchEventType { kAdded = 1, kModified = 2, kDeleted = 3, kBookmark = 4 };

struct WatchEvent {
  WatchEventType type = WatchEventType::kBookmark;
  SessionView session;
  std::string version;
};

}  // namespace spawner::core

#endif  // SPAWNER_CONTROLLER_CORE_PARAMS_H_
