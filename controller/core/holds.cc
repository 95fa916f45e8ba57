#include "controller/core/holds.h"

#include <algorithm>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/log.h"
#include "base/status.h"
#include "controller/core/limits.h"
#include "controller/core/session_error.h"
#include "controller/session/limits.h"

namespace spawner::core {
namespace {

absl::Status Full(const Incarnation& incarnation, absl::string_view tried, Instant now) {
  Instant next = Instant::Infinite();
  for (const auto& [owner, hold] : incarnation.holds) next = std::min(next, hold.until);
  return OfSession(
      WithRetryAfter(
          WithReason(absl::ResourceExhaustedError(absl::StrCat(
                         tried, incarnation.holds.size(),
                         " owners hold it already; release one, or use an owner that holds it")),
                     "QUOTA_HOLDS", {{"limit", kHoldsMax}, {"used", incarnation.holds.size()}}),
          next - now),
      incarnation.identity);
}

// Its own policy. Only the key's next incarnation can have another one: once nobody has used this
// one for its grace.
absl::Status NotAllowed(const Incarnation& incarnation, absl::string_view tried, Instant now) {
  const Plan& plan = incarnation.plan;
  const absl::Duration wait = plan.idle_deadline.has_value() ? *plan.idle_deadline - now
                                                             : incarnation.session.spec->idle.grace;
  return OfSession(
      WithRetryAfter(
          WithReason(absl::ResourceExhaustedError(absl::StrCat(
                         tried,
                         "its spec.idle.hold_max of 0 allows no holds; end it, and start its next "
                         "with another one")),
                     "QUOTA_HOLDS", {{"limit", 0}, {"used", 0}}),
          std::max(wait, kQuotaRetryMin)),
      incarnation.identity);
}

}  // namespace

void Holds::KeepAlive(KeepAliveParams params, Service::KeepAliveDone done) {
  const Instant now = table_.clock.Now();
  if (absl::Status status = table_.CanDecide(); !status.ok()) return done(status);
  const auto named = table_.FindNamed(params.ns, params.id, Epoch{});
  if (!named.ok()) return done(named.status());
  Incarnation& incarnation = **named;
  const std::string tried = absl::StrCat("keep session ", params.id.value, " alive: ");
  if (absl::Status status = Table::CheckEpoch(incarnation, params.epoch, tried); !status.ok()) {
    return done(status);
  }
  if (!IsLive(incarnation)) {
    const EndReason reason = incarnation.session.decision.has_value()
                                 ? incarnation.session.decision->reason
                                 : incarnation.plan.reason;
    const absl::Status status =
        WithReason(absl::FailedPreconditionError(
                       absl::StrCat(tried, "its end is decided: ", std::string(Name(reason)),
                                    "; connect to start the next incarnation")),
                   "SESSION_ENDING", {{"end_reason", std::string(Name(reason))}});
    return done(OfSession(status, incarnation.identity));
  }
  if (absl::Status room = notes_.CheckRoom(incarnation, tried); !room.ok()) return done(room);
  DropExpired(incarnation, now);
  const auto found = incarnation.holds.find(params.owner);
  if (params.ttl <= absl::ZeroDuration()) {
    KeepAliveResult released;
    if (found == incarnation.holds.end()) return done(released);
    incarnation.holds.erase(found);
    incarnation.hold_ended = std::max(incarnation.hold_ended, now);
    return Write(incarnation, [done = std::move(done), released](const absl::Status& status) {
      status.ok() ? done(released) : done(status);
    });
  }
  if (incarnation.session.spec->idle.hold_max <= absl::ZeroDuration()) {
    return done(NotAllowed(incarnation, tried, now));
  }
  if (found == incarnation.holds.end() && incarnation.holds.size() >= kHoldsMax) {
    return done(Full(incarnation, tried, now));
  }
  const absl::Duration hold_max = incarnation.session.spec->idle.hold_max;
  const absl::Duration ttl = std::min(params.ttl, hold_max);
  const absl::Time wall_now = table_.clock.WallNow();
  const bool is_new = found == incarnation.holds.end();
  HoldState& hold = incarnation.holds[params.owner];
  const bool is_covered = !is_new && hold.shown.reason == params.reason &&
                          wall_now + ttl <= hold.durable_until &&
                          // Much shorter than before: the old end must not come back.
                          hold.durable_until - wall_now <= ttl * 2;
  hold.shown.owner = params.owner;
  hold.shown.reason = std::move(params.reason);
  if (is_new) hold.shown.create_time = wall_now;
  hold.shown.expire_time = wall_now + ttl;
  hold.until = now + ttl;
  const KeepAliveResult result = {hold.shown.expire_time, ttl < params.ttl};
  if (is_covered && !Notes::IsPending(incarnation, kHoldsNote)) {
    table_.queue.MarkDirty(params.id);
    return done(result);
  }
  if (!is_covered) hold.durable_until = wall_now + ttl + std::min(ttl / 10, kHoldSlackMax);
  Write(incarnation, [done = std::move(done), result](const absl::Status& status) {
    status.ok() ? done(result) : done(status);
  });
}

void Holds::Write(Incarnation& incarnation, std::function<void(absl::Status)> done) {
  std::vector<Hold> holds;
  for (const auto& [owner, hold] : incarnation.holds) {
    holds.push_back(hold.shown);
    holds.back().expire_time = hold.durable_until;
  }
  const std::string text = EncodeHolds(holds);
  incarnation.holds_text = text;
  notes_.Put(incarnation, kHoldsNote, text, std::move(done));
}

// Its end, or the release, is when the idle clock begins anew.
void Holds::DropExpired(Incarnation& incarnation, Instant now) {
  for (auto hold = incarnation.holds.begin(); hold != incarnation.holds.end();) {
    if (hold->second.until > now) {
      ++hold;
      continue;
    }
    incarnation.hold_ended = std::max(incarnation.hold_ended, hold->second.until);
    hold = incarnation.holds.erase(hold);
  }
}

void Holds::BeforePlan(Incarnation& incarnation, Instant now) {
  DropExpired(incarnation, now);
  Instant until = incarnation.hold_ended;
  for (const auto& [owner, hold] : incarnation.holds) until = std::max(until, hold.until);
  incarnation.session.held_until = until;
}

void Holds::OnProxy(uint64_t link, const route::FromProxy& message, Instant now) {
  const auto* request = std::get_if<route::HoldRequest>(&message);
  if (request == nullptr) return;
  KeepAliveParams params;
  params.id = request->session;
  params.owner = kBackendOwner;
  params.reason = request->reason;
  params.ttl = request->ttl;
  params.epoch = request->epoch;
  const Incarnation* newest = table_.FindNewest(request->session);
  if (newest != nullptr) params.ns = newest->identity.ns;
  KeepAlive(std::move(params),
            [this, link, request = *request](const absl::StatusOr<KeepAliveResult>& result) {
              route::HoldAnswer answer;
              answer.sequence = request.sequence;
              if (!result.ok()) {
                answer.refusal = std::string(result.status().message());
                answer.code = static_cast<int>(result.status().code());
              } else if (result->expire_time.has_value()) {
                answer.ttl = *result->expire_time - table_.clock.WallNow();
              }
              table_.links.Send(link, std::move(answer));
            });
}

void Holds::OnPod(Incarnation& incarnation) {
  if (!incarnation.pod.has_value() || Notes::IsPending(incarnation, kHoldsNote)) return;
  Load(incarnation);
}

void Holds::OnStandDown(const absl::Status& status) {
  for (auto& [id, slot] : table_.slots) {
    for (auto& [epoch, incarnation] : slot.incarnations) {
      // Also what looks the same: in the pod a hold lasts a little longer (kHoldSlack), and the
      // next leader may prolong it within that without a write.
      incarnation->holds.clear();
      incarnation->holds_text.reset();
      if (incarnation->pod.has_value()) Load(*incarnation);
    }
  }
}

void Holds::Load(Incarnation& incarnation) {
  const auto& annotations = incarnation.pod->pod.annotations;
  const auto found = annotations.find(kHoldsNote);
  const std::string& text = found == annotations.end() ? std::string() : found->second;
  if (text == incarnation.holds_text.value_or_empty()) return;
  const auto holds = DecodeHolds(text);
  if (!holds.ok()) {
    Log(LogLevel::kWarning, "holds_unreadable",
        {{"session", incarnation.identity.id.value}, {"error", holds.status().ToString()}});
    return;
  }
  incarnation.holds_text.reset();
  if (!text.empty()) incarnation.holds_text = text;
  const Instant now = table_.clock.Now();
  const absl::Time wall_now = table_.clock.WallNow();
  if (!incarnation.holds.empty()) incarnation.hold_ended = std::max(incarnation.hold_ended, now);
  incarnation.holds.clear();
  const absl::Duration most = incarnation.session.spec->idle.hold_max + kHoldSlackMax;
  for (const Hold& hold : *holds) {
    // Written by another's wall clock: bounded by the policy, whatever it says.
    const absl::Duration left = std::min(hold.expire_time - wall_now, most);
    if (left <= absl::ZeroDuration()) continue;
    incarnation.holds[hold.owner] = {hold, hold.expire_time, now + left};
  }
}

}  // namespace spawner::core
