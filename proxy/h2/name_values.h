#ifndef SPAWNER_PROXY_H2_NAME_VALUES_H_
#define SPAWNER_PROXY_H2_NAME_VALUES_H_

#include <nghttp2/nghttp2.h>

#include <cstdint>
#include <vector>

namespace spawner::proxy::h2 {

// Views of pairs of texts, which nghttp2 copies and does not change.
template <typename Pairs>
std::vector<nghttp2_nv> NameValues(const Pairs& pairs, std::vector<nghttp2_nv> views = {}) {
  views.clear();
  for (const auto& [name, value] : pairs) {
    views.push_back({reinterpret_cast<uint8_t*>(const_cast<char*>(name.data())),
                     reinterpret_cast<uint8_t*>(const_cast<char*>(value.data())), name.size(),
                     value.size(), NGHTTP2_NV_FLAG_NONE});
  }
  return views;
}

}  // namespace spawner::proxy::h2

#endif  // SPAWNER_PROXY_H2_NAME_VALUES_H_
