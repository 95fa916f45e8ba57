#ifndef SPAWNER_PROXY_TLS_LIMITS_H_
#define SPAWNER_PROXY_TLS_LIMITS_H_

#include <cstddef>
#include <cstdint>

#include "absl/time/time.h"

namespace spawner::proxy {

// ---- before a connection is handed to the worker ----
// A load balancer sends the PROXY header with the connection's first packet.
inline constexpr absl::Duration kProxyHeaderTimeout = absl::Seconds(5);
// Version 1 says 107 itself. Version 2 allows 64 KiB of TLVs; what is in use stays below 600 bytes.
inline constexpr size_t kProxyHeaderV1BytesMax = 107;
inline constexpr size_t kProxyHeaderV2BytesMax = 16 + 4096;
// From the first byte expected to the last one of the handshake: as the head of a request.
inline constexpr absl::Duration kHandshakeTimeout = absl::Seconds(10);
// Connections of one worker that are not handed over yet; more wait in the kernel's backlog. Some
// 60 KiB each at most.
inline constexpr size_t kArrivalsMax = 4096;
// Taken from the kernel, and handshake steps (150 us with P-256, 700 us with RSA-2048 on a Zen 3
// core), in one turn: what runs already waits for them.
inline constexpr int kArrivalsPerTurn = 64;
inline constexpr int kStepsPerTurn = 8;

// ---- records ----
inline constexpr size_t kRecordBytes = 16 * 1024;  // RFC 8446 5.1
// Encrypted before it is written: one system call for four records.
inline constexpr size_t kCipherChunk = 64 * 1024;
// Read in one system call. OpenSSL allocates it for a connection while bytes are in it.
inline constexpr size_t kReadBufferBytes = 32 * 1024;

// What OpenSSL holds for a connection, counted for --worker-memory-mib: 11 KiB idle (peers.md),
// more during the handshake.
inline constexpr int64_t kTlsStateBytes = 16 * 1024;

// ---- certificates and tickets ----
inline constexpr size_t kCertificatesMax = 1000;
inline constexpr absl::Duration kFilePollInterval = absl::Seconds(1);
// Keys that a ticket may be sealed with: the first seals, all open.
inline constexpr size_t kTicketKeysMax = 16;
inline constexpr size_t kTicketSecretBytesMin = 32;
inline constexpr absl::Duration kTicketLifetime = absl::Hours(4);
// Of keys that this process made itself; two old ones are kept, so that a ticket lives its life.
inline constexpr absl::Duration kTicketRotation = absl::Hours(2);
inline constexpr size_t kOwnTicketKeys = 3;

}  // namespace spawner::proxy

#endif  // SPAWNER_PROXY_TLS_LIMITS_H_
