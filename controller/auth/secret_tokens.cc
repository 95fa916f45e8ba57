#include "controller/auth/secret_tokens.h"

#include <map>
#include <utility>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "base/crypto.h"
#include "base/json.h"
#include "base/log.h"
#include "base/status.h"
#include "controller/auth/limits.h"

namespace spawner::auth {

SecretTokens::SecretTokens(kube::KubeClient& client, TokenSecret secret)
    : client_(client),
      path_(absl::StrCat("/api/v1/namespaces/", secret.ns, "/secrets/", secret.name)),
      where_(absl::StrCat("the Secret ", secret.ns, "/", secret.name)),
      problem_(absl::UnavailableError("it was not read yet")) {}

void SecretTokens::Step(Instant now) {
  if (is_asking_ || now < read_at_) return;
  read_at_ = now + kSecretReadEvery;
  is_asking_ = true;
  client_.GetObject(path_, [this](const absl::StatusOr<std::string>& json) {
    is_asking_ = false;
    Take(json);
  });
}

absl::StatusOr<TokenTable> SecretTokens::Parse(const std::string& json) const {
  ASSIGN_OR_RETURN(const Json document, ParseJson(json));
  absl::Status error;
  const std::map<std::string, std::string> data = JsonReader(document, "", error).StringMap("data");
  RETURN_IF_ERROR(error);
  std::vector<TokenTable::Text> texts;
  size_t bytes = 0;
  for (const auto& [key, value] : data) {
    TokenTable::Text text{.name = absl::StrCat("key ", key), .lines = ""};
    if (!absl::Base64Unescape(value, &text.lines)) {
      return absl::InvalidArgumentError(absl::StrCat(text.name, ": is no base64"));
    }
    bytes += text.lines.size();
    texts.push_back(std::move(text));
  }
  if (bytes > kTokenFileBytesMax) {
    return absl::InvalidArgumentError(absl::StrCat("has more than ", kTokenFileBytesMax, " bytes"));
  }
  return TokenTable::Parse(texts, where_);
}

void SecretTokens::Take(const absl::StatusOr<std::string>& json) {
  // That it is gone is an answer: whoever deletes it wants its tokens to be good no more.
  const bool is_gone = absl::IsNotFound(json.status());
  if (!json.ok() && !is_gone) {
    problem_ = json.status();
    Log(LogLevel::kWarning, "token_secret_unreadable",
        {{"secret", path_}, {"error", problem_.ToString()}});
    return;
  }
  std::string hash = is_gone ? "" : Sha256(*json);
  const bool is_new = !was_read_ || hash != text_hash_;
  was_read_ = true;
  if (!is_new) return;
  text_hash_ = std::move(hash);
  absl::StatusOr<TokenTable> table = is_gone ? TokenTable() : Parse(*json);
  if (!table.ok()) {
    // Callers are strangers yet: they are not told what is in it.
    problem_ = absl::InvalidArgumentError("it is malformed, the controller's log says where");
    Log(LogLevel::kWarning, "token_secret_malformed",
        {{"secret", path_}, {"error", table.status().ToString()}});
    return;
  }
  is_known_ = true;
  table_ = *std::move(table);
  Log(is_gone ? LogLevel::kWarning : LogLevel::kInfo,
      is_gone ? "token_secret_missing" : "token_secret_read",
      {{"secret", path_}, {"tokens", table_.size()}});
}

absl::Status SecretTokens::status() const {
  if (is_known_) return absl::OkStatus();
  const absl::string_view remedy =
      absl::IsPermissionDenied(problem_)
          ? "the controller's ServiceAccount needs the right to get it, as deploy/manifests grants "
            "it for spawner-tokens"
          : "try again";
  return WithRetryAfter(
      WithReason(absl::UnavailableError(absl::StrCat("authenticate: read ", where_, ": ",
                                                     problem_.message(), "; ", remedy)),
                 "KUBERNETES_UNREACHABLE"),
      kUnreachableRetry);
}

}  // namespace spawner::auth
