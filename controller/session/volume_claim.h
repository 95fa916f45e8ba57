#ifndef SPAWNER_CONTROLLER_SESSION_VOLUME_CLAIM_H_
#define SPAWNER_CONTROLLER_SESSION_VOLUME_CLAIM_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "base/ids.h"
#include "nlohmann/json.hpp"

// The PersistentVolumeClaims of a session: `{session id}-{name}`, the same for all incarnations of
// its key. proto/spawner/v1/session.proto is the reference of each field.
namespace spawner {

// On a claim: "delete" or "keep"; how long after the session's end, if the controller that would
// know is gone ("600s"); and the incarnation that last took it, so that nobody deletes it who has
// not seen that.
constexpr char kClaimPolicyLabel[] = "spawner.dev/claim-policy";
constexpr char kClaimRetention[] = "spawner.dev/retention";
constexpr char kClaimEpoch[] = "spawner.dev/epoch";

struct VolumeClaim {
  std::string name;
  std::string mount_path;  // empty: the template's containers mount it by its name
  std::string size;
  std::string storage_class;              // empty: the cluster's default
  std::vector<std::string> access_modes;  // empty: ReadWriteOnce
  bool is_kept = false;
  std::string
      spec_json;  // of a template: the claim's spec as it stands there, in place of the rest

  bool operator==(const VolumeClaim&) const = default;
};

// INVALID_FIELD naming "spec.volume_claims[i].FIELD".
absl::Status ValidateClaims(const std::vector<VolumeClaim>& claims);

// Of spawner.dev/spec. Decode(Encode(c)) == c.
nlohmann::json EncodeClaims(const std::vector<VolumeClaim>& claims);
absl::StatusOr<std::vector<VolumeClaim>> DecodeClaims(const nlohmann::json& list);

// From a list in the form of a StatefulSet's volumeClaimTemplates. A claim is kept if its
// annotation spawner.dev/claim-policy is "keep". INVALID_FIELD below `at`.
absl::StatusOr<std::vector<VolumeClaim>> ReadClaimTemplates(const std::string& at,
                                                            absl::string_view text);

std::string ClaimName(const SessionId& id, const VolumeClaim& claim);

// The JSON of the object to create.
std::string BuildClaim(const std::string& ns, const SessionId& id, Epoch epoch,
                       absl::Duration retention, const VolumeClaim& claim);

// Adds the volumes to the pod, in place of such of their names, and their mounts to its container
// `backend`.
void MountClaims(const SessionId& id, const std::vector<VolumeClaim>& claims,
                 const std::string& backend, nlohmann::json& pod);

}  // namespace spawner

#endif  // SPAWNER_CONTROLLER_SESSION_VOLUME_CLAIM_H_
