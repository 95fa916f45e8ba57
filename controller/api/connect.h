#ifndef SPAWNER_CONTROLLER_API_CONNECT_H_
#define SPAWNER_CONTROLLER_API_CONNECT_H_

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "controller/api/grants.h"
#include "controller/api/key_ring.h"
#include "controller/api/urls.h"
#include "controller/core/service.h"
#include "spawner/v1/sessions.pb.h"

namespace spawner::api {

// What a ConnectRequest asks for, every field checked.
struct ConnectOrder {
  core::ConnectParams params;
  GrantOrder grant;
  bool has_grant = false;
};

// `command_image` as ReadSpec has it.
absl::StatusOr<ConnectOrder> ReadConnect(const v1::ConnectRequest& request,
                                         absl::string_view command_image = "");

// Signs the grant and writes the answer. A PUBLIC session gets a token only if a grant was asked
// for.
absl::Status WriteConnect(const ConnectOrder& order, const core::ConnectResult& result,
                          const KeyRing& keys, const SessionUrls& urls, absl::Time wall_now,
                          v1::ConnectResponse& response);

}  // namespace spawner::api

#endif  // SPAWNER_CONTROLLER_API_CONNECT_H_
