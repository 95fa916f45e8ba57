#include "controller/kube/token_source.h"

#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "base/file.h"
#include "base/log.h"
#include "controller/kube/limits.h"

namespace spawner::kube {
namespace {

// RFC 6750 2.1, generously: what may stand in a header.
bool IsToken(absl::string_view text) {
  for (const char c : text) {
    if (c <= ' ' || c >= 127) return false;
  }
  return !text.empty();
}

}  // namespace

TokenSource::TokenSource(std::string token, std::string token_file)
    : token_(token_file.empty() ? std::move(token) : ""), token_file_(std::move(token_file)) {}

absl::StatusOr<std::string> TokenSource::Read() const {
  const absl::StatusOr<std::string> text = ReadFile(token_file_, kConfigBytesMax);
  if (!text.ok()) return absl::UnauthenticatedError(text.status().message());
  const absl::string_view token = absl::StripAsciiWhitespace(*text);
  if (IsToken(token)) return std::string(token);
  return absl::UnauthenticatedError(absl::StrCat("read ", token_file_, ": holds no token"));
}

absl::StatusOr<std::string> TokenSource::Get(Instant now) {
  if (token_file_.empty()) {
    if (token_.empty() || IsToken(token_)) return token_;
    return absl::UnauthenticatedError("the kubeconfig's token: is none");
  }
  if (now < read_again_at_) return token_;
  absl::StatusOr<std::string> token = Read();
  if (!token.ok() && token_.empty()) return token;
  read_again_at_ = now + kTokenFileAge;
  if (token.ok()) {
    token_ = *std::move(token);
  } else {
    Log(LogLevel::kWarning, "kubernetes_token_kept", {{"why", token.status().message()}});
  }
  return token_;
}

}  // namespace spawner::kube
