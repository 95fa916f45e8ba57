#ifndef SPAWNER_CONTROLLER_KUBE_CURL_TRANSPORT_H_
#define SPAWNER_CONTROLLER_KUBE_CURL_TRANSPORT_H_

#include <curl/curl.h>

#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "absl/status/statusor.h"
#include "base/clock.h"
#include "controller/kube/http_transport.h"
#include "controller/kube/kubeconfig.h"
#include "controller/kube/token_source.h"

namespace spawner::kube {

// HttpTransport to a real API server, over libcurl: HTTP/2 where the server has it, as many
// connections as its limit of streams calls for. Proxies of the environment are not used. A request
// whose kept connection died before the first byte of an answer is sent again by libcurl, so a
// create may meet its own pod.
// Thread: the loop's, but for Wake. Owner: main, which ignores SIGPIPE.
class CurlTransport final : public HttpTransport {
 public:
  // INTERNAL if libcurl can't start, or can't do TLS or HTTP/2.
  static absl::StatusOr<std::unique_ptr<CurlTransport>> Create(KubeConfig config,
                                                               const Clock& clock);
  ~CurlTransport() override;
  CurlTransport(const CurlTransport&) = delete;
  CurlTransport& operator=(const CurlTransport&) = delete;

  RequestId Start(HttpRequest request, HttpHandler* handler) override;
  void Cancel(RequestId id) override;
  void SetPaused(RequestId id, bool is_paused) override;
  void Poll(absl::Duration max_wait) override;
  void Wake() override;
  std::string Describe() const override { return config_.server; }

 private:
  class Transfer;

  CurlTransport(KubeConfig config, const Clock& clock, CURLM* multi);
  // libcurl must not be called from within its own callbacks: starts, cancels and resumptions wait
  // for this.
  void ApplyOrders();
  void CountPausable(int change);
  void DeliverEnds();
  absl::Status ErrorOf(const Transfer& transfer, CURLcode code) const;

  const KubeConfig config_;
  const Clock& clock_;
  TokenSource token_;
  std::string connect_to_;  // where tls_server_name's connections go
  std::string base_url_;
  CURLM* const multi_;
  RequestId last_id_ = 0;
  std::unordered_map<RequestId, std::unique_ptr<Transfer>> transfers_;
  int pausable_ = 0;  // requests with a connection of their own
  std::vector<RequestId> starting_;
  std::vector<RequestId> resuming_;
  std::vector<std::unique_ptr<Transfer>> cancelled_;
  bool called_handlers_ = false;  // in this turn
};

}  // namespace spawner::kube

#endif  // SPAWNER_CONTROLLER_KUBE_CURL_TRANSPORT_H_
