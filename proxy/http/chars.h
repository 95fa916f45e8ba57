#ifndef SPAWNER_PROXY_HTTP_CHARS_H_
#define SPAWNER_PROXY_HTTP_CHARS_H_

#include <array>
#include <cstdint>
#include <cstring>

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

// The same for kValueChar, eight bytes at a time.
inline bool AreValueChars(absl::string_view text) {
  constexpr uint64_t kEach = 0x0101010101010101;
  while (text.size() >= sizeof(uint64_t)) {
    uint64_t word;
    std::memcpy(&word, text.data(), sizeof(word));
    // The top bit of a byte below 0x20, or of 0x7f: it may be a tab.
    const uint64_t is_control = (word - kEach * 0x20) & ~word;
    const uint64_t delete_is_0 = word ^ (kEach * 0x7f);
    const uint64_t is_delete = (delete_is_0 - kEach) & ~delete_is_0;
    if (((is_control | is_delete) & (kEach * 0x80)) != 0) break;
    text.remove_prefix(sizeof(word));
  }
  return AllAre(text, kValueChar);
}

}  // namespace spawner::proxy

#endif  // SPAWNER_PROXY_HTTP_CHARS_H_
