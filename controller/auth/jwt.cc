#include "controller/auth/jwt.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "base/base64url.h"
#include "controller/auth/limits.h"

namespace spawner::auth {
namespace {

constexpr absl::string_view kRemedy = "ask the issuer for a new token";
// The last second that RFC 3339 can write.
constexpr double kSecondsMax = 253'402'300'799;

std::optional<Json> DecodeObject(absl::string_view part) {
  const std::optional<std::string> text = Base64UrlDecode(part);
  if (!text.has_value()) return std::nullopt;
  absl::StatusOr<Json> value = ParseJson(*text);
  if (!value.ok() || !value->is_object()) return std::nullopt;
  return *std::move(value);
}

std::string TextIn(const Json& object, const std::string& name) {
  const auto found = object.find(name);
  return found != object.end() && found->is_string() ? found->get<std::string>() : "";
}

// A string, or a list whose strings count.
std::vector<std::string> TextsIn(const Json& object, const std::string& name) {
  const auto found = object.find(name);
  std::vector<std::string> texts;
  if (found == object.end()) return texts;
  if (found->is_string()) texts.push_back(found->get<std::string>());
  if (!found->is_array()) return texts;
  for (const Json& element : *found) {
    if (element.is_string() && texts.size() < kGroupsMax) {
      texts.push_back(element.get<std::string>());
    }
  }
  return texts;
}

// NumericDate (RFC 7519 2), which may have a fraction.
std::optional<absl::Time> TimeIn(const Json& object, const std::string& name) {
  const auto found = object.find(name);
  if (found == object.end() || !found->is_number()) return std::nullopt;
  const double seconds = found->get<double>();
  if (!(seconds >= 0 && seconds <= kSecondsMax)) return std::nullopt;
  return absl::UnixEpoch() + absl::Seconds(seconds);
}

bool IsName(absl::string_view text) {
  return !text.empty() && text.size() <= kNameBytesMax &&
         std::none_of(text.begin(), text.end(),
                      [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; });
}

}  // namespace

std::string Jwt::Text(const std::string& claim) const { return TextIn(claims, claim); }

std::optional<Jwt> ParseJwt(absl::string_view token) {
  const std::vector<absl::string_view> parts = absl::StrSplit(token, absl::MaxSplits('.', 3));
  if (parts.size() != 3) return std::nullopt;
  const std::optional<Json> header = DecodeObject(parts[0]);
  std::optional<Json> claims = DecodeObject(parts[1]);
  std::optional<std::string> signature = Base64UrlDecode(parts[2]);
  if (!header.has_value() || !claims.has_value() || !signature.has_value()) return std::nullopt;
  // RFC 7515 4.1.11: extensions that must be understood, and none is.
  if (header->contains("crit")) return std::nullopt;
  return Jwt{.key_id = TextIn(*header, "kid"),
             .algorithm = TextIn(*header, "alg"),
             .claims = *std::move(claims),
             .signed_text = absl::StrCat(parts[0], ".", parts[1]),
             .signature = *std::move(signature)};
}

absl::StatusOr<JwtCaller> ReadClaims(const Json& claims, const JwtTerms& terms, absl::Time now) {
  if (TextIn(claims, "iss") != terms.issuer) {
    return TokenInvalid(absl::StrCat("the token is not of ", terms.issuer), kRemedy);
  }
  const std::vector<std::string> audiences = TextsIn(claims, "aud");
  const bool is_for_us =
      std::any_of(audiences.begin(), audiences.end(), [&terms](const std::string& audience) {
        return std::count(terms.audiences.begin(), terms.audiences.end(), audience) > 0;
      });
  if (!is_for_us) {
    return TokenInvalid(
        absl::StrCat("the token is not for the audience ", absl::StrJoin(terms.audiences, " or ")),
        kRemedy);
  }
  const std::optional<absl::Time> expires = TimeIn(claims, "exp");
  if (!expires.has_value()) return TokenInvalid("the token has no time of expiry", kRemedy);
  if (now >= *expires + kClockLeeway) return TokenExpired("the token has expired", kRemedy);
  const std::optional<absl::Time> begins = TimeIn(claims, "nbf");
  if (begins.has_value() && now + kClockLeeway < *begins) {
    return TokenInvalid("the token is not good yet", "look at the clocks of issuer and controller");
  }
  const std::string user = TextIn(claims, terms.user_claim);
  if (!IsName(user)) {
    return TokenInvalid(
        absl::StrCat("the token has no claim ", terms.user_claim, " that names a user"),
        "let the issuer add it, or set --oidc-user-claim");
  }
  const auto verified = claims.find("email_verified");
  if (terms.user_claim == "email" && verified != claims.end() && *verified != Json(true)) {
    return TokenInvalid("the token's email is not verified", "verify it at the issuer");
  }
  Caller caller{.name = absl::StrCat(terms.prefix, user)};
  for (const std::string& group : TextsIn(claims, terms.groups_claim)) {
    if (IsName(group)) caller.groups.push_back(absl::StrCat(terms.prefix, group));
  }
  return JwtCaller{MakeCaller(std::move(caller)), *expires};
}

}  // namespace spawner::auth
