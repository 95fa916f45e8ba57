#ifndef SPAWNER_CONTROLLER_SESSION_SPEC_H_
#define SPAWNER_CONTROLLER_SESSION_SPEC_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "controller/session/volume_claim.h"

namespace spawner {

// What to run: SessionSpec of the API as a value, defaults filled in by its makers.
// proto/spawner/v1/session.proto is the reference of each field.
struct IdlePolicy {
  absl::Duration grace = absl::Seconds(300);
  absl::Duration initial_grace = absl::Seconds(300);
  bool never = false;                                 // on_idle KEEP
  absl::Duration warn_before = absl::ZeroDuration();  // 0: no warning
  std::vector<std::string> ignore_paths = {};         // exact, or with a '*' at the end
  absl::Duration hold_max = absl::Hours(24);

  bool operator==(const IdlePolicy&) const = default;
};

struct Lifetime {
  absl::Duration max = absl::InfiniteDuration();
  absl::Duration start_timeout = absl::Seconds(300);
  absl::Duration stop_grace = absl::Seconds(10);  // whole seconds
  absl::Duration retention = absl::Seconds(600);

  bool operator==(const Lifetime&) const = default;
};

struct Access {
  bool token_required = true;
  bool strip_prefix = true;
  std::vector<std::string> allowed_origins = {};  // base/origin.h
  std::vector<std::string> embed_origins = {};
  int32_t max_connections = 0;  // 0: no limit

  bool operator==(const Access&) const = default;
};

// Numbers as in the API.
enum class BackendProtocol { kHttp1 = 1, kH2c = 2 };

struct SessionSpec {
  std::string template_name;  // or `image`; never both
  std::string image;
  std::vector<std::string> command;
  std::vector<std::string> args;
  std::map<std::string, std::string> env;
  uint16_t port = 8080;
  std::map<std::string, std::string> requests;  // "cpu" -> "500m"
  std::map<std::string, std::string> limits;
  std::map<std::string, std::string> labels;
  std::string pod_overrides_json;  // strategic-merge patch as JSON text; empty: none
  IdlePolicy idle;
  Lifetime lifetime;
  Access access;
  BackendProtocol protocol = BackendProtocol::kHttp1;
  std::vector<VolumeClaim> volume_claims;
  // What the request left open, by the names of spawner.dev/spec: a template may fill it in. Not
  // written there.
  std::set<std::string> unset;

  bool operator==(const SessionSpec&) const = default;
};

// INVALID_FIELD naming the field (as "spec.port") unless every value is within its limits.
// `wire_bytes`: of the message it was read from, if it was; a small one is not encoded to see that
// it fits into an annotation, which took a tenth of the CPU of Connects.
absl::Status ValidateSpec(const SessionSpec& spec, size_t wire_bytes = SIZE_MAX);

// INVALID_FIELD naming "key.name" or "key.tag": at most 256 bytes without control characters. An
// empty name is a session without a key.
absl::Status ValidateKey(absl::string_view name, absl::string_view tag);

// The pod annotation spawner.dev/spec. Decode(Encode(s)) == s.
std::string EncodeSpec(const SessionSpec& spec);
absl::StatusOr<SessionSpec> DecodeSpec(absl::string_view json);

}  // namespace spawner

#endif  // SPAWNER_CONTROLLER_SESSION_SPEC_H_
