// The part of Exchange that waits: for a session that starts, behind a closed gate, or for the
// controller's answer.
#include <algorithm>
#include <string>
#include <utility>

#include "absl/strings/match.h"
#include "absl/time/time.h"
#include "base/check.h"
#include "proxy/forward/answers.h"
#include "proxy/forward/downstream.h"
#include "proxy/forward/exchange.h"
#include "proxy/forward/limits.h"
#include "proxy/forward/progress_page.h"
#include "proxy/forward/request_out.h"
#include "proxy/route/request_token.h"

namespace spawner::proxy {
namespace {

// By a browser, which shows what it gets; everything else waits for the session itself. Without
// Sec-Fetch-Mode, which browsers leave out on plain http, "text/html" is not enough: Java's
// HttpURLConnection prefers it by default, whatever it is used for.
bool IsPageLoad(Workbench& bench) {
  if (bench.options.hold.page_after == absl::InfiniteDuration()) return false;
  const RequestView view = ViewForAuthorizer(bench, {});
  if (!IsNavigation(view)) return false;
  const auto has_mode = [](const HeaderView& header) {
    return absl::EqualsIgnoreCase(header.name, "sec-fetch-mode");
  };
  return absl::StrContains(bench.request.fields.Value(FieldName::kAccept),
                           "application/xhtml+xml") ||
         std::any_of(view.headers.begin(), view.headers.end(), has_mode);
}

}  // namespace

// The head is kept, the body stays where it is: nothing is read from the client. bench_.request is
// what was parsed from `head`.
void Exchange::Wait(absl::string_view head) {
  if (session_->is_routed() && TellProgress()) return;
  if (phase_ == Phase::kPending) return;
  if (!session_->TryEnter(*this)) {
    session_ = nullptr;
    return Fail(TooManyWaiting());
  }
  head_ = bench_.TakeString();
  head_.append(head.data(), head.size());
  phase_ = Phase::kPending;
  seen_.OnHeld();
  shows_page_ = as_html_ && !has_body_ && !asks_progress_ && IsPageLoad(bench_);
  SetHoldDeadline();
}

void Exchange::SetHoldDeadline() {
  if (IsAskingForUse()) return client_.SetDeadline(use_->until);
  if (!session_->is_routed()) return client_.SetDeadline(bench_.now + kUnknownHoldTimeout);
  const absl::Duration patience =
      std::min(session_->route().hold_timeout, bench_.options.hold.timeout_max);
  Instant deadline = bench_.now + patience;
  if (asks_progress_) deadline = std::min(deadline, bench_.now + kProgressReportTimeout);
  if (shows_page_) {
    deadline = std::min(deadline,
                        std::max(bench_.now, seen_.started_at() + bench_.options.hold.page_after));
  }
  client_.SetDeadline(deadline);
}

void Exchange::WaitAnew() {
  if (!session_->is_routed()) return;
  if (!seen_.is_judged()) {
    // Its route has just come: whether it counts is decided before anybody is told.
    const HeadError error = bench_.request.Parse(head_);
    SPAWNER_CHECK(!error.is_error());  // it was parsed before
    const Sessions::Place place = bench_.sessions->Find(bench_.request);
    if (seen_.Judge(session_->route(), place.prefix)) session_->Uncount(*this);
  }
  if (IsAskingForUse()) return;
  // It may have something to say now; its caller is still going through those that wait.
  if (asks_progress_) return client_.SetDeadline(bench_.now);
  SetHoldDeadline();
}

void Exchange::OnHeldLongEnough() {
  if (IsAskingForUse()) return Fail(TokenNotChecked());
  if (!session_->is_routed() || !(shows_page_ || asks_progress_)) {
    return Fail(HeldTooLong(*session_));
  }
  // It may have come before its route, so nobody has looked at its token yet.
  is_report_due_ = true;
  GoOn();
}

// Answers with the progress if that is due.
bool Exchange::TellProgress() {
  const Route& route = session_->route();
  const bool has_news =
      asks_progress_ && bench_.request.fields.Value(FieldName::kSpawnerProgress) != PhaseOf(route);
  if (!is_report_due_ && !has_news) return false;
  if (!asks_progress_) bench_.counters.progress_pages.Add();
  Fail(asks_progress_ ? ProgressReport(route) : ProgressPage(route));
  return true;
}

void Exchange::GoOn() {
  if (phase_ != Phase::kPending) return;
  if (!session_->is_routed()) return Fail(SessionUnknown());
  const HeadError error = bench_.request.Parse(head_);
  SPAWNER_CHECK(!error.is_error());  // it was parsed before
  const std::string head = std::move(head_);
  head_ = bench_.TakeString();
  Admit(head);
  if (phase_ == Phase::kPending) head_ = head;
}

}  // namespace spawner::proxy
