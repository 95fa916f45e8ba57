#ifndef SPAWNER_PROXY_FLAGS_H_
#define SPAWNER_PROXY_FLAGS_H_

#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "base/address.h"
#include "base/log.h"

namespace spawner::proxy {

// The command line, checked.
struct Settings {
  Address listen;
  std::optional<Address> admin_listen;
  std::string controller;  // "HOST:PORT"; empty: static routes
  std::string base_domain;
  std::string static_routes;  // a file; empty: a controller
  int workers = 1;
  absl::Duration drain_timeout;
  LogLevel log_level = LogLevel::kInfo;
};

// Handles --help and --version itself (exit 0). Anything wrong: one line on stderr that says what
// is allowed, and exit 2.
Settings ParseFlagsOrExit(int argc, char** argv);

// The check behind it. INVALID_ARGUMENT: "--flag: why".
absl::StatusOr<Settings> SettingsFromFlags();

}  // namespace spawner::proxy

#endif  // SPAWNER_PROXY_FLAGS_H_
