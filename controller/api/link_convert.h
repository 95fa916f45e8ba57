#ifndef SPAWNER_CONTROLLER_API_LINK_CONVERT_H_
#define SPAWNER_CONTROLLER_API_LINK_CONVERT_H_

#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "base/token.h"
#include "controller/route/route.h"
#include "spawner/v1/proxy_link.pb.h"

// Messages of proto/spawner/v1/proxy_link.proto to and from controller/route's values.
namespace spawner::api {

// INVALID_FIELD for a message that breaks the protocol.
absl::StatusOr<route::FromProxy> ReadFromProxy(const v1::ProxyMessage& message);

// What the edge adds to the core's messages.
struct LinkExtras {
  absl::Time wall_now;
  const std::vector<VerificationKey>* keys = nullptr;
};

void WriteToProxy(const route::ToProxy& message, const LinkExtras& extras,
                  v1::ControllerMessage& out);

}  // namespace spawner::api

#endif  // SPAWNER_CONTROLLER_API_LINK_CONVERT_H_
