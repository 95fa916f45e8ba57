#ifndef SPAWNER_PROXY_H2_NAME_VALUES_H_
#define SPAWNER_PROXY_H2_NAME_VALUES_H_

#include <nghttp2/nghttp2.h>

#include <vector>

#include "proxy/h2/response_fields.h"

namespace spawner::proxy::h2 {

// Views of `block`, which nghttp2 copies and does not change.
std::vector<nghttp2_nv> NameValues(const FieldBlock& block);

}  // namespace spawner::proxy::h2

#endif  // SPAWNER_PROXY_H2_NAME_VALUES_H_
