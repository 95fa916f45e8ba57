#ifndef SPAWNER_BASE_IDS_H_
#define SPAWNER_BASE_IDS_H_

#include <compare>
#include <cstdint>
#include <string>
#include <utility>

#include "absl/strings/string_view.h"

namespace spawner {

// Lower-case base32, 1 to 63 characters, a DNS label: "k7x2...". Belongs to the session's key and
// so outlives incarnations; the pod of one incarnation is named "{id}-{counter}".
struct SessionId {
  std::string value;

  auto operator<=>(const SessionId&) const = default;
  template <typename H>
  friend H AbslHashValue(H h, const SessionId& id) {
    return H::combine(std::move(h), id.value);
  }
};

// Fencing token of one incarnation: leadership << 32 | counter. A new one is always greater.
struct Epoch {
  uint64_t value = 0;

  static constexpr Epoch Make(uint32_t leadership, uint32_t counter) {
    return {static_cast<uint64_t>(leadership) << 32 | counter};
  }
  constexpr uint32_t leadership() const { return static_cast<uint32_t>(value >> 32); }
  auto operator<=>(const Epoch&) const = default;
};

// Position in one leader's route log. Ordered by leadership first, then by version.
struct RouteVersion {
  uint32_t leadership = 0;
  uint64_t version = 0;

  auto operator<=>(const RouteVersion&) const = default;
};

// True for a DNS label (RFC 1123 2.1): 1 to 63 of a-z, 0-9 and '-', neither end a '-'.
bool IsDnsLabel(absl::string_view text);

}  // namespace spawner

#endif  // SPAWNER_BASE_IDS_H_
