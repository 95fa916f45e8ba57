#ifndef SPAWNER_CONTROLLER_CORE_CORE_OPTIONS_H_
#define SPAWNER_CONTROLLER_CORE_CORE_OPTIONS_H_

#include <string>
#include <vector>

#include "absl/time/time.h"

namespace spawner::core {

struct CoreOptions {
  std::string controller_id;
  std::vector<std::string> namespaces;  // to be listed before anything is decided; {""}: all
  std::string install_secret;           // makes ids and grant ids; the same for all controllers
  std::string kubernetes;               // for status
  absl::Duration lost_proxy_hold = absl::Minutes(10);
  absl::Duration node_lost_after = absl::Minutes(5);
};

}  // namespace spawner::core

#endif  // SPAWNER_CONTROLLER_CORE_CORE_OPTIONS_H_
