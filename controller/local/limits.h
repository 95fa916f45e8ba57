#ifndef SPAWNER_CONTROLLER_LOCAL_LIMITS_H_
#define SPAWNER_CONTROLLER_LOCAL_LIMITS_H_

#include <cstddef>
#include <cstdint>

#include "absl/time/time.h"

// Bounds of the embedded Kubernetes. Where the real one has a number, it is the same.
namespace spawner::local {

// ---- API -------------------------------------------------------------------
constexpr size_t kBodyBytesMax = 3 * 1024 * 1024;  // as kube-apiserver: 413 above
constexpr size_t kPathBytesMax = 8 * 1024;
constexpr size_t kObjectsMax = 110'000;   // pods, templates, secrets and leases together
constexpr size_t kRequestsMax = 20'000;   // waiting for the next Poll; 429 above
constexpr size_t kWatchesMax = 256;       // 429 above
constexpr size_t kLogFollowersMax = 256;  // 429 above
constexpr size_t kSelectorTermsMax = 64;
constexpr size_t kListMax = 100'000;  // items of one answer, whatever `limit` says

// Changes kept for watches: a watch from further back gets 410. The real server keeps 5 minutes.
constexpr size_t kHistoryMax = 20'000;
// Changes that one watch sends in one turn, so that no stream starves the rest.
constexpr size_t kWatchEventsPerTurn = 5'000;
constexpr absl::Duration kBookmarkPeriod = absl::Minutes(1);  // as seen on a real 1.34
// The real server ends a watch without timeoutSeconds after 30 to 60 minutes, by chance.
constexpr absl::Duration kWatchTimeoutMin = absl::Minutes(30);

// ---- pods ------------------------------------------------------------------
constexpr int64_t kGraceSecondsDefault = 30;  // as kube-apiserver's default
constexpr int64_t kGraceSecondsMax = 24 * 3600;
constexpr int64_t kGraceSecondsOfNegative = 1;      // as kube-apiserver takes any negative one
constexpr int64_t kDeadlineSecondsMax = INT32_MAX;  // as kube-apiserver
constexpr size_t kFinalizersMax = 64;
constexpr size_t kNameBytesMax = 253;  // RFC 1123 subdomain
constexpr size_t kContainersMax = 16;

// ---- events ----------------------------------------------------------------
constexpr size_t kEventsMax = 5'000;                    // some 500 bytes each
constexpr absl::Duration kEventsKept = absl::Hours(1);  // as kube-apiserver's --event-ttl
constexpr size_t kEventsComparedMax = 64;  // newest ones in which the same event is looked for

// ---- processes -------------------------------------------------------------
constexpr size_t kProcessesMax = 1'000;     // at once; further pods stay Pending / Unschedulable
constexpr size_t kLogBytesMax = 64 * 1024;  // kept per pod, the newest
constexpr size_t kLogReadBytesPerTurn = 256 * 1024;  // from one pod in one turn
constexpr size_t kArgumentsMax = 1'024;
constexpr size_t kEnvironmentMax = 1'024;
constexpr absl::Duration kProbeDelayMin = absl::Milliseconds(5);
constexpr absl::Duration kProbeDelayMax = absl::Milliseconds(100);
constexpr size_t kSocketsMax = 65'536;                      // read of each table in /proc/net
constexpr absl::Duration kProbeTimeout = absl::Seconds(1);  // as a kubelet's probe

// ---- images of the scripted runtime ------------------------------------------
constexpr absl::Duration kImageBackOff = absl::Seconds(10);  // as a kubelet's first one

}  // namespace spawner::local

#endif  // SPAWNER_CONTROLLER_LOCAL_LIMITS_H_
