#include "controller/core/one_time_tokens.h"

#include <variant>

#include "base/log.h"
#include "controller/core/limits.h"

namespace spawner::core {

void OneTimeTokens::OnProxy(uint64_t link, const route::FromProxy& message, Instant) {
  const auto* token = std::get_if<route::UseToken>(&message);
  if (token == nullptr) return;
  table_.links.Send(link, route::UseTokenAnswer{token->sequence, Use(*token)});
}

bool OneTimeTokens::Use(const route::UseToken& token) {
  if (!table_.leadership.is_leader || token.leadership != table_.leadership.number) return false;
  const absl::Time wall = table_.clock.WallNow();
  ForgetExpired(wall);
  // By the leader's clock, which signed it: a proxy's may be behind.
  if (token.expires_at <= wall) return false;
  if (token.expires_at > wall + kOneTimeMemory) return false;  // no token lives for so long
  if (used_.size() >= kOneTimeTokensMax) {
    Log(LogLevel::kWarning, "one_time_tokens_full",
        {{"used", static_cast<uint64_t>(used_.size())}});
    return false;
  }
  Key key(token.session.value, token.grant_id);
  if (!used_.insert(key).second) return false;
  // In the order of their use: each is kept for longer than any may live, whatever its proxy's idea
  // of the time.
  by_age_.emplace_back(wall + kOneTimeMemory, std::move(key));
  return true;
}

void OneTimeTokens::ForgetExpired(absl::Time wall) {
  while (!by_age_.empty() && by_age_.front().first <= wall) {
    used_.erase(by_age_.front().second);
    by_age_.pop_front();
  }
}

void OneTimeTokens::OnStandDown(const absl::Status&) {
  used_.clear();
  by_age_.clear();
}

}  // namespace spawner::core
