// One-time tokens: the part of Exchange that waits for the leader's word, and who tells it.
#include "proxy/forward/token_uses.h"

#include <memory>
#include <string>
#include <utility>

#include "base/check.h"
#include "proxy/forward/answers.h"
#include "proxy/forward/downstream.h"
#include "proxy/forward/exchange.h"
#include "proxy/forward/limits.h"
#include "proxy/forward/sessions.h"

namespace spawner::proxy {

uint64_t TokenUses::Ask(Exchange& exchange, const TokenUse& use) {
  const uint64_t ticket = ++last_ticket_;
  waiting_[ticket] = &exchange;
  reports_.OnTokenUse(worker_, ticket, use);
  return ticket;
}

void TokenUses::Take(const TokenUseAnswer& answer) {
  const auto found = waiting_.find(answer.ticket);
  if (found == waiting_.end()) return;  // its client has left, or it waited for too long
  Exchange& exchange = *found->second;
  waiting_.erase(found);
  exchange.OnUseAnswered(answer.verdict);
}

// bench.decision has what to ask. Fails closed: without an answer in time nobody gets in, though
// the token may be used up.
void Exchange::AwaitUse(Session& session, absl::string_view head) {
  if (!bench_.sessions->is_current()) return Fail(TokenNotChecked());
  if (session_ == nullptr) session_ = &session;
  if (use_ != nullptr && use_->grant == bench_.decision.grant.id) return Wait(head);
  const AuthDecision decision = std::move(bench_.decision);
  ForgetUse();
  Wait(head);
  if (phase_ != Phase::kPending) return;  // too many wait: answered
  use_ = std::make_unique<GrantUse>(GrantUse{.grant = decision.grant.id,
                                             .ticket = bench_.token_uses->Ask(*this, *decision.use),
                                             .until = bench_.now + kTokenUseTimeout});
  client_.SetDeadline(use_->until);
}

void Exchange::OnUseAnswered(UseVerdict verdict) {
  SPAWNER_CHECK(use_ != nullptr && phase_ == Phase::kPending);
  use_->ticket = 0;
  if (verdict == UseVerdict::kUnknown) return Fail(TokenNotChecked());
  use_->is_first = verdict == UseVerdict::kFirst;
  // Once more, with the answer; where the session starts it waits on as others do.
  SetHoldDeadline();
  GoOn();
}

void Exchange::ForgetUse() {
  if (IsAskingForUse()) bench_.token_uses->Forget(use_->ticket);
  use_.reset();
}

}  // namespace spawner::proxy
