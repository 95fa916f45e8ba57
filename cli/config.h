#ifndef SPAWNER_CLI_CONFIG_H_
#define SPAWNER_CLI_CONFIG_H_

#include <functional>
#include <map>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace spawner::cli {

// One controller, as one person calls it. Empty fields say nothing.
struct Context {
  std::string address;      // "HOST:PORT"
  std::string ns;           // "namespace" in the file
  std::string token;        // a secret
  std::string token_file;   // read for each command; a token that is renewed lives here
  std::string ca;           // a file of PEM certificates: TLS, and whom we trust
  std::string cert;         // a file of PEM certificates: who we are; "client_cert"
  std::string key;          // its key; "client_key"
  std::string server_name;  // that the controller's certificate is for, if not the address's
};

// The members by the names that they have in the file and on the command line ("token-file").
const std::map<std::string, std::string Context::*>& ContextMembers();

// Contexts by name, one of which is in use:
//   current: prod
//   contexts:
//     prod: {address: "spawner.example:9090", ca: /etc/spawner/ca.pem, token_file: /run/token}
struct Config {
  std::string current;
  std::map<std::string, Context> contexts;
};

// INVALID_ARGUMENT names what it does not know.
absl::StatusOr<Config> ParseConfig(absl::string_view yaml);
std::string WriteConfig(const Config& config);

// $SPAWNER_CONFIG, else spawner/config.yaml in $XDG_CONFIG_HOME or ~/.config; "" without a home.
std::string ConfigPath(const std::function<std::string(const char*)>& environment);

// No file is an empty configuration. `warning` says if others may read it.
absl::StatusOr<Config> LoadConfig(const std::string& path, std::string* warning);
// Replaces the file at once, readable for its owner alone; makes its folder.
absl::Status SaveConfig(const std::string& path, const Config& config);

}  // namespace spawner::cli

#endif  // SPAWNER_CLI_CONFIG_H_
