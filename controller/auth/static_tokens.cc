#include "controller/auth/static_tokens.h"

#include <utility>

#include "base/crypto.h"
#include "base/file.h"
#include "base/log.h"
#include "base/status.h"
#include "controller/auth/limits.h"

namespace spawner::auth {
namespace {

absl::StatusOr<TokenTable> ParseFile(const std::string& text) {
  return TokenTable::Parse({{.name = "", .lines = text}}, "--token-file");
}

}  // namespace

absl::StatusOr<StaticTokens> StaticTokens::Open(std::string path) {
  StaticTokens tokens(std::move(path));
  ASSIGN_OR_RETURN(const std::string text, ReadFile(tokens.path_, kTokenFileBytesMax));
  absl::StatusOr<TokenTable> table = ParseFile(text);
  if (!table.ok()) return Annotate(table.status(), tokens.path_);
  tokens.text_hash_ = Sha256(text);
  tokens.table_ = *std::move(table);
  return tokens;
}

void StaticTokens::Step(Instant now) {
  if (now < read_at_) return;
  const bool is_first = read_at_ == Instant{};
  read_at_ = now + kFileReadEvery;
  if (is_first) return;
  const absl::StatusOr<std::string> text = ReadFile(path_, kTokenFileBytesMax);
  if (!text.ok()) {
    Log(LogLevel::kWarning, "token_file_unreadable", {{"error", text.status().ToString()}});
    return;
  }
  std::string hash = Sha256(*text);
  if (hash == text_hash_) return;
  text_hash_ = std::move(hash);
  absl::StatusOr<TokenTable> table = ParseFile(*text);
  if (!table.ok()) {
    Log(LogLevel::kWarning, "token_file_malformed",
        {{"file", path_}, {"error", table.status().ToString()}});
    return;
  }
  table_ = *std::move(table);
  Log(LogLevel::kInfo, "token_file_read", {{"file", path_}, {"tokens", table_.size()}});
}

}  // namespace spawner::auth
