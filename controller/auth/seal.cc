#include "controller/auth/seal.h"

#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/base64url.h"
#include "base/crypto.h"
#include "base/json.h"
#include "controller/auth/limits.h"

namespace spawner::auth {
namespace {

std::string SignatureOf(absl::string_view text, absl::string_view install_secret) {
  const std::string key = HmacSha256(install_secret, "spawner forwarded call 1");
  return HmacSha256(key, text);
}

absl::Status Broken(absl::string_view why) {
  return TokenInvalid(absl::StrCat("the forwarding controller's seal ", why),
                      "let all controllers use one Secret spawner-keys and one time");
}

}  // namespace

std::string MakeSeal(const Caller& caller, absl::string_view request,
                     absl::string_view install_secret, absl::Time now) {
  const Json content = {{"name", caller.name},
                        {"uid", caller.uid},
                        {"groups", caller.groups},
                        {"request", std::string(request)},
                        {"time_ms", absl::ToUnixMillis(now)}};
  const std::string text = Base64UrlEncode(JsonText(content));
  return absl::StrCat(text, ".", Base64UrlEncode(SignatureOf(text, install_secret)));
}

absl::StatusOr<CallerPtr> OpenSeal(absl::string_view seal, absl::string_view request,
                                   absl::string_view install_secret, absl::Time now) {
  const size_t dot = seal.find('.');
  if (install_secret.empty() || dot == seal.npos) return Broken("is malformed");
  const absl::string_view text = seal.substr(0, dot);
  const std::optional<std::string> signature = Base64UrlDecode(seal.substr(dot + 1));
  if (!signature.has_value() ||
      !EqualInConstantTime(*signature, SignatureOf(text, install_secret))) {
    return Broken("is not of this installation");
  }
  const absl::StatusOr<Json> content = ParseJson(Base64UrlDecode(text).value_or(""));
  if (!content.ok()) return Broken("is malformed");
  absl::Status error;
  const JsonReader reader(*content, "seal", error);
  Caller caller{.name = reader.String("name"),
                .uid = reader.String("uid"),
                .groups = reader.Strings("groups")};
  const std::string sealed = reader.String("request");
  const absl::Time made = absl::FromUnixMillis(reader.Int("time_ms").value_or(0));
  if (!error.ok()) return Broken("is malformed");
  if (request.empty() || sealed != request) return Broken("is for another request");
  if (made < now - kSealGoodFor || made > now + kSealGoodFor) return Broken("is too old");
  return MakeCaller(std::move(caller));
}

}  // namespace spawner::auth
