#ifndef SPAWNER_CONTROLLER_FLAGS_H_
#define SPAWNER_CONTROLLER_FLAGS_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "base/address.h"
#include "base/flags.h"
#include "base/log.h"
#include "controller/core/fairness.h"
#include "controller/security_flags.h"

namespace spawner {

// The controller's command line, every value checked. --help is the reference.
struct ControllerFlags {
  Address listen;
  Address http_listen;
  std::string advertise_address;  // empty: made from $POD_IP or --listen
  std::string kubeconfig;         // empty: in-cluster, or --local
  bool local = false;
  std::vector<std::string> namespaces;  // empty: the kubeconfig's, or "default"; {"*"}: all
  std::string base_domain;
  std::string public_url;
  std::string http_public_url;     // empty: unknown
  absl::Duration lost_proxy_hold;  // infinite: never
  absl::Duration node_lost_after;  // infinite: never
  LogLevel log_level = LogLevel::kInfo;
  SecurityFlags security;
  core::FairnessLimits fairness;
};

// For --help and --version, and what ParseControllerFlags parses.
Program ControllerProgram();

// `arguments` without the program's name. INVALID_ARGUMENT is one line that says what is allowed.
// Reads nothing but its arguments: may be called more than once.
absl::StatusOr<ControllerFlags> ParseControllerFlags(const std::vector<std::string>& arguments);

}  // namespace spawner

#endif  // SPAWNER_CONTROLLER_FLAGS_H_
