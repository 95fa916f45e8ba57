#ifndef SPAWNER_CLI_SETTINGS_H_
#define SPAWNER_CLI_SETTINGS_H_

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "cli/arguments.h"
#include "cli/client.h"
#include "cli/surroundings.h"

namespace spawner::cli {

// Which controller to call, as whom.
struct Settings {
  std::string context;  // by whose name; "" without one
  Client::Options client;
  std::string ns;
  std::string warning;        // of the file; "" without one
  std::string token_warning;  // of how the token travels; "" without one
};

// "spawner.example:9090", "[::1]:9090"; no URL.
bool IsHostPort(absl::string_view text);

// Each thing by itself: the flag, else the environment, else the context, else the default.
// INVALID_ARGUMENT names what is wrong and where it stands.
absl::StatusOr<Settings> FindSettings(const Arguments& arguments, const Surroundings& surroundings);

}  // namespace spawner::cli

#endif  // SPAWNER_CLI_SETTINGS_H_
