#ifndef SPAWNER_CLI_FAKE_CONTROLLER_H_
#define SPAWNER_CLI_FAKE_CONTROLLER_H_

#include <grpcpp/grpcpp.h>

#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "cli/verbs.h"
#include "spawner/v1/admin.grpc.pb.h"
#include "spawner/v1/sessions.grpc.pb.h"
#include "spawner/v1/templates.grpc.pb.h"

namespace spawner::cli {

// What one command line wrote.
struct Written {
  int code = 0;
  std::string out;
  std::string err;
};

// One unary method: what it was asked last, and what it answers.
template <typename Request, typename Response>
struct Method {
  Request request;  // the last
  int calls = 0;
  Response response;
  grpc::Status status;

  grpc::Status Answer(const Request* asked, Response* out) {
    const std::lock_guard<std::mutex> lock(mutex);  // gRPC's threads
    request = *asked;
    ++calls;
    *out = response;
    return status;
  }

  std::mutex mutex;
};

// A controller for tests of verbs: a real gRPC server on a port of its own, whose answers are set
// before the line runs. Methods without a member here answer UNIMPLEMENTED.
class FakeController {
 public:
  FakeController();
  ~FakeController();

  // Runs `words` with $SPAWNER_ADDRESS and $USER=ada.
  Written Run(const std::vector<std::string>& words);
  const std::string& address() const { return address_; }

  Method<v1::ConnectRequest, v1::ConnectResponse> connect;
  Method<v1::GetSessionRequest, v1::Session> get;
  Method<v1::ListSessionsRequest, v1::ListSessionsResponse> list;
  Method<v1::WaitSessionRequest, v1::Session> wait;
  Method<v1::TerminateSessionRequest, v1::Session> terminate;
  Method<v1::KeepAliveRequest, v1::KeepAliveResponse> keep_alive;
  Method<v1::ExplainSessionRequest, v1::ExplainSessionResponse> explain;
  Method<v1::CreateGrantRequest, v1::CreateGrantResponse> create_grant;
  Method<v1::RevokeGrantRequest, v1::RevokeGrantResponse> revoke_grant;
  Method<v1::StreamLogsRequest, v1::StreamLogsResponse> logs;

  Method<v1::GetStatusRequest, v1::GetStatusResponse> status;
  Method<v1::ListProxiesRequest, v1::ListProxiesResponse> proxies;
  Method<v1::DrainProxyRequest, v1::DrainProxyResponse> drain_proxy;
  Method<v1::DrainNodeRequest, v1::DrainNodeResponse> drain_node;
  Method<v1::RotateKeysRequest, v1::RotateKeysResponse> rotate;
  Method<v1::GetQuotasRequest, v1::GetQuotasResponse> quotas;
  std::vector<v1::DiagnoseResponse> findings;
  std::vector<bool> uninstalls;  // `confirm` of each

  Method<v1::ListTemplatesRequest, v1::ListTemplatesResponse> templates;
  Method<v1::GetTemplateRequest, v1::Template> get_template;
  Method<v1::ApplyTemplateRequest, v1::Template> apply;
  Method<v1::DeleteTemplateRequest, google::protobuf::Empty> delete_template;

  // Of the program's surroundings:
  std::string typed;  // at a terminal; "": there is none
  std::function<std::string(const std::string&)> environment = [](const std::string&) {
    return std::string();
  };
  bool is_terminal = false;
  absl::Time now = absl::FromUnixSeconds(1'700'000'000);

 private:
  class Services;

  std::unique_ptr<Services> services_;
  std::unique_ptr<grpc::Server> server_;
  std::string address_;
};

}  // namespace spawner::cli

#endif  // SPAWNER_CLI_FAKE_CONTROLLER_H_
