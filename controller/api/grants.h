#ifndef SPAWNER_CONTROLLER_API_GRANTS_H_
#define SPAWNER_CONTROLLER_API_GRANTS_H_

#include <google/protobuf/message.h>

#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "controller/api/key_ring.h"
#include "controller/api/urls.h"
#include "controller/core/params.h"
#include "spawner/v1/sessions.pb.h"

// Grants, by whichever call they are asked for.
namespace spawner::api {

// GrantSpec, every field checked and defaults filled in.
struct GrantOrder {
  std::string user;
  std::string claims_json;
  absl::Duration ttl;
  bool is_one_time = false;
};

absl::StatusOr<GrantOrder> ReadGrant(const v1::GrantSpec& grant);

struct SignedGrant {
  std::string token;
  absl::Time expires_at;  // whole seconds, as in the token
};

// On the terms of the core. UNAVAILABLE / NO_LEADER for a one-time token while nobody leads.
absl::StatusOr<SignedGrant> Sign(const GrantOrder& order, const core::ConnectResult& result,
                                 const KeyRing& keys, absl::Time wall_now);

// Of a request without its request id: the same for the same fields, whatever the order of maps.
std::string PayloadHash(const google::protobuf::Message& request);

struct CreateGrantOrder {
  core::GrantParams params;
  GrantOrder grant;
};
absl::StatusOr<CreateGrantOrder> ReadCreateGrant(const v1::CreateGrantRequest& request);
absl::Status WriteCreateGrant(const CreateGrantOrder& order, const core::ConnectResult& result,
                              const KeyRing& keys, const SessionUrls& urls, absl::Time wall_now,
                              v1::CreateGrantResponse& response);

absl::StatusOr<core::RevokeParams> ReadRevokeGrant(const v1::RevokeGrantRequest& request);

}  // namespace spawner::api

#endif  // SPAWNER_CONTROLLER_API_GRANTS_H_
