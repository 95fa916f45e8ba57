#include "proxy/link/use_book.h"

#include "absl/time/time.h"
#include "proxy/link/limits.h"

namespace spawner::proxy {

void UseBook::Add(int worker, uint64_t ticket, TokenUse use, bool is_up) {
  if (!is_up || waiting_.size() >= kUsesMax) {
    answers_.emplace_back(worker, TokenUseAnswer{ticket, UseVerdict::kUnknown});
    return;
  }
  const uint64_t sequence = ++last_sequence_;
  waiting_[sequence] = {worker, ticket};
  v1::UseToken& message = to_ask_.emplace_back();
  message.set_sequence(sequence);
  message.set_session_id(std::move(use.session_id));
  message.set_grant_id(std::move(use.grant_id));
  message.mutable_expire_time()->set_seconds(absl::ToUnixSeconds(use.expires_at));
  message.set_leadership(use.leadership);
}

void UseBook::Answer(uint64_t sequence, bool is_first_use) {
  const auto found = waiting_.find(sequence);
  if (found == waiting_.end()) return;  // of an earlier link
  const auto [worker, ticket] = found->second;
  waiting_.erase(found);
  answers_.emplace_back(
      worker, TokenUseAnswer{ticket, is_first_use ? UseVerdict::kFirst : UseVerdict::kUsed});
}

void UseBook::LoseLink() {
  to_ask_.clear();
  for (const auto& [sequence, waiting] : std::exchange(waiting_, {})) {
    answers_.emplace_back(waiting.worker, TokenUseAnswer{waiting.ticket, UseVerdict::kUnknown});
  }
}

std::optional<v1::UseToken> UseBook::Take() {
  if (to_ask_.empty()) return std::nullopt;
  v1::UseToken message = std::move(to_ask_.front());
  to_ask_.pop_front();
  return message;
}

}  // namespace spawner::proxy
