#ifndef SPAWNER_CONTROLLER_KUBE_HTTP_TRANSPORT_H_
#define SPAWNER_CONTROLLER_KUBE_HTTP_TRANSPORT_H_

#include <cstdint>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace spawner::kube {

// One request to a Kubernetes API server. The transport knows the server and adds credentials.
struct HttpRequest {
  std::string method = "GET";
  std::string path;          // with query: "/api/v1/namespaces/a/pods?watch=true"
  std::string content_type;  // of `body`; empty without one
  std::string body;
  // From start to end; for a stream: the longest silence, which may be infinite. UNAVAILABLE when
  // it is over.
  absl::Duration timeout = absl::Seconds(30);
  bool is_stream = false;
  // A stream that SetPaused works on. Over a connection of its own: on a shared one, what nobody
  // takes would be in everybody's way.
  bool is_pausable = false;
};

// Gets one response, on the thread that calls HttpTransport::Poll. OnEnd comes exactly once and
// last, unless the request is cancelled: then nothing comes any more. May start and cancel requests
// from within a call, its own too.
class HttpHandler {
 public:
  virtual ~HttpHandler() = default;
  virtual void OnHead(int code, std::optional<absl::Duration> retry_after) = 0;
  virtual void OnData(absl::string_view chunk) = 0;
  // OK: the response is complete, whatever its code. UNAVAILABLE: no or half an answer; the message
  // says why. UNAUTHENTICATED: the credentials can't be read.
  virtual void OnEnd(const absl::Status& status) = 0;
};

// Seam 3 of 4 (network to Kubernetes): CurlTransport reaches a real server, local::LocalKubernetes
// is one, tests drop and delay what passes.
// Thread: the loop's, but for Wake.
class HttpTransport {
 public:
  using RequestId = uint64_t;  // never 0

  virtual ~HttpTransport() = default;
  // `handler` outlives the response or the call of Cancel. It is never called from within Start.
  virtual RequestId Start(HttpRequest request, HttpHandler* handler) = 0;
  // Ends the request without a further call of its handler. An id that is over is ignored.
  virtual void Cancel(RequestId id) = 0;
  // While paused, a pausable stream's handler gets no data once Poll has returned; the sender has
  // to wait as soon as the buffers of sockets are full. An id that is over is ignored.
  virtual void SetPaused(RequestId id, bool is_paused) = 0;
  // Moves all requests on and calls handlers; waits for at most `max_wait`, less if a response
  // moves or Wake is called. The loop's only wait.
  virtual void Poll(absl::Duration max_wait) = 0;
  // Any thread: ends the present or the next Poll's wait.
  virtual void Wake() = 0;
  // For status and logs: "https://10.0.0.1:6443", "local".
  virtual std::string Describe() const = 0;
};

}  // namespace spawner::kube

#endif  // SPAWNER_CONTROLLER_KUBE_HTTP_TRANSPORT_H_
