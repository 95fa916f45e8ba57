#include "base/bearer_file.h"

#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "base/file.h"

namespace spawner {
namespace {

constexpr absl::Duration kReadEvery = absl::Minutes(1);  // as client-go

}  // namespace

bool IsBearerToken(absl::string_view text) {
  for (const char c : text) {
    if (c <= ' ' || c >= 127) return false;
  }
  return !text.empty();
}

absl::StatusOr<std::string> BearerFile::Read() const {
  const absl::StatusOr<std::string> text = ReadFile(path_, kBearerBytesMax);
  if (!text.ok()) return absl::UnauthenticatedError(text.status().message());
  const absl::string_view token = absl::StripAsciiWhitespace(*text);
  if (!IsBearerToken(token)) {
    return absl::UnauthenticatedError(absl::StrCat("read ", path_, ": it holds no token"));
  }
  return std::string(token);
}

absl::StatusOr<std::string> BearerFile::Get(Instant now) {
  if (path_.empty() || now < read_again_at_) return token_;
  absl::StatusOr<std::string> token = Read();
  if (token.ok()) {
    token_ = *std::move(token);
    read_again_at_ = now + kReadEvery;
  } else if (token_.empty()) {
    return token.status();
  }
  return token_;
}

}  // namespace spawner
