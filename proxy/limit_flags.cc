#include "proxy/limit_flags.h"

#include <string>

#include "absl/flags/flag.h"
#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "base/status.h"
#include "proxy/http/limits.h"
#include "proxy/io/limits.h"

namespace limits = spawner::proxy;

ABSL_FLAG(absl::Duration, head_timeout, limits::kHeadTimeout,
          "From the first to the last byte of a request's head, 100ms to 24h; then 408.");
ABSL_FLAG(
    absl::Duration, body_idle_timeout, limits::kBodyIdleTimeout,
    "How long no byte of a body may move though one is owed: by a client of its request (408) "
    "or of an answer that it does not take, by a backend of a response of known length or of "
    "a request that it does not take (504). Never on upgrades, streams of events, gRPC and "
    "responses that have not begun. 100ms to 24h, or 0s: none.");
ABSL_FLAG(absl::Duration, keep_alive_timeout, limits::kClientIdleTimeout,
          "How long a client's connection stays open without a request, 100ms to 24h.");
ABSL_FLAG(absl::Duration, connect_timeout, limits::kConnectTimeout,
          "How long a session's backend may take to accept a connection, 100ms to 24h; then 504.");
ABSL_FLAG(absl::Duration, dead_peer_timeout, limits::kDeadPeerTimeout,
          "How long a peer that does not answer TCP, or takes nothing of what waits for it, still "
          "counts as connected, 6s to 2h, in whole seconds. Half of it passes before the first "
          "probe.");
ABSL_FLAG(int64_t, max_header_bytes, limits::kHeadBytesMax,
          "Of a request's line and headers, 4096 to 131072; more is answered 431 or 414.");
ABSL_FLAG(int64_t, max_header_fields, limits::kFieldsMax,
          "Fields in a request's head, 16 to 256; more are answered 431.");
ABSL_FLAG(int64_t, max_connections_per_address, limits::kConnectionsPerAddress,
          "Open at one time by one client address (IPv6: one /64) over all workers, 1 to 1000000, "
          "or 0: no limit; more get a 429 and are closed. The address is the socket's or that of "
          "a PROXY header; --trusted-proxies that send none are not counted.");
ABSL_FLAG(int64_t, reserved_descriptors, 0,
          "Of the limit of open files (ulimit -n), kept for backends and the link: clients wait to "
          "be accepted while fewer are free. 1 to half of the limit; 0: an eighth, at most 1024.");
ABSL_FLAG(int64_t, worker_memory_mib, 0,
          "MiB that a worker may hold in connections and their buffers, 16 to 1048576. Over it new "
          "requests get a 503 while what is under way goes on. 0: an equal share of half of the "
          "machine's or the container's memory.");

namespace spawner::proxy {
namespace {

absl::Status Bad(absl::string_view flag, absl::string_view why) {
  return absl::InvalidArgumentError(absl::StrCat("--", flag, ": ", why));
}

enum class Zero { kIsBad, kIsNone };

absl::Status CheckTimeout(absl::string_view flag, absl::Duration timeout, Zero zero) {
  if (zero == Zero::kIsNone && timeout == absl::ZeroDuration()) return absl::OkStatus();
  if (timeout >= kTimeoutLeast && timeout <= kTimeoutMost) return absl::OkStatus();
  return Bad(flag, absl::StrCat("must be ", absl::FormatDuration(kTimeoutLeast), " to ",
                                absl::ToInt64Hours(kTimeoutMost), "h",
                                zero == Zero::kIsNone ? ", or 0s for none" : ""));
}

struct Range {
  int64_t least;
  int64_t most;
  absl::string_view zero = {};  // what it stands for; empty: nothing
};

absl::Status CheckCount(absl::string_view flag, int64_t value, const Range& range) {
  if (value == 0 && !range.zero.empty()) return absl::OkStatus();
  if (value >= range.least && value <= range.most) return absl::OkStatus();
  std::string why = absl::StrCat("must be ", range.least, " to ", range.most);
  if (!range.zero.empty()) absl::StrAppend(&why, ", or 0 for ", range.zero);
  return Bad(flag, why);
}

}  // namespace

absl::StatusOr<LimitSettings> LimitsFromFlags() {
  LimitSettings settings;
  ForwardLimits& forward = settings.forward;
  forward.head_timeout = absl::GetFlag(FLAGS_head_timeout);
  forward.body_idle_timeout = absl::GetFlag(FLAGS_body_idle_timeout);
  forward.client_idle_timeout = absl::GetFlag(FLAGS_keep_alive_timeout);
  forward.connect_timeout = absl::GetFlag(FLAGS_connect_timeout);
  RETURN_IF_ERROR(CheckTimeout("head-timeout", forward.head_timeout, Zero::kIsBad));
  RETURN_IF_ERROR(CheckTimeout("body-idle-timeout", forward.body_idle_timeout, Zero::kIsNone));
  RETURN_IF_ERROR(CheckTimeout("keep-alive-timeout", forward.client_idle_timeout, Zero::kIsBad));
  RETURN_IF_ERROR(CheckTimeout("connect-timeout", forward.connect_timeout, Zero::kIsBad));

  settings.dead_peer_timeout = absl::GetFlag(FLAGS_dead_peer_timeout);
  if (settings.dead_peer_timeout < kDeadPeerTimeoutLeast ||
      settings.dead_peer_timeout > kDeadPeerTimeoutMost) {
    return Bad("dead-peer-timeout", "must be 6s to 2h");
  }
  const int64_t bytes = absl::GetFlag(FLAGS_max_header_bytes);
  const int64_t fields = absl::GetFlag(FLAGS_max_header_fields);
  const int64_t connections = absl::GetFlag(FLAGS_max_connections_per_address);
  const int64_t mebibytes = absl::GetFlag(FLAGS_worker_memory_mib);
  settings.reserved_descriptors = absl::GetFlag(FLAGS_reserved_descriptors);
  RETURN_IF_ERROR(CheckCount("max-header-bytes", bytes, {kHeadBytesLeast, kHeadBytesMost}));
  RETURN_IF_ERROR(CheckCount("max-header-fields", fields, {kFieldsLeast, kFieldsMost}));
  RETURN_IF_ERROR(CheckCount("max-connections-per-address", connections,
                             {1, kConnectionsPerAddressMost, "no limit"}));
  RETURN_IF_ERROR(CheckCount("reserved-descriptors", settings.reserved_descriptors,
                             {1, kReservedDescriptorsMost, "an eighth"}));
  RETURN_IF_ERROR(CheckCount("worker-memory-mib", mebibytes,
                             {kWorkerMemoryMibLeast, kWorkerMemoryMibMost, "a share of half"}));
  forward.head_bytes_max = static_cast<size_t>(bytes);
  forward.fields_max = static_cast<size_t>(fields);
  forward.memory_bytes_max = mebibytes << 20;
  settings.connections_per_address = static_cast<uint32_t>(connections);
  return settings;
}

}  // namespace spawner::proxy
