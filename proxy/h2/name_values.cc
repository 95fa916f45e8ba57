#include "proxy/h2/name_values.h"

#include <cstdint>

namespace spawner::proxy::h2 {

std::vector<nghttp2_nv> NameValues(const FieldBlock& block) {
  std::vector<nghttp2_nv> fields;
  fields.reserve(block.size());
  for (const auto& [name, value] : block) {
    fields.push_back({reinterpret_cast<uint8_t*>(const_cast<char*>(name.data())),
                      reinterpret_cast<uint8_t*>(const_cast<char*>(value.data())), name.size(),
                      value.size(), NGHTTP2_NV_FLAG_NONE});
  }
  return fields;
}

}  // namespace spawner::proxy::h2
