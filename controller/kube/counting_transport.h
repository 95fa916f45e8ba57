#ifndef SPAWNER_CONTROLLER_KUBE_COUNTING_TRANSPORT_H_
#define SPAWNER_CONTROLLER_KUBE_COUNTING_TRANSPORT_H_

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <unordered_map>
#include <utility>

#include "controller/kube/http_transport.h"

namespace spawner::kube {

// Labels of spawner_kubernetes_requests_total. The code is 0 when no answer came.
struct RequestLabels {
  std::string verb;      // as RBAC has it: get, list, watch, create, update, patch, delete
  std::string resource;  // "pods", "leases"
  int code = 0;

  auto operator<=>(const RequestLabels&) const = default;
};

// Passes all through to `inner` and counts each request once, when its head or its end without one
// comes: a watch counts while it runs, a cancelled request only if it was answered.
// Thread: the loop's, but for Wake. Owner: main.
class CountingTransport final : public HttpTransport {
 public:
  explicit CountingTransport(HttpTransport& inner);
  ~CountingTransport() override;
  CountingTransport(const CountingTransport&) = delete;
  CountingTransport& operator=(const CountingTransport&) = delete;

  RequestId Start(HttpRequest request, HttpHandler* handler) override;
  void Cancel(RequestId id) override;
  void SetPaused(RequestId id, bool is_paused) override { inner_.SetPaused(id, is_paused); }
  void Poll(absl::Duration max_wait) override { inner_.Poll(max_wait); }
  void Wake() override { inner_.Wake(); }
  std::string Describe() const override { return inner_.Describe(); }

  // Grows with verbs x resources x codes: some dozens.
  const std::map<RequestLabels, uint64_t>& counts() const { return counts_; }

 private:
  class Tap;
  HttpTransport& inner_;
  std::map<RequestLabels, uint64_t> counts_;
  std::unordered_map<RequestId, std::unique_ptr<Tap>> taps_;
};

}  // namespace spawner::kube

#endif  // SPAWNER_CONTROLLER_KUBE_COUNTING_TRANSPORT_H_
