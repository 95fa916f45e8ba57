#ifndef SPAWNER_CONTROLLER_API_HTTP_ROUTES_H_
#define SPAWNER_CONTROLLER_API_HTTP_ROUTES_H_

#include <grpcpp/channel.h>

#include <functional>
#include <memory>
#include <string>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "controller/api/edge.h"
#include "controller/api/http_exchange.h"
#include "controller/api/inner_api.h"
#include "controller/api/status_history.h"

namespace spawner::api {

struct HttpRoutesOptions {
  // The port is one of loopback: then a Host that is no name of loopback is refused where sessions
  // are concerned. A page in a browser of this machine could else reach them under a name of its
  // own that resolves to 127.0.0.1 (DNS rebinding).
  bool is_loopback = true;
};

// What the controller's HTTP port answers: /healthz, /readyz and /metrics for machines, the HTTP
// API (docs/http-api.md). All that concerns sessions goes through InnerApi, as the request's
// caller. Thread: the port's. Owner: main().
class HttpRoutes final : public HttpHandler {
 public:
  HttpRoutes(Edge& edge, HttpRoutesOptions options) : edge_(edge), options_(options) {}

  // Our own gRPC port, in this process. Before the HTTP port starts.
  void SetChannel(std::shared_ptr<grpc::Channel> channel) { channel_ = std::move(channel); }

  void Begin(std::shared_ptr<HttpThread> thread) override;
  void Handle(const HttpExchangePtr& exchange) override;
  void Finish(std::function<void()> done) override { api_->Finish(std::move(done)); }

 private:
  // The three that need no session; false: none of them.
  bool AnswerForMachines(const HttpExchangePtr& exchange);
  // The page and its stream; false: neither.
  bool AnswerForPeople(const HttpExchangePtr& exchange);
  void Spawn(const HttpExchangePtr& exchange);
  // "/backend/{id}/{what}"; false: it is not.
  bool AnswerBackend(const HttpExchangePtr& exchange);
  void AnswerReady(const HttpExchangePtr& exchange, const std::string& name);
  void AnswerStatus(const HttpExchangePtr& exchange, const std::string& name);
  // Why such a request is not for us; OK: it is.
  absl::Status CheckCaller(const HttpRequest& request) const;
  absl::StatusOr<std::string> NamespaceOf(const HttpRequest& request) const;

  Edge& edge_;
  const HttpRoutesOptions options_;
  std::shared_ptr<grpc::Channel> channel_;
  std::shared_ptr<HttpThread> thread_;
  std::unique_ptr<InnerApi> api_;
  std::unique_ptr<StatusHistory> history_;
};

}  // namespace spawner::api

#endif  // SPAWNER_CONTROLLER_API_HTTP_ROUTES_H_
