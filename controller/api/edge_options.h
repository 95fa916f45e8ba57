#ifndef SPAWNER_CONTROLLER_API_EDGE_OPTIONS_H_
#define SPAWNER_CONTROLLER_API_EDGE_OPTIONS_H_

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "base/grpc_security.h"
#include "controller/api/key_rotation.h"
#include "controller/api/urls.h"

namespace spawner::auth {
class Guard;
}
namespace spawner::core {
class Fairness;
class PodUsage;
struct Operations;
}  // namespace spawner::core

namespace spawner::api {

// Runs a function on the loop's thread: CoreLoop::Post. Any thread.
using Poster = std::function<void(std::function<void()>)>;

// Metadata by which the HTTP port tells whom it calls for: "10.0.0.7:5123". Believed of calls
// within this process only.
inline constexpr char kPeerHeader[] = "spawner-peer";

struct EdgeOptions {
  std::vector<std::string> namespaces;  // that are served; {"*"}: all
  SessionUrls urls;
  // Where the HTTP port is reached, "http(s)://HOST[:PORT]"; empty: unknown.
  std::string http_public_url;
  absl::Time start_time;
  // The image of a spec that has only a command: --local runs commands, no images. Empty: such a
  // spec is refused.
  std::string command_image;
  // "create pods 201" -> n, since start. Called on the loop.
  std::function<std::map<std::string, int64_t>()> kubernetes_requests;
  // Who may call: null, everybody. Outlives the edge.
  auth::Guard* guard = nullptr;
  TlsClientFiles peer_tls;  // of calls to the leader
  // Who has to wait or has had enough: null, nobody. Outlives the edge.
  core::Fairness* fairness = nullptr;
  KeyRotation rotate_keys = nullptr;
  const core::Operations* operations = nullptr;  // of Diagnose and Uninstall; outlives the edge
  // What pods use; null: nobody knows, for they are processes of this machine. Outlives the edge.
  core::PodUsage* usage = nullptr;
};

}  // namespace spawner::api

#endif  // SPAWNER_CONTROLLER_API_EDGE_OPTIONS_H_
