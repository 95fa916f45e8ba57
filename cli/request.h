#ifndef SPAWNER_CLI_REQUEST_H_
#define SPAWNER_CLI_REQUEST_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "cli/arguments.h"
#include "spawner/v1/sessions.pb.h"

namespace spawner::cli {

// Flags of every verb that talks to a controller.
std::vector<Flag> CommonFlags();
// Flags of connect and run.
std::vector<Flag> ConnectFlags();

// Flags of who a grant is for: of connect and grant create.
std::vector<Flag> GrantFlags();
// Fills it from them. INVALID_ARGUMENT names the flag.
absl::Status FillGrant(const Arguments& arguments, v1::GrantSpec* grant);

// The request that connect and run send. INVALID_ARGUMENT names the flag. A spec is sent only if a
// flag or "-- COMMAND" says something of it.
absl::StatusOr<v1::ConnectRequest> MakeConnectRequest(const Arguments& arguments,
                                                      const std::string& ns);

// "abc", "session/abc", "sessions/abc" or a full name, as "namespaces/{ns}/sessions/{id}".
std::string SessionName(const std::string& text, const std::string& ns);

}  // namespace spawner::cli

#endif  // SPAWNER_CLI_REQUEST_H_
