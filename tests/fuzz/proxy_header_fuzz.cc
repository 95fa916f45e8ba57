// The PROXY header, in pieces of any size: the same answer as in one piece, never a byte beyond it,
// and an address that is one.
#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "absl/strings/string_view.h"
#include "base/check.h"
#include "base/ip_ranges.h"
#include "proxy/tls/limits.h"
#include "proxy/tls/proxy_header.h"

namespace {

using spawner::proxy::ProxyHeader;

size_t Feed(ProxyHeader& header, absl::string_view bytes, size_t piece) {
  size_t taken = 0;
  while (header.wanted() > 0 && taken < bytes.size()) {
    const size_t size = std::min({header.wanted(), piece, bytes.size() - taken});
    header.Take(bytes.substr(taken, size));
    taken += size;
  }
  return taken;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const size_t piece = 1 + data[0] % 64;
  const absl::string_view bytes(reinterpret_cast<const char*>(data + 1), size - 1);
  ProxyHeader whole;
  ProxyHeader pieces;
  const size_t taken = Feed(whole, bytes, SIZE_MAX);
  SPAWNER_CHECK(taken <= spawner::proxy::kProxyHeaderV2BytesMax);
  const size_t taken_in_pieces = Feed(pieces, bytes, piece);
  SPAWNER_CHECK(whole.is_valid() == pieces.is_valid());
  if (!whole.is_valid()) return 0;
  SPAWNER_CHECK(taken == taken_in_pieces);
  SPAWNER_CHECK(whole.source_ip() == pieces.source_ip());
  SPAWNER_CHECK(whole.source_ip().empty() || spawner::ParseIp(whole.source_ip()).has_value());
  return 0;
}
