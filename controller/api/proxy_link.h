#ifndef SPAWNER_CONTROLLER_API_PROXY_LINK_H_
#define SPAWNER_CONTROLLER_API_PROXY_LINK_H_

#include "controller/api/edge.h"
#include "spawner/v1/proxy_link.grpc.pb.h"

namespace spawner::api {

// spawner.v1.ProxyLink: carries the core's messages to and from one proxy each, in order, through a
// bounded outbox. One message from a proxy is on the loop at a time.
class ProxyLinkService final : public v1::ProxyLink::CallbackService {
 public:
  explicit ProxyLinkService(Edge& edge) : edge_(edge) {}

  grpc::ServerBidiReactor<v1::ProxyMessage, v1::ControllerMessage>* Connect(
      grpc::CallbackServerContext* context) override;

 private:
  Edge& edge_;
};

}  // namespace spawner::api

#endif  // SPAWNER_CONTROLLER_API_PROXY_LINK_H_
