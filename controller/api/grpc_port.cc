#include "controller/api/grpc_port.h"

#include <grpcpp/ext/proto_server_reflection_plugin.h>
#include <grpcpp/health_check_service_interface.h>
#include <grpcpp/server.h>
#include <grpcpp/server_builder.h>

#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "controller/api/admin.h"
#include "controller/api/admission.h"
#include "controller/api/malformed_requests.h"
#include "controller/api/proxy_link.h"
#include "controller/api/sessions.h"
#include "controller/api/templates.h"
#include "grpc/health/v1/health.pb.h"

namespace spawner::api {
namespace {

constexpr const char* kServices[] = {"spawner.v1.Sessions", "spawner.v1.Templates",
                                     "spawner.v1.Admin", "spawner.v1.ProxyLink"};
// Clients may probe as often as this (default: 5 min), so that proxies notice a dead controller.
constexpr int kClientPingMinMs = 1'000;

}  // namespace

GrpcPort::GrpcPort(Edge& edge)
    : sessions_(std::make_unique<SessionsService>(edge)),
      templates_(MakeTemplatesService(edge)),
      admin_(MakeAdminService(edge)),
      proxy_link_(std::make_unique<ProxyLinkService>(edge)) {}

GrpcPort::~GrpcPort() { Drain(absl::ZeroDuration()); }

absl::Status GrpcPort::Start(const Address& address, const TlsServerFiles& tls,
                             absl::Duration connection_age_max) {
  // gRPC's locks: Debian builds Abseil to look for cycles at each, for 3 % of a call.
  absl::SetMutexDeadlockDetectionMode(absl::OnDeadlockCycle::kIgnore);
  grpc::EnableDefaultHealthCheckService(true);
  grpc::reflection::InitProtoReflectionServerBuilderPlugin();
  grpc::health::v1::HealthCheckRequest::descriptor();  // for reflection: gRPC brings none along
  grpc::ServerBuilder builder;
  builder.AddListeningPort(ToString(address), MakeServerCredentials(tls), &port_);
  // Two controllers on one port would each get half of the calls: fail instead.
  builder.AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIME_MS, kKeepaliveMs);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, kKeepaliveTimeoutMs);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_PERMIT_WITHOUT_CALLS, 1);
  builder.AddChannelArgument(GRPC_ARG_HTTP2_MIN_RECV_PING_INTERVAL_WITHOUT_DATA_MS,
                             kClientPingMinMs);
  builder.AddChannelArgument(GRPC_ARG_MAX_CONNECTION_AGE_MS,
                             static_cast<int>(absl::ToInt64Milliseconds(connection_age_max)));
  builder.AddChannelArgument(GRPC_ARG_MAX_CONCURRENT_STREAMS, kStreamsPerConnectionMax);
  builder.SetMaxReceiveMessageSize(kReceiveBytesMax);
  std::vector<std::unique_ptr<grpc::experimental::ServerInterceptorFactoryInterface>> interceptors;
  interceptors.push_back(NoteWhatCallsAsk());
  interceptors.push_back(RefuseMalformedRequests());
  builder.experimental().SetInterceptorCreators(std::move(interceptors));
  for (grpc::Service* service :
       {sessions_.get(), templates_.get(), admin_.get(), proxy_link_.get()}) {
    builder.RegisterService(service);
  }
  server_ = builder.BuildAndStart();
  if (server_ == nullptr || port_ == 0) {
    server_.reset();
    return absl::FailedPreconditionError(
        absl::StrCat("listen on ", ToString(address),
                     ": the address can't be bound; is the port in use, or not ours?"));
  }
  SetServing(false);
  return absl::OkStatus();
}

void GrpcPort::SetServing(bool is_serving) {
  if (server_ == nullptr) return;
  grpc::HealthCheckServiceInterface* health = server_->GetHealthCheckService();
  if (health == nullptr) return;
  health->SetServingStatus(is_serving);
  for (const char* service : kServices) health->SetServingStatus(service, is_serving);
}

void GrpcPort::Drain(absl::Duration timeout) {
  if (server_ == nullptr) return;
  server_->Shutdown(
      gpr_time_add(gpr_now(GPR_CLOCK_REALTIME),
                   gpr_time_from_millis(absl::ToInt64Milliseconds(timeout), GPR_TIMESPAN)));
  server_.reset();
}

std::shared_ptr<grpc::Channel> GrpcPort::InProcessChannel() {
  return server_->InProcessChannel(grpc::ChannelArguments());
}

}  // namespace spawner::api
