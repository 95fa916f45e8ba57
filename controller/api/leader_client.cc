#include "controller/api/leader_client.h"

#include <grpcpp/channel.h>
#include <grpcpp/client_context.h>
#include <grpcpp/create_channel.h>
#include <grpcpp/security/credentials.h>
#include <grpcpp/support/channel_arguments.h>

#include <utility>

#include "absl/strings/str_cat.h"
#include "base/grpc_security.h"
#include "base/grpc_status.h"
#include "base/status.h"
#include "controller/api/admission.h"
#include "controller/api/limits.h"
#include "controller/auth/guard.h"

namespace spawner::api {
namespace {

constexpr char kForwarded[] = "spawner-forwarded";

// One call on its way; two owners: gRPC's callback and the answer's way back over the loop.
template <typename Response>
struct Hop {
  std::unique_ptr<grpc::ClientContext> context;
  Response response;
};

// `caller` null: what is asked is for ourselves.
std::unique_ptr<grpc::ClientContext> MakeContext(const Edge& edge,
                                                 const grpc::CallbackServerContext& context,
                                                 const auth::Caller* caller,
                                                 const google::protobuf::Message& request) {
  auto made = grpc::ClientContext::FromCallbackServerContext(context);
  made->AddMetadata(kForwarded, "1");
  if (edge.guard() == nullptr) return made;
  if (const std::string seal = edge.guard()->SealFor(caller, RequestHash(request)); !seal.empty()) {
    made->AddMetadata(kSealHeader, seal);
  }
  return made;
}

// What the caller is told where the leader at `address` gave no answer of its own: gRPC's words for
// that have no reason, and are for its developers.
grpc::Status AsNoLeader(const grpc::Status& status, absl::string_view address) {
  if (status.error_code() != grpc::StatusCode::UNAVAILABLE || !status.error_details().empty()) {
    return status;
  }
  return ToGrpc(
      WithRetryAfter(WithReason(absl::UnavailableError(absl::StrCat(
                                    "pass the call on to the controller that leads: ", address,
                                    " does not answer; if it is gone, another one leads in some "
                                    "seconds, try again")),
                                "NO_LEADER", {{"leader", address}}),
                     kNotReadyRetry));
}

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
  const core::LeaderView leader = edge_.service()->GetLeader();
  return !leader.is_us && !leader.address.empty();
}

const LeaderClient::Stubs& LeaderClient::LeaderStubs() {
  const std::string address(edge_.service()->GetLeader().address);
  if (stubs_.sessions == nullptr || address != address_) {
    address_ = address;
    grpc::ChannelArguments arguments;
    arguments.SetMaxReceiveMessageSize(kForwardBytesMax);
    // A watch may be silent for long: a leader that is gone without a word is noticed.
    arguments.SetInt(GRPC_ARG_KEEPALIVE_TIME_MS, kKeepaliveMs);
    arguments.SetInt(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, kKeepaliveTimeoutMs);
    arguments.SetInt(GRPC_ARG_HTTP2_MAX_PINGS_WITHOUT_DATA, 0);  // as many as it takes
    const auto credentials = MakeChannelCredentials(edge_.peer_tls(), &arguments);
    const std::shared_ptr<grpc::Channel> channel =
        grpc::CreateCustomChannel(address, credentials, arguments);
    stubs_ = {v1::Sessions::NewStub(channel), v1::Admin::NewStub(channel)};
  }
  return stubs_;
}

LeaderClient::Terms LeaderClient::PatienceFor(std::function<void()> otherwise) {
  const absl::Duration patience = otherwise == nullptr ? kForwardTimeoutMax : kForwardReadMax;
  return {patience, std::move(otherwise)};
}

template <typename Request, typename Response, typename Start>
void LeaderClient::Forward(const CallPtr& call, const Request& request, Response* response,
                           Terms terms, Start start) {
  Pass(*LeaderStubs().sessions, call, request, response, std::move(terms), start);
}

template <typename Stub, typename Request, typename Response, typename Start>
void LeaderClient::Pass(Stub& stub, const CallPtr& call, const Request& request, Response* response,
                        Terms terms, Start start) {
  auto hop = std::make_shared<Hop<Response>>();
  hop->context = MakeContext(edge_, call->context(), call->caller().get(), request);
  const auto limit = absl::ToChronoTime(edge_.clock().WallNow() + terms.patience);
  if (hop->context->deadline() > limit) hop->context->set_deadline(limit);
  start(stub, hop->context.get(), &request, &hop->response,
        [edge = &edge_, call, hop, response, address = address_,
         otherwise = std::move(terms.otherwise)](const grpc::Status& status) {
          edge->Post([call, hop, response, status, address, otherwise] {
            if (!call->is_open()) return;
            if (otherwise != nullptr && IsNoAnswer(status)) return otherwise();
            if (status.ok()) *response = std::move(hop->response);
            call->Finish(AsNoLeader(status, address));
          });
        });
}

void LeaderClient::Connect(const CallPtr& call, const v1::ConnectRequest& request,
                           v1::ConnectResponse* response, std::function<void()> otherwise) {
  Forward(call, request, response, PatienceFor(std::move(otherwise)),
          [](v1::Sessions::Stub& stub, grpc::ClientContext* context, const v1::ConnectRequest* in,
             v1::ConnectResponse* out, std::function<void(grpc::Status)> done) {
            stub.async()->Connect(context, in, out, std::move(done));
          });
}

void LeaderClient::CreateGrant(const CallPtr& call, const v1::CreateGrantRequest& request,
                               v1::CreateGrantResponse* response, std::function<void()> otherwise) {
  Forward(
      call, request, response, PatienceFor(std::move(otherwise)),
      [](v1::Sessions::Stub& stub, grpc::ClientContext* context, const v1::CreateGrantRequest* in,
         v1::CreateGrantResponse* out, std::function<void(grpc::Status)> done) {
        stub.async()->CreateGrant(context, in, out, std::move(done));
      });
}

void LeaderClient::RevokeGrant(const CallPtr& call, const v1::RevokeGrantRequest& request,
                               v1::RevokeGrantResponse* response) {
  Forward(
      call, request, response, {kForwardTimeoutMax, nullptr},
      [](v1::Sessions::Stub& stub, grpc::ClientContext* context, const v1::RevokeGrantRequest* in,
         v1::RevokeGrantResponse* out, std::function<void(grpc::Status)> done) {
        stub.async()->RevokeGrant(context, in, out, std::move(done));
      });
}

void LeaderClient::RotateKeys(const CallPtr& call, const v1::RotateKeysRequest& request,
                              v1::RotateKeysResponse* response) {
  Pass(*LeaderStubs().admin, call, request, response, {kForwardTimeoutMax, nullptr},
       [](v1::Admin::Stub& stub, grpc::ClientContext* context, const v1::RotateKeysRequest* in,
          v1::RotateKeysResponse* out, std::function<void(grpc::Status)> done) {
         stub.async()->RotateKeys(context, in, out, std::move(done));
       });
}

void LeaderClient::DrainNode(const CallPtr& call, const v1::DrainNodeRequest& request,
                             v1::DrainNodeResponse* response) {
  Pass(*LeaderStubs().admin, call, request, response, {kForwardTimeoutMax, nullptr},
       [](v1::Admin::Stub& stub, grpc::ClientContext* context, const v1::DrainNodeRequest* in,
          v1::DrainNodeResponse* out, std::function<void(grpc::Status)> done) {
         stub.async()->DrainNode(context, in, out, std::move(done));
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

void LeaderClient::KeepAlive(const CallPtr& call, const v1::KeepAliveRequest& request,
                             v1::KeepAliveResponse* response) {
  Forward(call, request, response, {kForwardTimeoutMax, nullptr},
          [](v1::Sessions::Stub& stub, grpc::ClientContext* context, const v1::KeepAliveRequest* in,
             v1::KeepAliveResponse* out, std::function<void(grpc::Status)> done) {
            stub.async()->KeepAlive(context, in, out, std::move(done));
          });
}

void LeaderClient::Wait(const CallPtr& call, const v1::WaitSessionRequest& request,
                        v1::Session* response) {
  Forward(
      call, request, response, {kWaitMax + kWaitAnswerSlack, nullptr},
      [](v1::Sessions::Stub& stub, grpc::ClientContext* context, const v1::WaitSessionRequest* in,
         v1::Session* out, std::function<void(grpc::Status)> done) {
        stub.async()->WaitSession(context, in, out, std::move(done));
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

void LeaderClient::Explain(const CallPtr& call, const v1::ExplainSessionRequest& request,
                           v1::ExplainSessionResponse* response, std::function<void()> otherwise) {
  Forward(call, request, response, {kForwardExplainMax, std::move(otherwise)},
          [](v1::Sessions::Stub& stub, grpc::ClientContext* context,
             const v1::ExplainSessionRequest* in, v1::ExplainSessionResponse* out,
             std::function<void(grpc::Status)> done) {
            stub.async()->ExplainSession(context, in, out, std::move(done));
          });
}

template <typename Request, typename Response, typename Start>
void LeaderClient::Ask(grpc::CallbackServerContext& context, const Request& request, Start start,
                       std::function<void(const grpc::Status&, const Response&)> done) {
  auto hop = std::make_shared<Hop<Response>>();
  hop->context = MakeContext(edge_, context, nullptr, request);
  hop->context->set_deadline(absl::ToChronoTime(edge_.clock().WallNow() + kForwardReadMax));
  const Stubs& stubs = LeaderStubs();  // of `address_`
  start(
      stubs, hop->context.get(), &request, &hop->response,
      [edge = &edge_, hop, address = address_, done = std::move(done)](const grpc::Status& status) {
        edge->Post(
            [hop, status, address, done] { done(AsNoLeader(status, address), hop->response); });
      });
}

void LeaderClient::Find(grpc::CallbackServerContext& context, const v1::GetSessionRequest& request,
                        std::function<void(const grpc::Status&, const v1::Session&)> done) {
  Ask<v1::GetSessionRequest, v1::Session>(
      context, request,
      [](const Stubs& stubs, grpc::ClientContext* hop, const v1::GetSessionRequest* in,
         v1::Session* out, std::function<void(grpc::Status)> heard) {
        stubs.sessions->async()->GetSession(hop, in, out, std::move(heard));
      },
      std::move(done));
}

void LeaderClient::FindStatus(
    grpc::CallbackServerContext& context,
    std::function<void(const grpc::Status&, const v1::GetStatusResponse&)> done) {
  Ask<v1::GetStatusRequest, v1::GetStatusResponse>(
      context, v1::GetStatusRequest(),
      [](const Stubs& stubs, grpc::ClientContext* hop, const v1::GetStatusRequest* in,
         v1::GetStatusResponse* out, std::function<void(grpc::Status)> heard) {
        stubs.admin->async()->GetStatus(hop, in, out, std::move(heard));
      },
      std::move(done));
}

void LeaderClient::DrainProxy(
    grpc::CallbackServerContext& context, const v1::DrainProxyRequest& request,
    std::function<void(const grpc::Status&, const v1::DrainProxyResponse&)> done) {
  Ask<v1::DrainProxyRequest, v1::DrainProxyResponse>(
      context, request,
      [](const Stubs& stubs, grpc::ClientContext* hop, const v1::DrainProxyRequest* in,
         v1::DrainProxyResponse* out, std::function<void(grpc::Status)> heard) {
        stubs.admin->async()->DrainProxy(hop, in, out, std::move(heard));
      },
      std::move(done));
}

void LeaderClient::FindQuotas(
    grpc::CallbackServerContext& context, const v1::GetQuotasRequest& request,
    std::function<void(const grpc::Status&, const v1::GetQuotasResponse&)> done) {
  Ask<v1::GetQuotasRequest, v1::GetQuotasResponse>(
      context, request,
      [](const Stubs& stubs, grpc::ClientContext* hop, const v1::GetQuotasRequest* in,
         v1::GetQuotasResponse* out, std::function<void(grpc::Status)> heard) {
        stubs.admin->async()->GetQuotas(hop, in, out, std::move(heard));
      },
      std::move(done));
}

std::unique_ptr<grpc::ClientContext> LeaderClient::BindWatch(
    grpc::CallbackServerContext& context, const v1::WatchSessionsRequest& request,
    grpc::ClientReadReactor<v1::WatchSessionsResponse>* reactor) {
  std::unique_ptr<grpc::ClientContext> hop = MakeContext(edge_, context, nullptr, request);
  LeaderStubs().sessions->async()->WatchSessions(hop.get(), &request, reactor);
  return hop;
}

std::unique_ptr<grpc::ClientContext> LeaderClient::BindUninstall(
    grpc::CallbackServerContext& context, const v1::UninstallRequest& request,
    grpc::ClientReadReactor<v1::UninstallResponse>* reactor) {
  std::unique_ptr<grpc::ClientContext> hop = MakeContext(edge_, context, nullptr, request);
  LeaderStubs().admin->async()->Uninstall(hop.get(), &request, reactor);
  return hop;
}

}  // namespace spawner::api
