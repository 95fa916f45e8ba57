#ifndef SPAWNER_CONTROLLER_CORE_PARAMS_H_
#define SPAWNER_CONTROLLER_CORE_PARAMS_H_

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "base/ids.h"
#include "controller/session/session.h"
#include "controller/session/spec.h"

// What core::Service is asked and what it answers: values, validated by the edge.
namespace spawner::core {

enum class StartedFrom { kCold = 1, kWarm = 2, kLive = 3 };

// What a Connect does with a live session of another tag. Numbers as in the API.
enum class OnMismatch { kFail = 1, kReplace = 2, kReplaceIfIdle = 3 };

struct ConnectParams {
  std::string ns;
  SessionKey key;                   // empty name: a session without a key
  std::optional<SessionSpec> spec;  // validated by the edge
  std::string request_id;           // may be empty
  std::string payload_hash;         // of the request but its request_id; empty without request_id
  bool wait_until_ready = false;
  OnMismatch on_mismatch = OnMismatch::kFail;
  std::string user;  // of the grant
};

struct ConnectResult {
  SessionView session;
  bool created = false;
  StartedFrom started_from = StartedFrom::kCold;
  // Stable for the same request_id, so that a retry gives the same grant.
  std::string grant_id;
  // The grant's iat is not before this: what was revoked until now does not take it back.
  absl::Time issue_not_before = absl::UnixEpoch();
  uint32_t leadership = 0;  // the term, for one-time tokens; 0: nobody leads, as far as known
};

// A further grant of a live session.
struct GrantParams {
  std::string ns;
  SessionId id;
  std::string user;
  std::string request_id;    // may be empty
  std::string payload_hash;  // as of ConnectParams
};

// One grant, or all of one user, or all.
struct RevokeParams {
  std::string ns;
  SessionId id;
  std::string grant_id;
  std::string user;
  bool all = false;
};

struct RevokeResult {
  std::vector<std::string> pending_proxies;  // that may still let in what was revoked
};

struct TerminateParams {
  std::string ns;
  SessionId id;
  bool hard = false;
  bool only_if_idle = false;
  Epoch epoch;       // 0: any
  std::string etag;  // empty: any
  EndReason reason = EndReason::kRequested;
  std::string message = "it was ended on request";
};

struct KeepAliveParams {
  std::string ns;
  SessionId id;
  std::string owner;
  std::string reason;
  absl::Duration ttl;  // 0: releases
  Epoch epoch;         // 0: any
};

struct KeepAliveResult {
  std::optional<absl::Time> expire_time;  // nullopt: released
  bool is_capped = false;
};

struct WaitParams {
  std::string ns;
  SessionId id;
  std::vector<SessionState> states;  // any of these; not empty
  absl::Duration timeout;
  Epoch epoch;  // 0: the newest incarnation, and what comes after it
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
  std::shared_ptr<const SessionView> session;  // the same for all watchers; null for a bookmark
  std::string version;
};

}  // namespace spawner::core

#endif  // SPAWNER_CONTROLLER_CORE_PARAMS_H_
