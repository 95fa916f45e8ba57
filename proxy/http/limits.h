#ifndef SPAWNER_PROXY_HTTP_LIMITS_H_
#define SPAWNER_PROXY_HTTP_LIMITS_H_

#include <cstddef>

namespace spawner::proxy {

// A head above it is a 431. Chromium sends at most some 10 KiB; nginx's default is 32 KiB. What
// --max-header-bytes may say of requests instead: a head is held once per waiting request.
inline constexpr size_t kHeadBytesMax = 32 * 1024;
inline constexpr size_t kHeadBytesLeast = 4 * 1024;
inline constexpr size_t kHeadBytesMost = 128 * 1024;
// Fields in one head; a browser sends about 20. The same of --max-header-fields: memory for the
// most is there once per worker.
inline constexpr size_t kFieldsMax = 128;
inline constexpr size_t kFieldsLeast = 16;
inline constexpr size_t kFieldsMost = 256;
// Longest method that is passed on; "VERSION-CONTROL" has 15.
inline constexpr size_t kMethodBytesMax = 24;
// RFC 9112 7.1.1: extensions must have a limit. Nobody is known to use them.
inline constexpr size_t kChunkExtensionBytesMax = 256;
// 2^60 - 1 bytes in one chunk.
inline constexpr int kChunkSizeDigitsMax = 15;
// All trailer fields of one body.
inline constexpr size_t kTrailerBytesMax = 8 * 1024;
// Empty lines that may precede a request (RFC 9112 2.2): one, for old clients.
inline constexpr size_t kLeadingEmptyLinesMax = 1;

}  // namespace spawner::proxy

#endif  // SPAWNER_PROXY_HTTP_LIMITS_H_
