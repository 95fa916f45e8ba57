#include "controller/api/leader_client.h"

#include <grpcpp/channel.h>
#include <grpcpp/client_context.h>
#include <grpcpp/create_channel.h>
#include <grpcpp/security/credentials.h>
#include <grpcpp/support/channel_arguments.h>

#include <utility>

#include "base/status.h"
#include "controller/api/limits.h"

namespace spawner::api {
namespace {

constexpr char kForwarded[] = "spawner-forwarded";

// One call on its way; two owners: gRPC's callback and the answer's way back over the loop.
template <typename Response>
struct Hop {
  std::unique_ptr<grpc::ClientContext> context;
  Response response;
};

}  // namespace

bool IsNoAnswer(const grpc::Status& status) {
  return status.error_code() == grpc::StatusCode::UNAVAILABLE ||
         status.error_code() == grpc::StatusCode::DEADLINE_EXCEEDED;
}

bool LeaderClient::ShouldForward(const absl::Status& status, Call& call) const {
  return ReasonOf(status) == "NO_LEADER" && ShouldAsk(call.context());
}

bool LeaderClient::ShouldAsk(const grpc::CallbackServerContext& context) const {
  if (edge_.service() == nullptr) return false;
  if (context.client_metadata().count(kForwarded) > 0) return false;
  const core::CoreStatus core = edge_.service()->GetStatus();
  return !core.is_leader && !core.leader_address.empty();
}

v1::Sessions::Stub& LeaderClient::StubOf(const std::string& address) {
  if (stub_ == nullptr || address != address_) {
    address_ = address;
    grpc::ChannelArguments arguments;
    arguments.SetMaxReceiveMessageSize(kForwardBytesMax);
    stub_ = v1::Sessions::NewStub(
        grpc::CreateCustomChannel(address, grpc::InsecureChannelCredentials(), arguments));
  }
  return *stub_;
}

template <typename Request, typename Response, typename Start>
void LeaderClient::Forward(const CallPtr& call, const Request& request, Response* response,
                           Terms terms, Start start) {
  auto hop = std::make_shared<Hop<Response>>();
  hop->context = grpc::ClientContext::FromCallbackServerContext(call->context());
  hop->context->AddMetadata(kForwarded, "1");
  const auto limit = absl::ToChronoTime(edge_.clock().WallNow() + terms.patience);
  if (hop->context->deadline() > limit) hop->context->set_deadline(limit);
  v1::Sessions::Stub& stub = StubOf(edge_.service()->GetStatus().leader_address);
  start(stub, hop->context.get(), &request, &hop->response,
        [edge = &edge_, call, hop, response,
         otherwise = std::move(terms.otherwise)](const grpc::Status& status) {
          edge->Post([call, hop, response, status, otherwise] {
            if (!call->is_open()) return;
            if (otherwise != nullptr && IsNoAnswer(status)) return otherwise();
            if (status.ok()) *response = std::move(hop->response);
            call->Finish(status);
          });
        });
}

void LeaderClient::Connect(const CallPtr& call, const v1::ConnectRequest& request,
                           v1::ConnectResponse* response) {
  Forward(call, request, response, {kForwardTimeoutMax, nullptr},
          [](v1::Sessions::Stub& stub, grpc::ClientContext* context, const v1::ConnectRequest* in,
             v1::ConnectResponse* out, std::function<void(grpc::Status)> done) {
            stub.async()->Connect(context, in, out, std::move(done));
          });
}

void LeaderClient::Terminate(const CallPtr& call, const v1::TerminateSessionRequest& request,
                             v1::Session* response) {
  Forward(call, request, response, {kForwardTimeoutMax, nullptr},
          [](v1::Sessions::Stub& stub, grpc::ClientContext* context,
             const v1::TerminateSessionRequest* in, v1::Session* out,
             std::function<void(grpc::Status)> done) {
            stub.async()->TerminateSession(context, in, out, std::move(done));
          });
}

void LeaderClient::Get(const CallPtr& call, const v1::GetSessionRequest& request,
                       v1::Session* response, std::function<void()> otherwise) {
  Forward(
      call, request, response, {kForwardReadMax, std::move(otherwise)},
      [](v1::Sessions::Stub& stub, grpc::ClientContext* context, const v1::GetSessionRequest* in,
         v1::Session* out, std::function<void(grpc::Status)> done) {
        stub.async()->GetSession(context, in, out, std::move(done));
      });
}

void LeaderClient::List(const CallPtr& call, const v1::ListSessionsRequest& request,
                        v1::ListSessionsResponse* response, std::function<void()> otherwise) {
  Forward(
      call, request, response, {kForwardReadMax, std::move(otherwise)},
      [](v1::Sessions::Stub& stub, grpc::ClientContext* context, const v1::ListSessionsRequest* in,
         v1::ListSessionsResponse* out, std::function<void(grpc::Status)> done) {
        stub.async()->ListSessions(context, in, out, std::move(done));
      });
}

void LeaderClient::Find(grpc::CallbackServerContext& context, const v1::GetSessionRequest& request,
                        std::function<void(const grpc::Status&, const v1::Session&)> done) {
  auto hop = std::make_shared<Hop<v1::Session>>();
  hop->context = grpc::ClientContext::FromCallbackServerContext(context);
  hop->context->AddMetadata(kForwarded, "1");
  hop->context->set_deadline(absl::ToChronoTime(edge_.clock().WallNow() + kForwardReadMax));
  v1::Sessions::Stub& stub = StubOf(edge_.service()->GetStatus().leader_address);
  stub.async()->GetSession(
      hop->context.get(), &request, &hop->response,
      [edge = &edge_, hop, done = std::move(done)](const grpc::Status& status) {
        edge->Post([hop, status, done] { done(status, hop->response); });
      });
}

}  // namespace spawner::api
