#ifndef SPAWNER_PROXY_FORWARD_ACCESS_RECORD_H_
#define SPAWNER_PROXY_FORWARD_ACCESS_RECORD_H_

#include <cstdint>
#include <string>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace spawner::proxy {

// What the access log says of one request, or of a tunnel once it has ended. No header's value but
// Host and the trace id gets in, so neither tokens nor cookies can.
struct AccessRecord {
  absl::Time at;  // when its head was there
  std::string client;
  std::string method;
  std::string host;
  std::string path;  // WithoutSecrets
  std::string protocol;
  bool is_secure = false;
  std::string trace;  // of its traceparent, or of the one made for it
  // Once they are known.
  std::string session;
  uint64_t epoch = 0;
  std::string reason;  // of an answer of the proxy's own: "SESSION_ENDED"
  int status = 0;
  uint64_t bytes_in = 0;  // of bodies and tunnels
  uint64_t bytes_out = 0;
  bool was_held = false;
  absl::Duration held;  // until it was sent to the backend, or answered
  bool was_sent = false;
  absl::Duration upstream;  // from there to the head of the backend's answer
  absl::Duration total;
};

// `target` as far as it may be written down: every value of its query and of its path's parameters
// is "*", whatever its name, since the names of secrets are the applications' own. Little longer
// than kLoggedTextMax bytes, whatever it is.
std::string WithoutSecrets(absl::string_view target);

// Appends one line of JSON.
void AppendAccessLine(const AccessRecord& record, std::string* out);

}  // namespace spawner::proxy

#endif  // SPAWNER_PROXY_FORWARD_ACCESS_RECORD_H_
