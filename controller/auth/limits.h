#ifndef SPAWNER_CONTROLLER_AUTH_LIMITS_H_
#define SPAWNER_CONTROLLER_AUTH_LIMITS_H_

#include <cstddef>

#include "absl/time/time.h"

// Every bound of who may call.
namespace spawner::auth {

// A Kubernetes ServiceAccount token is some 1.2 KiB, one of OIDC with many groups up to 8 KiB.
inline constexpr size_t kTokenBytesMax = 16 << 10;
inline constexpr size_t kNameBytesMax = 1024;
inline constexpr size_t kGroupsMax = 1000;  // of one caller, as many as directories have
inline constexpr size_t kTokenFileBytesMax = 1 << 20;
inline constexpr size_t kStaticTokensMax = 10'000;
inline constexpr size_t kStaticTokenBytesMin = 16;  // shorter ones can be guessed
inline constexpr size_t kKeySetBytesMax = 256 << 10;
inline constexpr size_t kKeysMax = 100;              // of a key set
inline constexpr int kRsaBitsMin = 2048;             // RFC 7518 3.3
inline constexpr int kRsaBitsMax = 8192;             // a larger one costs milliseconds to verify
inline constexpr size_t kCachedTokensMax = 20'000;   // each some 300 bytes
inline constexpr size_t kCachedAnswersMax = 50'000;  // of SubjectAccessReviews, each some 200 bytes
// Reviews that are on their way to Kubernetes: more wait their turn nowhere, they are refused.
inline constexpr size_t kReviewsMax = 256;
inline constexpr size_t kWaitersMax = 10'000;  // calls that wait for reviews, as kCallsMax
// Of one address (of IPv6: one /64): somebody else always gets a turn. A review takes some ms.
inline constexpr size_t kReviewsPerPeerMax = 32;
// And answers that were no: programs with a wrong token try again in some seconds, and many may be
// behind one address; who guesses is slowed down, and can't make us ask the API server at will.
inline constexpr double kRefusalsPerSecond = 5;
inline constexpr double kRefusalsAtOnce = 50;
inline constexpr size_t kPeersMax = 10'000;

// A token that Kubernetes called good stays so without asking again. A deleted ServiceAccount can
// call for this long.
inline constexpr absl::Duration kTokenGoodFor = absl::Minutes(2);
inline constexpr absl::Duration kTokenBadFor = absl::Seconds(10);
inline constexpr absl::Duration kAllowedFor = absl::Seconds(60);
inline constexpr absl::Duration kForbiddenFor = absl::Seconds(10);
// A verified JWT: its signature is not checked again.
inline constexpr absl::Duration kJwtGoodFor = absl::Minutes(5);
// Clocks of issuers differ from ours.
inline constexpr absl::Duration kClockLeeway = absl::Seconds(10);
// kubelet brings a changed Secret within a minute.
inline constexpr absl::Duration kFileReadEvery = absl::Seconds(5);
inline constexpr absl::Duration kSecretReadEvery = absl::Seconds(10);
inline constexpr absl::Duration kKeySetReadEvery = absl::Hours(1);
// An unknown key asks for the key set again, but not more often than this.
inline constexpr absl::Duration kKeySetReadMin = absl::Seconds(10);
inline constexpr absl::Duration kKeySetTimeout = absl::Seconds(5);  // of each request
inline constexpr size_t kIssuerUrlBytesMax = 2048;
// While a key set is fetched, its transport is looked at this often: it has no wait of its own.
inline constexpr absl::Duration kFetchStep = absl::Milliseconds(10);
// How far two controllers' clocks may differ for one to believe the other.
inline constexpr absl::Duration kSealGoodFor = absl::Seconds(60);
inline constexpr absl::Duration kUnreachableRetry = absl::Seconds(1);

}  // namespace spawner::auth

#endif  // SPAWNER_CONTROLLER_AUTH_LIMITS_H_
