#ifndef SPAWNER_PROXY_LINK_CODEC_H_
#define SPAWNER_PROXY_LINK_CODEC_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "google/protobuf/duration.pb.h"
#include "google/protobuf/repeated_field.h"
#include "google/protobuf/timestamp.pb.h"
#include "proxy/route/route.h"
#include "spawner/v1/proxy_link.pb.h"

// proxy_link.proto to and from the values of proxy/route.
namespace spawner::proxy {

// INVALID_ARGUMENT names the field: an id that is no DNS label, a state unknown to this version, an
// open route without a numeric address.
absl::StatusOr<Route> RouteFromProto(const v1::Route& proto);

// Leaves out keys that are not 32 bytes and whatever is beyond kKeysMax.
std::vector<VerificationKey> KeysFromProto(
    const google::protobuf::RepeatedPtrField<v1::VerificationKey>& proto);

// How long what is open may go on: never negative. Infinite: as the proxy's own flag says.
absl::Duration DrainFromProto(const v1::Drain& proto);

absl::Duration DurationFromProto(const google::protobuf::Duration& proto);
void SetDuration(google::protobuf::Duration& proto, absl::Duration duration);
absl::Time TimeFromProto(const google::protobuf::Timestamp& proto);

}  // namespace spawner::proxy

#endif  // SPAWNER_PROXY_LINK_CODEC_H_
