#include "base/token.h"

#include <cstdint>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "base/base64url.h"
#include "base/json.h"
#include "base/status.h"

namespace spawner {
namespace {

constexpr char kAlgorithm[] = "EdDSA";  // RFC 8037 3.1
constexpr char kType[] = "JWT";
constexpr char kIssuer[] = "spawner";
constexpr char kOneTime[] = "one";
// The last second that RFC 3339 can write: years 0001 to 9999.
constexpr int64_t kSecondsMax = 253'402'300'799;

absl::Status Invalid(absl::string_view why) {
  return WithReason(absl::UnauthenticatedError(absl::StrCat("verify the token: ", why,
                                                            "; ask the application for a new URL")),
                    "TOKEN_INVALID");
}

// One text for one value, in printable ASCII.
std::string AsciiText(const Json& value) {
  return value.dump(-1, ' ', /*ensure_ascii=*/true, Json::error_handler_t::replace);
}

bool HasControlCharacter(absl::string_view text) {
  for (const char c : text) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) return true;
  }
  return false;
}

absl::StatusOr<Json> ReadClaims(absl::string_view text) {
  if (text.empty()) return Json::object();
  if (text.size() > kClaimsBytesMax) {
    return InvalidField("grant.claims", absl::StrCat(text.size(), " bytes of JSON; at most ",
                                                     kClaimsBytesMax, " are allowed"));
  }
  absl::StatusOr<Json> claims = ParseJson(text);
  if (!claims.ok()) return InvalidField("grant.claims", claims.status().message());
  if (!claims->is_object()) return InvalidField("grant.claims", "must be a JSON object");
  if (const size_t size = AsciiText(*claims).size(); size > kClaimsBytesMax) {
    return InvalidField("grant.claims", absl::StrCat(size, " bytes of ASCII JSON; at most ",
                                                     kClaimsBytesMax, " are allowed"));
  }
  return claims;
}

// The object in one part of a token.
std::optional<Json> DecodePart(absl::string_view part) {
  const std::optional<std::string> text = Base64UrlDecode(part);
  if (!text.has_value()) return std::nullopt;
  absl::StatusOr<Json> value = ParseJson(*text);
  if (!value.ok() || !value->is_object()) return std::nullopt;
  return *std::move(value);
}

const VerificationKey* FindKey(const std::vector<VerificationKey>& keys, absl::string_view id) {
  for (const VerificationKey& key : keys) {
    if (key.id == id) return &key;
  }
  return nullptr;
}

// The header names the key and nothing else that could change how we verify: exactly these three.
absl::StatusOr<std::string> KeyIdOf(absl::string_view part) {
  const std::optional<Json> header = DecodePart(part);
  if (!header.has_value()) return Invalid("its header is malformed");
  absl::Status error;
  const JsonReader reader(*header, "header", error);
  const std::string algorithm = reader.RequiredString("alg");
  const std::string type = reader.RequiredString("typ");
  std::string key_id = reader.RequiredString("kid");
  if (!error.ok() || header->size() != 3 || algorithm != kAlgorithm || type != kType) {
    return Invalid("its header is not {alg: EdDSA, typ: JWT, kid}");
  }
  return key_id;
}

absl::StatusOr<Grant> ReadGrant(absl::string_view part) {
  const std::optional<Json> payload = DecodePart(part);
  if (!payload.has_value()) return Invalid("its payload is malformed");
  absl::Status error;
  const JsonReader reader(*payload, "payload", error);
  const std::string issuer = reader.RequiredString("iss");
  const std::optional<int64_t> issued_at = reader.Int("iat");
  const std::optional<int64_t> expires_at = reader.Int("exp");
  Grant grant{.id = reader.RequiredString("jti"),
              .ns = reader.RequiredString("ns"),
              .session = {reader.RequiredString("sid")},
              .user = reader.String("sub")};
  reader.Object("claims");
  if (!error.ok() || issuer != kIssuer) return Invalid("its payload is not a grant");
  if (!issued_at.has_value() || !expires_at.has_value() || *issued_at < 0 || *expires_at < 0 ||
      *issued_at > kSecondsMax || *expires_at > kSecondsMax) {
    return Invalid("its payload has no valid times");
  }
  if (grant.user.size() > kUserBytesMax || HasControlCharacter(grant.user)) {
    return Invalid("its user is malformed");
  }
  if (const auto claims = payload->find("claims"); claims != payload->end()) {
    grant.claims_json = AsciiText(*claims);
    if (!claims->is_object() || grant.claims_json.size() > kClaimsBytesMax) {
      return Invalid("its claims are malformed");
    }
  }
  grant.issued_at = absl::FromUnixSeconds(*issued_at);
  grant.expires_at = absl::FromUnixSeconds(*expires_at);
  if (reader.Has(kOneTime)) {
    const std::optional<int64_t> term = reader.Int(kOneTime);
    if (!error.ok() || !term.has_value() || *term < 1 || *term > UINT32_MAX ||
        grant.expires_at > grant.issued_at + kOneTimeTtlMax) {
      return Invalid("its single use is malformed");
    }
    grant.one_time_in = static_cast<uint32_t>(*term);
  }
  return grant;
}

}  // namespace

absl::StatusOr<std::string> SignGrant(const Grant& grant, const SigningKey& key) {
  if (grant.user.size() > kUserBytesMax) {
    return InvalidField("grant.user", absl::StrCat(grant.user.size(), " bytes; at most ",
                                                   kUserBytesMax, " are allowed"));
  }
  if (HasControlCharacter(grant.user)) {
    return InvalidField("grant.user", "control characters are not allowed");
  }
  if (grant.one_time_in != 0 && grant.expires_at > grant.issued_at + kOneTimeTtlMax) {
    return InvalidField("grant.ttl", "of a one-time token is 60s at most");
  }
  ASSIGN_OR_RETURN(Json claims, ReadClaims(grant.claims_json));
  const Json header = {{"alg", kAlgorithm}, {"kid", key.id}, {"typ", kType}};
  Json payload = {{"iss", kIssuer},
                  {"sub", grant.user},
                  {"sid", grant.session.value},
                  {"ns", grant.ns},
                  {"jti", grant.id},
                  {"iat", absl::ToUnixSeconds(grant.issued_at)},
                  {"exp", absl::ToUnixSeconds(grant.expires_at)}};
  if (!claims.empty()) payload["claims"] = std::move(claims);
  if (grant.one_time_in != 0) payload[kOneTime] = grant.one_time_in;
  std::string token =
      absl::StrCat(Base64UrlEncode(AsciiText(header)), ".", Base64UrlEncode(AsciiText(payload)));
  ASSIGN_OR_RETURN(const std::string signature, Ed25519Sign(key.pair, token));
  absl::StrAppend(&token, ".", Base64UrlEncode(signature));
  if (token.size() > kTokenBytesMax) {
    return InvalidField("grant", absl::StrCat("makes a token of ", token.size(), " bytes; at most ",
                                              kTokenBytesMax, " fit into a cookie"));
  }
  return token;
}

std::string RenewalSecret(const SigningKey& key) {
  return HmacSha256(key.pair.private_seed, "spawner cookie renewal 1");
}

const VerificationKey* KeyNamedBy(absl::string_view token,
                                  const std::vector<VerificationKey>& keys) {
  const absl::StatusOr<std::string> id = KeyIdOf(token.substr(0, token.find('.')));
  return id.ok() ? FindKey(keys, *id) : nullptr;
}

absl::StatusOr<Grant> VerifyGrant(absl::string_view token, const std::vector<VerificationKey>& keys,
                                  absl::Time now) {
  if (token.size() > kTokenBytesMax) return Invalid("it is too long");
  const std::vector<absl::string_view> parts = absl::StrSplit(token, absl::MaxSplits('.', 3));
  if (parts.size() != 3) return Invalid("it does not have three parts");
  ASSIGN_OR_RETURN(const std::string key_id, KeyIdOf(parts[0]));
  const VerificationKey* key = FindKey(keys, key_id);
  if (key == nullptr) return Invalid("its key is not known");
  const std::optional<std::string> signature = Base64UrlDecode(parts[2]);
  const absl::string_view signed_part = token.substr(0, parts[0].size() + 1 + parts[1].size());
  if (!signature.has_value() || !Ed25519Verify(key->public_key, signed_part, *signature)) {
    return Invalid("its signature is wrong");
  }
  ASSIGN_OR_RETURN(Grant grant, ReadGrant(parts[1]));
  if (now >= grant.expires_at) {
    return WithReason(absl::UnauthenticatedError(
                          "verify the token: it has expired; ask the application for a new URL"),
                      "TOKEN_EXPIRED");
  }
  return grant;
}

}  // namespace spawner
