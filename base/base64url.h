#ifndef SPAWNER_BASE_BASE64URL_H_
#define SPAWNER_BASE_BASE64URL_H_

#include <optional>
#include <string>

#include "absl/strings/string_view.h"

// RFC 4648 5 without padding, as JWTs use it (RFC 7515 2).
namespace spawner {

std::string Base64UrlEncode(absl::string_view bytes);
// Nothing for any text that Base64UrlEncode can't have made: other letters, padding, white space,
// an impossible length, or bits set behind the last byte (two texts must never mean one value).
std::optional<std::string> Base64UrlDecode(absl::string_view text);

}  // namespace spawner

#endif  // SPAWNER_BASE_BASE64URL_H_
