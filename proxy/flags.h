#ifndef SPAWNER_PROXY_FLAGS_H_
#define SPAWNER_PROXY_FLAGS_H_

#include <cstdint>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "base/address.h"
#include "base/grpc_security.h"
#include "base/ip_ranges.h"
#include "base/log.h"
#include "proxy/forward/limits.h"
#include "proxy/io/descriptors.h"
#include "proxy/limit_flags.h"
#include "proxy/tls/tls_files.h"

namespace spawner::proxy {

// The command line, checked.
struct Settings {
  Address listen;
  std::optional<Address> admin_listen;
  std::string controller;  // "HOST:PORT"; empty: static routes
  TlsClientFiles controller_tls;
  std::string controller_token_file;
  std::string base_domain;
  std::string static_routes;  // a file; empty: a controller
  std::optional<Address> tls_listen;
  TlsFiles::Options tls_files;
  bool has_proxy_header = false;
  IpRanges trusted_proxies;
  bool redirects_to_https = false;
  uint16_t https_port = 443;
  absl::Duration hsts;  // zero: none
  HoldOptions hold;
  std::string access_log;  // a file, or "-"; empty: none
  double access_log_sample = 1;
  bool has_server_timing = false;
  bool makes_traceparent = false;
  int workers = 1;
  absl::Duration drain_timeout;
  LimitSettings limits;
  Descriptors::Bounds descriptors;
  LogLevel log_level = LogLevel::kInfo;
};

// Handles --help and --version itself (exit 0). Anything wrong: one line on stderr that says what
// is allowed, and exit 2. Raises the limit of open files, and divides what the machine has.
Settings ParseFlagsOrExit(int argc, char** argv);

// The check behind it. INVALID_ARGUMENT: "--flag: why".
absl::StatusOr<Settings> SettingsFromFlags();

}  // namespace spawner::proxy

#endif  // SPAWNER_PROXY_FLAGS_H_
