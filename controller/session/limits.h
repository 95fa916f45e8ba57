#ifndef SPAWNER_CONTROLLER_SESSION_LIMITS_H_
#define SPAWNER_CONTROLLER_SESSION_LIMITS_H_

#include <cstddef>

#include "absl/time/time.h"

// What a session may ask for, and how long its rules wait.
namespace spawner {

constexpr size_t kKeyBytesMax = 256;  // as the API promises
// Leaves room in an annotation set (256 KiB in Kubernetes) and in etcd's objects (1.5 MiB).
constexpr size_t kSpecBytesMax = 64 * 1024;
// JSON's bytes for one of the message: six for a control character, seven within pod_overrides, and
// names of fields. convert_test has the worst of each kind.
constexpr size_t kJsonOfWireMax = 8;
constexpr size_t kImageBytesMax = 512;
constexpr size_t kClaimsMax = 8;  // as the API promises
constexpr size_t kMountPathBytesMax = 1024;
constexpr size_t kTemplateNameBytesMax = 253;  // as Kubernetes
constexpr size_t kLabelsMax = 32;
constexpr size_t kOriginsMax = 32;
constexpr size_t kEnvMax = 256;
constexpr size_t kOverridesDepthMax = 32;  // a pod's own schema is about 12 deep
constexpr size_t kMessageBytesMax = 1024;  // of spawner.dev/message

constexpr absl::Duration kWarnBeforeMax = absl::Hours(1);
constexpr size_t kIgnorePathsMax = 32;
constexpr size_t kIgnorePathBytesMax = 256;

// As the API promises: of KeepAlive.
constexpr size_t kHoldsMax = 16;
constexpr size_t kHoldOwnerBytesMax = 128;
constexpr size_t kHoldReasonBytesMax = 256;
constexpr absl::Duration kHoldMaxMax = absl::Hours(24 * 30);

// Of an incarnation's history, in memory and in spawner.dev/history.
constexpr size_t kTransitionsMax = 20;  // as the API promises
constexpr size_t kCauseBytesMax = 160;
constexpr size_t kHistoryBytesMax = 1536;
// Of one session, before they become a time (architecture.md); half of what an annotation may hold.
constexpr size_t kRevocationsMax = 1000;
constexpr size_t kRevocationsBytesMax = 96 * 1024;
// A cookie lives for 7 days from its last renewal (decision 0007) and a token for 24 h at most; the
// day on top of the longer one is for a proxy that renewed cookies with its link down.
constexpr absl::Duration kRevocationLife = absl::Hours(24 * 8);

constexpr absl::Duration kGraceMax = absl::Hours(24 * 30);
constexpr absl::Duration kLifetimeMax = absl::Hours(24 * 365);
constexpr absl::Duration kStartTimeoutMax = absl::Hours(24);
constexpr absl::Duration kStopGraceMax = absl::Hours(1);
constexpr absl::Duration kRetentionMax = absl::Hours(24 * 7);

// kubelet tries a pull again after 10 s: two tries, then it is no passing fault of the registry.
constexpr absl::Duration kImageErrorPatience = absl::Seconds(15);
// How long READY waits for the slowest live proxy's acknowledgement.
constexpr absl::Duration kRouteAckWaitMax = absl::Seconds(1);
// How long a closed gate waits for every proxy's count before it opens again.
constexpr absl::Duration kGateWaitMax = absl::Seconds(5);
// Then not before this.
constexpr absl::Duration kGateRetryAfter = absl::Seconds(5);
// After stop_grace: kubelet's own slack before we delete the pod, or let go of a deleted one.
constexpr absl::Duration kStopSlack = absl::Seconds(30);

}  // namespace spawner

#endif  // SPAWNER_CONTROLLER_SESSION_LIMITS_H_
