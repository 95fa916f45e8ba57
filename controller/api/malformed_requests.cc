#include "controller/api/malformed_requests.h"

#include <memory>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "base/grpc_status.h"
#include "base/status.h"

namespace spawner::api {
namespace {

using grpc::experimental::InterceptionHookPoints;
using grpc::experimental::Interceptor;
using grpc::experimental::InterceptorBatchMethods;
using grpc::experimental::ServerInterceptorFactoryInterface;
using grpc::experimental::ServerRpcInfo;

// Of one call.
class Refuser final : public Interceptor {
 public:
  explicit Refuser(std::string method) : method_(std::move(method)) {}

  void Intercept(InterceptorBatchMethods* batch) override {
    if (batch->QueryInterceptionHookPoint(InterceptionHookPoints::POST_RECV_MESSAGE) &&
        batch->GetRecvMessage() == nullptr) {
      is_malformed_ = true;
    }
    if (is_malformed_ &&
        batch->QueryInterceptionHookPoint(InterceptionHookPoints::PRE_SEND_STATUS)) {
      batch->ModifySendStatus(ToGrpc(
          WithReason(absl::InvalidArgumentError(absl::StrCat(
                         method_,
                         ": the request is no protobuf message of this method; build the client "
                         "from proto/spawner/v1")),
                     "INVALID_FIELD", {{"field", ""}})));
    }
    batch->Proceed();
  }

 private:
  const std::string method_;
  bool is_malformed_ = false;
};

// Where a request is many messages its service reads their bytes itself.
class Passer final : public Interceptor {
 public:
  void Intercept(InterceptorBatchMethods* batch) override { batch->Proceed(); }
};

class Factory final : public ServerInterceptorFactoryInterface {
 public:
  Interceptor* CreateServerInterceptor(ServerRpcInfo* info) override {
    const bool has_one_request = info->type() == ServerRpcInfo::Type::UNARY ||
                                 info->type() == ServerRpcInfo::Type::SERVER_STREAMING;
    if (!has_one_request) return new Passer;  // gRPC owns and deletes them
    return new Refuser(info->method());
  }
};

}  // namespace

std::unique_ptr<ServerInterceptorFactoryInterface> RefuseMalformedRequests() {
  return std::make_unique<Factory>();
}

}  // namespace spawner::api
