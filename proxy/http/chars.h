#ifndef SPAWNER_PROXY_HTTP_CHARS_H_
#define SPAWNER_PROXY_HTTP_CHARS_H_

#include <array>
#include <cstdint>

#include "absl/strings/string_view.h"

namespace spawner::proxy {

enum CharClass : uint8_t {
  kTokenChar = 1,   // RFC 9110 5.6.2
  kValueChar = 2,   // RFC 9110 5.5: HTAB, SP, VCHAR, obs-text
  kTargetChar = 4,  // VCHAR but '#': a fragment is never sent (RFC 9112 3.2)
  kHostChar = 8,    // of a name or IPv4 address; what DNS names are made of, and '_'
  kMethodChar = 16,
};

constexpr std::array<uint8_t, 256> MakeCharClasses() {
  std::array<uint8_t, 256> classes{};
  for (int c = 0; c < 256; ++c) {
    const bool is_digit = c >= '0' && c <= '9';
    const bool is_upper = c >= 'A' && c <= 'Z';
    const bool is_alnum = is_digit || is_upper || (c >= 'a' && c <= 'z');
    uint8_t bits = 0;
    if (is_alnum) bits |= kTokenChar;
    for (char t : {'!', '#', '$', '%', '&', '\'', '*', '+', '-', '.', '^', '_', '`', '|', '~'}) {
      if (c == t) bits |= kTokenChar;
    }
    if (c == '\t' || (c >= 0x20 && c != 0x7f)) bits |= kValueChar;
    if (c > 0x20 && c < 0x7f && c != '#') bits |= kTargetChar;
    if (is_alnum || c == '.' || c == '-' || c == '_') bits |= kHostChar;
    if (is_upper || c == '-') bits |= kMethodChar;
    classes[static_cast<size_t>(c)] = bits;
  }
  return classes;
}
inline constexpr std::array<uint8_t, 256> kCharClasses = MakeCharClasses();

inline bool Is(char c, CharClass wanted) {
  return (kCharClasses[static_cast<uint8_t>(c)] & wanted) != 0;
}

inline bool AllAre(absl::string_view text, CharClass wanted) {
  for (char c : text) {
    if (!Is(c, wanted)) return false;
  }
  return true;
}

}  // namespace spawner::proxy

#endif  // SPAWNER_PROXY_HTTP_CHARS_H_
