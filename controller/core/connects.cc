#include "controller/core/connects.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/log.h"
#include "base/status.h"
#include "controller/core/limits.h"
#include "controller/core/session_error.h"
#include "controller/core/slot_grants.h"

namespace spawner::core {
namespace {

absl::Status EndedBeforeReady(const SessionView& view) {
  const std::string text =
      absl::StrCat("connect: session ", view.id.value, " ended as ", std::string(Name(view.reason)),
                   " before it was ready: ", view.message);
  constexpr absl::string_view kLook = "; explain the session and see its log, then connect again";
  const std::string reason(Name(view.reason));
  switch (view.reason) {
    case EndReason::kStartTimeout:
    case EndReason::kImagePullFailed:
      return OfSession(WithReason(absl::DeadlineExceededError(absl::StrCat(text, kLook)),
                                  "START_TIMEOUT", {{"end_reason", reason}}),
                       view);
    case EndReason::kUnschedulable:
      return OfSession(
          WithRetryAfter(
              WithReason(
                  absl::ResourceExhaustedError(absl::StrCat(
                      text, "; ask for less (resources, node selectors, devices), or add nodes")),
                  "NO_CAPACITY", {{"end_reason", reason}}),
              kCapacityRetry),
          view);
    default:
      return OfSession(WithReason(absl::FailedPreconditionError(absl::StrCat(text, kLook)),
                                  "SESSION_ENDING", {{"end_reason", reason}}),
                       view);
  }
}

}  // namespace

void Connects::Connect(ConnectParams params, Service::ConnectDone done) {
  const Instant now = table_.clock.Now();
  if (table_.connects_waiting >= kConnectsWaitingMax) {
    done(WithRetryAfter(
        WithReason(absl::ResourceExhaustedError(
                       absl::StrCat("connect: ", table_.connects_waiting,
                                    " others wait for sessions already; try again in a second")),
                   "RATE_LIMITED", {{"quota", "waiting_connects"}, {"limit", kConnectsWaitingMax}}),
        kConnectRetry));
    return;
  }
  ConnectWaiter waiter;
  waiter.params = std::move(params);
  waiter.done = std::move(done);
  if (!waiter.params.request_id.empty()) {
    waiter.done = OnTodaysTerms(table_, waiter.params.user, std::move(waiter.done));
    if (!table_.requests.Enter(waiter.params, now, std::move(waiter.done))) return;
    waiter.done = [this, key = waiter.params](const absl::StatusOr<ConnectResult>& result) {
      table_.requests.Answer(key, result);
    };
  }
  ConnectNow(std::move(waiter), now);
}

void Connects::ConnectNow(ConnectWaiter waiter, Instant now) {
  const ConnectParams& params = waiter.params;
  SessionId id;
  if (!params.key.name.empty()) {
    id = table_.identity.OfKey(params.ns, params.key.name);
  } else if (!params.request_id.empty()) {
    id = table_.identity.OfRequest(params.ns, params.request_id);
  } else {
    id = Identity::OfNobody(table_.random);
  }
  waiter.grant_id = table_.identity.GrantOf(id, params.request_id, table_.random);
  const auto found = table_.slots.find(id);
  Incarnation* newest = found == table_.slots.end() ? nullptr : found->second.newest();
  if (newest != nullptr && IsLive(*newest)) {
    if (newest->identity.key.tag != params.key.tag) {
      return Replace(*newest, std::move(waiter), now);
    }
    return Join(*newest, std::move(waiter), now);
  }
  if (absl::Status status = table_.CanDecide(); !status.ok()) return waiter.done(status);
  const bool is_ending = newest != nullptr && newest->plan.state != SessionState::kTerminated;
  if (!params.spec.has_value()) {
    if (is_ending) {
      const absl::Status status =
          WithReason(absl::FailedPreconditionError(
                         absl::StrCat("connect: the session of key ", params.key.name,
                                      " is ending; send a spec to start the next")),
                     "SESSION_ENDING", {{"end_reason", std::string(Name(newest->plan.reason))}});
      return waiter.done(OfSession(status, newest->identity));
    }
    return waiter.done(WithReason(
        absl::NotFoundError(absl::StrCat("connect: no session holds key ", params.key.name,
                                         ", and there is no spec to start one from; send one")),
        "KEY_NOT_HELD", {{"namespace", params.ns}, {"key", params.key.name}}));
  }
  Slot& slot = table_.slots[id];
  if (newest != nullptr && !IsEnded(*newest)) {
    // Its end is decided and not durable yet: two must not be served.
    return WaitForEnd(slot, std::move(waiter), now);
  }
  PodIdentity identity;
  identity.ns = params.ns;
  identity.id = id;
  identity.key = params.key;
  if (!params.request_id.empty()) {
    identity.request_id = params.request_id;
    identity.payload_hash = params.payload_hash;
  }
  if (!params.user.empty()) identity.user = params.user;
  const auto started = Start(slot, std::move(identity), *params.spec, now);
  if (!started.ok()) {
    table_.queue.MarkDirty(id);
    return waiter.done(started.status());
  }
  waiter.created = true;
  waiter.started_from = StartedFrom::kCold;
  ++table_.connects_waiting;
  (*started)->connects.push_back(std::move(waiter));
  table_.queue.MarkDirty(id);
}

void Connects::WaitForEnd(Slot& slot, ConnectWaiter waiter, Instant now) {
  ++table_.connects_waiting;
  waiter.give_up_at = now + kDurableWaitMax;
  slot.waiting_for_end.push_back(std::move(waiter));
}

void Connects::Replace(Incarnation& incarnation, ConnectWaiter waiter, Instant now) {
  const ConnectParams& params = waiter.params;
  const std::string tried =
      absl::StrCat("connect: key ", params.key.name, " is held with tag \"",
                   incarnation.identity.key.tag, "\", asked was \"", params.key.tag, "\"");
  if (params.on_mismatch == OnMismatch::kFail) {
    const absl::Status status = WithReason(
        absl::FailedPreconditionError(absl::StrCat(
            tried, "; use its tag, end that session, or ask with on_mismatch to replace it")),
        "KEY_TAG_MISMATCH",
        {{"key", params.key.name},
         {"tag", incarnation.identity.key.tag},
         {"asked_tag", params.key.tag}});
    return waiter.done(OfSession(status, incarnation.identity));
  }
  if (absl::Status status = table_.CanDecide(); !status.ok()) return waiter.done(status);
  if (!params.spec.has_value()) {
    return waiter.done(
        InvalidField("spec", absl::StrCat("is missing; ", tried, ", and the next needs a spec")));
  }
  if (params.on_mismatch == OnMismatch::kReplaceIfIdle) {
    const absl::Status idle =
        table_.CheckIdle(incarnation, now, absl::StrCat(tried, ", to be replaced if idle: "));
    if (!idle.ok()) return waiter.done(idle);
  }
  incarnation.session.decision =
      EndDecision{EndReason::kReplaced,
                  absl::StrCat("a Connect with tag \"", params.key.tag, "\" replaced it"), false};
  const SessionId id = incarnation.identity.id;
  WaitForEnd(table_.slots[id], std::move(waiter), now);
  table_.queue.MarkDirty(id);
}

absl::StatusOr<Incarnation*> Connects::Start(Slot& slot, PodIdentity identity,
                                             const SessionSpec& spec, Instant now) {
  if (table_.incarnations >= kSessionsMax) {
    return WithRetryAfter(
        WithReason(absl::ResourceExhaustedError(absl::StrCat(
                       "connect: ", table_.incarnations,
                       " sessions are kept already, ended ones included; end some, or give "
                       "them a shorter retention")),
                   "QUOTA_SESSIONS",
                   {{"namespace", identity.ns},
                    {"quota", "sessions-kept"},
                    {"used", table_.incarnations},
                    {"limit", kSessionsMax}}),
        kQuotaRetryMax);
  }
  identity.epoch = Epoch::Make(table_.leadership.number, ++table_.counter);
  if (slot.newest() != nullptr && slot.newest()->identity.epoch >= identity.epoch) {
    // A pod of a later leader: we are out of date, and the election is about to hear of it.
    return WithRetryAfter(
        WithReason(
            absl::UnavailableError("connect: a later leader has started this session; try again"),
            "NO_LEADER"),
        kConnectRetry);
  }
  Revocations carried = RevocationsToCarry(slot);
  ForgetOld(table_.clock.WallNow(), carried);
  std::string json;
  if (spec.template_name.empty()) {
    ASSIGN_OR_RETURN(json, BuildPod(identity, spec, /*from=*/nullptr, carried));
  }
  auto incarnation = std::make_unique<Incarnation>();
  Incarnation& started = *incarnation;
  started.birth = Birth{.create_json = std::move(json), .carried = std::move(carried)};
  started.start_clock = PhaseClock();
  started.identity = std::move(identity);
  started.session.spec = spec;
  started.session.created_at = now;
  started.session.node_lost_after = table_.options.node_lost_after;
  started.idle_since = now;
  started.create_time = table_.clock.WallNow();
  const Epoch epoch = started.identity.epoch;
  slot.incarnations[epoch] = std::move(incarnation);
  ++table_.incarnations;
  return &started;
}

bool Connects::IsSettled(const Incarnation& incarnation) const {
  return incarnation.plan.state == SessionState::kReady && incarnation.connects.empty() &&
         incarnation.has_plan && !incarnation.plan.near_end.has_value() &&
         IsRouteKnown(incarnation);
}

bool Connects::IsRouteKnown(const Incarnation& incarnation) const {
  return !table_.leadership.is_leader || (incarnation.published.has_value() &&
                                          table_.proxies.IsAcked(incarnation.published_version));
}

// A live session: no write.
void Connects::Join(Incarnation& incarnation, ConnectWaiter waiter, Instant now) {
  const ConnectParams& params = waiter.params;
  // The request that created it, from before a restart.
  if (!params.request_id.empty() && incarnation.identity.request_id == params.request_id) {
    if (!(incarnation.identity.payload_hash == params.payload_hash)) {
      return waiter.done(WithReason(
          absl::InvalidArgumentError(absl::StrCat("request_id: ", params.request_id,
                                                  " was used for another request; use a "
                                                  "new one for each request")),
          "REQUEST_ID_REUSED", {{"namespace", params.ns}, {"request_id", params.request_id}}));
    }
    waiter.created = true;
    waiter.started_from = StartedFrom::kCold;
  }
  // Somebody is about to come: grace runs anew.
  incarnation.idle_since = std::max(incarnation.idle_since, now);
  if (IsSettled(incarnation)) {
    // Most calls by far. Its timer may fire too early now, and then finds the later deadline.
    Plan& plan = incarnation.plan;
    if (plan.idle_deadline.has_value()) {
      plan.idle_since = std::max(plan.idle_since, now);
      plan.idle_deadline = plan.idle_since + plan.idle_grace;
    }
    return waiter.done(ResultFor(waiter, table_.ViewOf(incarnation)));
  }
  waiter.ack_by = now + kConnectAckWaitMax;
  ++table_.connects_waiting;
  incarnation.connects.push_back(std::move(waiter));
  table_.queue.MarkDirty(incarnation.identity.id);
}

// Its end is decided, and can't be made durable.
void Connects::GiveUpWaiting(Incarnation& incarnation, Instant now, Instant& wake_at) {
  Slot& slot = table_.slots[incarnation.identity.id];
  if (slot.waiting_for_end.empty() || slot.newest() != &incarnation || IsEnded(incarnation)) return;
  const absl::Status status = WithRetryAfter(
      WithReason(absl::UnavailableError(absl::StrCat(
                     "connect: the former session ", incarnation.identity.id.value,
                     " is to end, but that is not written yet; tries go on, call again: ",
                     std::string(incarnation.write_status.message()))),
                 "KUBERNETES_UNREACHABLE"),
      kConnectRetry);
  for (ConnectWaiter& waiter : std::exchange(slot.waiting_for_end, {})) {
    if (now < waiter.give_up_at) {
      wake_at = std::min(wake_at, waiter.give_up_at);
      slot.waiting_for_end.push_back(std::move(waiter));
      continue;
    }
    --table_.connects_waiting;
    table_.Answer([done = std::move(waiter.done), status] { done(status); });
  }
}

ConnectResult Connects::ResultFor(const ConnectWaiter& waiter, SessionView view) const {
  ConnectResult result = {std::move(view), waiter.created, waiter.started_from, waiter.grant_id};
  SetGrantTerms(table_, waiter.params.user, result);
  return result;
}

void Connects::OnPlanned(Incarnation& incarnation, Instant now, Instant& wake_at) {
  GiveUpWaiting(incarnation, now, wake_at);
  const bool is_durable = incarnation.presence != PodView::Presence::kAbsent;
  const bool is_acked = IsRouteKnown(incarnation);
  std::vector<ConnectWaiter> waiting;
  std::vector<std::pair<ConnectWaiter, absl::Status>> answers;
  for (ConnectWaiter& waiter : std::exchange(incarnation.connects, {})) {
    const SessionState state = incarnation.plan.state;
    if (is_durable && waiter.ack_by == Instant{}) waiter.ack_by = now + kConnectAckWaitMax;
    const bool is_ready = state == SessionState::kReady || state == SessionState::kDraining;
    if (!is_durable) {
      waiting.push_back(std::move(waiter));
    } else if (waiter.params.wait_until_ready && !is_ready) {
      if (IsEnded(incarnation)) {
        answers.emplace_back(std::move(waiter), EndedBeforeReady(table_.ViewOf(incarnation)));
      } else {
        waiting.push_back(std::move(waiter));
      }
    } else if (is_acked || now >= waiter.ack_by) {
      answers.emplace_back(std::move(waiter), absl::OkStatus());
    } else {
      wake_at = std::min(wake_at, waiter.ack_by);
      waiting.push_back(std::move(waiter));
    }
  }
  incarnation.connects = std::move(waiting);
  if (answers.empty()) return;
  const SessionView view = table_.ViewOf(incarnation);
  for (auto& [waiter, status] : answers) {
    --table_.connects_waiting;
    absl::StatusOr<ConnectResult> result = absl::InternalError("");
    if (!status.ok()) {
      result = status;
    } else {
      result = ResultFor(waiter, view);
    }
    table_.Answer([done = std::move(waiter.done), result] { done(result); });
  }
}

void Connects::StartNext(const SessionId& id, Slot& slot, Instant now) {
  Incarnation* newest = slot.newest();
  if (!table_.leadership.is_leader) return;
  if (newest != nullptr && !IsEnded(*newest) && !IsLive(*newest)) return;
  if (!slot.waiting_for_end.empty()) {
    const SessionId copy = id;
    for (ConnectWaiter& waiter : std::exchange(slot.waiting_for_end, {})) {
      --table_.connects_waiting;
      ConnectNow(std::move(waiter), now);
    }
    table_.queue.MarkDirty(copy);
    return;
  }
  if (newest == nullptr || !table_.has_taken_over || newest->identity.key.name.empty()) return;
  const bool is_idle_end =
      newest->plan.reason == EndReason::kIdle || newest->plan.reason == EndReason::kIdleUnconfirmed;
  // The gate is still what proxies know: nobody could come in since they counted zero.
  if (!is_idle_end || newest->published != RouteGoal::kGated || newest->open == 0) return;
  PodIdentity identity = newest->identity;
  identity.request_id.reset();
  identity.payload_hash.reset();
  const SharedSpec spec = newest->session.spec;
  const auto next = Start(slot, std::move(identity), *spec, now);
  if (!next.ok()) {
    Log(LogLevel::kWarning, "next_incarnation_failed",
        {{"session", id.value}, {"error", next.status().ToString()}});
    return;
  }
  table_.queue.MarkDirty(id);
}

void Connects::OnUnborn(Incarnation& incarnation, const absl::Status& status) {
  for (ConnectWaiter& waiter : std::exchange(incarnation.connects, {})) {
    --table_.connects_waiting;
    table_.Answer([done = std::move(waiter.done), status] { done(status); });
  }
}

void Connects::OnStandDown(const absl::Status& status) {
  for (auto& [id, slot] : table_.slots) {
    for (ConnectWaiter& waiter : std::exchange(slot.waiting_for_end, {})) {
      --table_.connects_waiting;
      table_.Answer([done = std::move(waiter.done), status] { done(status); });
    }
  }
}

}  // namespace spawner::core
