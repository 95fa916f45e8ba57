#ifndef SPAWNER_PROXY_H2_RESET_CODES_H_
#define SPAWNER_PROXY_H2_RESET_CODES_H_

#include <nghttp2/nghttp2.h>

#include <cstdint>

namespace spawner::proxy::h2 {

// What is said to the other side of the proxy when a peer resets its stream with `code` (RFC 9113
// 7). Codes that a request can end with, which gRPC tells apart, pass; what is said of frames, of
// the connection or of nothing is between the two that have it, and becomes `otherwise`.
inline uint32_t ResetCodeForOtherSide(uint32_t code, uint32_t otherwise) {
  switch (code) {
    case NGHTTP2_INTERNAL_ERROR:
    case NGHTTP2_REFUSED_STREAM:
    case NGHTTP2_CANCEL:
    case NGHTTP2_ENHANCE_YOUR_CALM:
    case NGHTTP2_INADEQUATE_SECURITY:
      return code;
    default:
      return otherwise;
  }
}

}  // namespace spawner::proxy::h2

#endif  // SPAWNER_PROXY_H2_RESET_CODES_H_
