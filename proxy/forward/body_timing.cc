// The part of Exchange that gives up on bodies which stand still.
#include "proxy/forward/answers.h"
#include "proxy/forward/downstream.h"
#include "proxy/forward/exchange.h"
#include "proxy/forward/limits.h"

namespace spawner::proxy {

// After each event of an exchange that has not finished in it. Somebody may owe a byte: the client
// of an answer that it does not take, or of a body that it announced; the backend of a response
// whose length it told. A response of unknown length may be a stream of events, and a request that
// is being answered a dialogue: they may be silent.
void Exchange::WatchBody() {
  if (is_half_closed_) return;  // kHalfClosedTimeout is shorter
  const bool owes_request = phase_ == Phase::kAwaiting && !request_body_.is_done() && !is_stream_;
  const bool owes_response =
      phase_ == Phase::kRelaying && response_body_.kind() == BodyKind::kLength;
  const absl::Duration idle = bench_.options.limits.body_idle_timeout;
  const bool is_due = (owes_request || owes_response || client_.stream().is_blocked()) &&
                      idle > absl::ZeroDuration();
  if (is_due && (has_moved_ || !is_timed_)) client_.SetDeadline(bench_.now + idle);
  if (!is_due && is_timed_) client_.SetDeadline(Instant::Infinite());
  is_timed_ = is_due;
  has_moved_ = false;
}

void Exchange::OnBodyIdle() {
  const absl::Duration idle = bench_.options.limits.body_idle_timeout;
  if (client_.stream().is_blocked()) {
    bench_.counters.TimedOut(ClientTimeout::kAnswer);
    return ClientGone();
  }
  if (phase_ == Phase::kRelaying) {
    bench_.counters.Error(UpstreamError::kBodyTimeout);
    return AbortClient();
  }
  if (upstream_->stream().is_blocked()) {
    bench_.counters.Error(UpstreamError::kBodyTimeout);
    return Fail(BackendTakesNothing(idle));
  }
  bench_.counters.TimedOut(ClientTimeout::kBody);
  Fail(BodyTooSlow(idle));
}

}  // namespace spawner::proxy
