#ifndef SPAWNER_CONTROLLER_API_PROXY_LINK_H_
#define SPAWNER_CONTROLLER_API_PROXY_LINK_H_

#include <grpcpp/support/byte_buffer.h>

#include "controller/api/edge.h"
#include "spawner/v1/proxy_link.grpc.pb.h"

namespace spawner::api {

// spawner.v1.ProxyLink: carries the core's messages to and from one proxy each, in order, through a
// bounded outbox. One message from a proxy is on the loop at a time. Bytes that are no message end
// the link with INVALID_ARGUMENT: read by gRPC they would look like a proxy that closed its side.
class ProxyLinkService final
    : public v1::ProxyLink::WithRawCallbackMethod_Connect<v1::ProxyLink::Service> {
 public:
  explicit ProxyLinkService(Edge& edge) : edge_(edge) {}

  grpc::ServerBidiReactor<grpc::ByteBuffer, grpc::ByteBuffer>* Connect(
      grpc::CallbackServerContext* context) override;

 private:
  Edge& edge_;
};

}  // namespace spawner::api

#endif  // SPAWNER_CONTROLLER_API_PROXY_LINK_H_
