#ifndef SPAWNER_PROXY_H2_LIMITS_H_
#define SPAWNER_PROXY_H2_LIMITS_H_

#include <cstddef>
#include <cstdint>

#include "absl/time/time.h"
#include "proxy/http/limits.h"

namespace spawner::proxy::h2 {

// ---- memory ----
// Streams that a client may have open at once; RFC 9113 6.5.2 recommends at least 100.
inline constexpr uint32_t kStreamsMax = 128;
// Bytes of bodies that a peer may send before we have passed them on, per stream and together. The
// second one bounds what a connection holds on its way in.
inline constexpr int32_t kStreamWindowBytes = 256 * 1024;
inline constexpr int32_t kConnectionWindowBytes = 1024 * 1024;
// What a stream takes from its writer beyond what flow control lets it send.
inline constexpr size_t kStreamOutBytesMax = 64 * 1024;
// With so much for all streams of a connection together, each gets the floor: a client that reads
// nothing costs no more, one that leaves some streams alone gets the others.
inline constexpr size_t kConnectionOutBytesMax = 1024 * 1024;
inline constexpr size_t kStreamOutBytesFloor = 8 * 1024;
// A header block is answered with 431 above kHeadBytesMax, as HTTP/1.1's heads are; above this the
// connection goes: it is a decompression bomb.
inline constexpr size_t kHeaderBombBytes = 4 * kHeadBytesMax;
// What a header field costs beside its bytes (RFC 9113 6.5.2).
inline constexpr size_t kFieldOverheadBytes = 32;
// HPACK tables, each way (RFC 7541's default; a peer can't make ours larger).
inline constexpr size_t kHpackTableBytes = 4096;
// CONTINUATION frames of one header block: 32 KiB fit in two.
inline constexpr size_t kContinuationsMax = 8;
// Settings in one SETTINGS frame; RFC 9113 knows 6.
inline constexpr size_t kSettingsPerFrameMax = 32;
// Acknowledgements and the like that a peer makes us queue without reading them.
inline constexpr size_t kAcksQueuedMax = 256;
// With so many frames queued that a peer does not take, nothing more is read from it.
inline constexpr size_t kFramesQueuedMax = 1024;
// What nghttp2 keeps for a connection (frame buffer, HPACK tables) and for a stream, rounded up:
// counted as held with each.
inline constexpr size_t kSessionStateBytes = 28 * 1024;
inline constexpr size_t kStreamStateBytes = 512;
// What a connection keeps of each text of a head for the next one.
inline constexpr size_t kKeptTextBytes = 512;
// The most that one connection can make this room keep: bodies in, bodies out, a head per stream.
inline constexpr size_t kConnectionBytesMax = kConnectionWindowBytes + kConnectionOutBytesMax +
                                              kStreamOutBytesMax +
                                              kStreamsMax * (kStreamOutBytesFloor + kHeadBytesMax);

// ---- backends ----
// Streams of one connection at a time, and connections of one backend: 1,024 requests together.
inline constexpr size_t kBackendStreamsMax = 128;
inline constexpr size_t kBackendConnectionsMax = 8;
// Requests that wait for a connection or a stream of one backend; more get 503.
inline constexpr size_t kBackendQueueMax = 1024;
// Wide enough for every stream's window: the users of a session share a connection, and one that
// reads slowly must not stop the others.
inline constexpr int32_t kBackendWindowBytes =
    static_cast<int32_t>(kBackendStreamsMax) * kStreamWindowBytes;
// To the first SETTINGS frame, which proves that HTTP/2 is spoken. As forward's kConnectTimeout.
inline constexpr absl::Duration kBackendConnectTimeout = absl::Seconds(5);
// Without a stream. A backend that is told to stop waits for it at most so long.
inline constexpr absl::Duration kBackendIdleTimeout = absl::Seconds(15);
// A connection from which nothing came although a stream waited for so long gets no new ones.
inline constexpr absl::Duration kBackendSilence = absl::Seconds(5);
// Interim responses of one stream that wait to be read; forward has a limit of its own.
inline constexpr int kInterimsMax = 16;

// ---- turns ----
inline constexpr size_t kReadBytes = 64 * 1024;
inline constexpr size_t kWriteBytes = 128 * 1024;  // per write to the socket
inline constexpr int kRoundsPerTurn = 4;

// ---- floods: a burst, then a rate; beyond it GOAWAY with ENHANCE_YOUR_CALM ----
// Streams that the client reset, or that we had to (CVE-2023-44487, CVE-2025-8671).
inline constexpr int64_t kResetBurst = 200;
inline constexpr int64_t kResetsPerSecond = 50;
// PING, SETTINGS, PRIORITY, unknown frames, DATA without a byte.
inline constexpr int64_t kIdleFrameBurst = 1000;
inline constexpr int64_t kIdleFramesPerSecond = 100;

// ---- times ----
inline constexpr absl::Duration kSettingsTimeout = absl::Seconds(10);  // for the first frame
// Without a stream; bytes give no new time. As kClientIdleTimeout of HTTP/1.1.
inline constexpr absl::Duration kIdleTimeout = absl::Seconds(75);
// Between "no more requests, please" and "I take no more" (RFC 9113 6.8): a round trip and more.
inline constexpr absl::Duration kGoawayGrace = absl::Seconds(1);
// How long a close waits for the peer to take the last frames.
inline constexpr absl::Duration kLingerTimeout = absl::Seconds(2);

}  // namespace spawner::proxy::h2

#endif  // SPAWNER_PROXY_H2_LIMITS_H_
