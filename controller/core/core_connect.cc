// Get-or-create by key, and the end on request.
#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/log.h"
#include "base/status.h"
#include "controller/core/core.h"
#include "controller/core/limits.h"

namespace spawner::core {
namespace {

absl::Status EndedBeforeReady(const SessionView& view) {
  const std::string text =
      absl::StrCat("connect: session ", view.id.value, " ended as ", std::string(Name(view.reason)),
                   " before it was ready: ", view.message);
  switch (view.reason) {
    case EndReason::kStartTimeout:
    case EndReason::kImagePullFailed:
      return WithReason(absl::DeadlineExceededError(text), "START_TIMEOUT");
    case EndReason::kUnschedulable:
      return WithReason(absl::ResourceExhaustedError(text), "NO_CAPACITY");
    default:
      return WithReason(absl::FailedPreconditionError(text), "SESSION_ENDING");
  }
}

}  // namespace

absl::Status Core::CanDecide() const {
  if (!leadership_.is_leader) {
    return WithRetryAfter(
        WithReason(absl::UnavailableError(
                       absl::StrCat("this controller does not lead; ",
                                    leadership_.leader_address.empty() ? "no leader is known"
                                                                       : leadership_.leader_address,
                                    leadership_.leader_address.empty() ? "" : " does")),
                   "NO_LEADER"),
        absl::Seconds(1));
  }
  if (!has_taken_over_) {
    return WithRetryAfter(
        WithReason(
            absl::UnavailableError("the pods have not been listed yet; try again in a second"),
            "KUBERNETES_UNREACHABLE"),
        absl::Seconds(1));
  }
  return absl::OkStatus();
}

void Core::Connect(ConnectParams params, ConnectDone done) {
  const Instant now = clock_.Now();
  if (connects_waiting_ >= kConnectsWaitingMax) {
    done(WithRetryAfter(WithReason(absl::ResourceExhaustedError(absl::StrCat(
                                       "connect: ", connects_waiting_, " others wait already")),
                                   "RATE_LIMITED"),
                        absl::Seconds(1)));
    return;
  }
  ConnectWaiter waiter;
  waiter.params = std::move(params);
  waiter.done = std::move(done);
  if (!waiter.params.request_id.empty()) {
    if (!requests_.Enter(waiter.params, now, std::move(waiter.done))) return;
    waiter.done = [this, key = waiter.params](const absl::StatusOr<ConnectResult>& result) {
      requests_.Answer(key, result);
    };
  }
  ConnectNow(std::move(waiter), now);
}

void Core::ConnectNow(ConnectWaiter waiter, Instant now) {
  const ConnectParams& params = waiter.params;
  SessionId id;
  if (!params.key.name.empty()) {
    id = identity_.OfKey(params.ns, params.key.name);
  } else if (!params.request_id.empty()) {
    id = identity_.OfRequest(params.ns, params.request_id);
  } else {
    id = Identity::OfNobody(random_);
  }
  waiter.grant_id = identity_.GrantOf(id, params.request_id, random_);
  const auto found = slots_.find(id);
  Incarnation* newest = found == slots_.end() ? nullptr : found->second.newest();
  if (newest != nullptr && IsLive(*newest)) {
    if (newest->identity.key.tag != params.key.tag) {
      return waiter.done(WithReason(
          absl::FailedPreconditionError(absl::StrCat(
              "connect: key ", params.key.name, " is held with tag \"", newest->identity.key.tag,
              "\", asked was \"", params.key.tag, "\"; end that session or use its tag")),
          "KEY_TAG_MISMATCH"));
    }
    return Join(*newest, std::move(waiter), now);
  }
  if (absl::Status status = CanDecide(); !status.ok()) return waiter.done(status);
  const bool is_ending = newest != nullptr && newest->plan.state != SessionState::kTerminated;
  if (!params.spec.has_value()) {
    if (is_ending) {
      return waiter.done(WithReason(absl::FailedPreconditionError(absl::StrCat(
                                        "connect: the session of key ", params.key.name,
                                        " is ending; send a spec to start the next")),
                                    "SESSION_ENDING"));
    }
    return waiter.done(WithReason(
        absl::NotFoundError(absl::StrCat("connect: no session holds key ", params.key.name,
                                         ", and there is no spec to start one from")),
        "KEY_NOT_HELD"));
  }
  Slot& slot = slots_[id];
  if (newest != nullptr && !IsEnded(*newest)) {
    // Its end is decided and not durable yet: two must not be served.
    ++connects_waiting_;
    slot.waiting_for_end.push_back(std::move(waiter));
    return;
  }
  PodIdentity identity;
  identity.ns = params.ns;
  identity.id = id;
  identity.key = params.key;
  identity.request_id = params.request_id;
  identity.payload_hash = params.payload_hash;
  const auto started = Start(slot, std::move(identity), *params.spec, now);
  if (!started.ok()) {
    queue_.MarkDirty(id);
    return waiter.done(started.status());
  }
  waiter.created = true;
  waiter.started_from = StartedFrom::kCold;
  ++connects_waiting_;
  (*started)->connects.push_back(std::move(waiter));
  queue_.MarkDirty(id);
}

absl::StatusOr<Incarnation*> Core::Start(Slot& slot, PodIdentity identity, const SessionSpec& spec,
                                         Instant now) {
  if (incarnations_ >= kSessionsMax) {
    return WithReason(absl::ResourceExhaustedError(
                          absl::StrCat("connect: ", incarnations_, " sessions are kept already")),
                      "QUOTA_SESSIONS");
  }
  identity.epoch = Epoch::Make(leadership_.number, ++counter_);
  if (slot.newest() != nullptr && slot.newest()->identity.epoch >= identity.epoch) {
    // A pod of a later leader: we are out of date, and the election is about to hear of it.
    return WithReason(absl::UnavailableError("connect: a later leader has started this session"),
                      "NO_LEADER");
  }
  ASSIGN_OR_RETURN(std::string json, BuildPod(identity, spec));
  auto incarnation = std::make_unique<Incarnation>();
  Incarnation& started = *incarnation;
  started.create_json = std::move(json);
  started.identity = std::move(identity);
  started.session.spec = spec;
  started.session.created_at = now;
  started.session.node_lost_after = options_.node_lost_after;
  started.idle_since = now;
  started.create_time = clock_.WallNow();
  const Epoch epoch = started.identity.epoch;
  slot.incarnations[epoch] = std::move(incarnation);
  ++incarnations_;
  return &started;
}

// A live session: no write.
void Core::Join(Incarnation& incarnation, ConnectWaiter waiter, Instant now) {
  const ConnectParams& params = waiter.params;
  // The request that created it, from before a restart.
  if (!params.request_id.empty() && params.request_id == incarnation.identity.request_id) {
    if (params.payload_hash != incarnation.identity.payload_hash) {
      return waiter.done(
          WithReason(absl::InvalidArgumentError(absl::StrCat("request_id: ", params.request_id,
                                                             " was used for another request")),
                     "REQUEST_ID_REUSED"));
    }
    waiter.created = true;
    waiter.started_from = StartedFrom::kCold;
  }
  // Somebody is about to come: grace runs anew.
  incarnation.idle_since = std::max(incarnation.idle_since, now);
  waiter.ack_by = now + kConnectAckWaitMax;
  ++connects_waiting_;
  incarnation.connects.push_back(std::move(waiter));
  queue_.MarkDirty(incarnation.identity.id);
}

void Core::AnswerWaiters(Incarnation& incarnation, Instant now, Instant& wake_at) {
  const bool is_durable = incarnation.presence != PodView::Presence::kAbsent;
  const bool is_acked = !leadership_.is_leader || (incarnation.published.has_value() &&
                                                   proxies_.IsAcked(incarnation.published_version));
  Waiters waiting;
  std::vector<std::pair<ConnectWaiter, absl::Status>> answers;
  for (ConnectWaiter& waiter : std::exchange(incarnation.connects, {})) {
    const SessionState state = incarnation.plan.state;
    if (is_durable && waiter.ack_by == Instant{}) waiter.ack_by = now + kConnectAckWaitMax;
    const bool is_ready = state == SessionState::kReady || state == SessionState::kDraining;
    if (!is_durable) {
      waiting.push_back(std::move(waiter));
    } else if (waiter.params.wait_until_ready && !is_ready) {
      if (IsEnded(incarnation)) {
        answers.emplace_back(std::move(waiter), EndedBeforeReady(ViewOf(incarnation)));
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
  std::vector<TerminateWaiter> unended;
  std::vector<TerminateWaiter> ended;
  for (TerminateWaiter& waiter : std::exchange(incarnation.terminates, {})) {
    const bool is_over = IsEnded(incarnation) || now >= waiter.give_up_at;
    (is_over ? ended : unended).push_back(std::move(waiter));
    if (!is_over) wake_at = std::min(wake_at, unended.back().give_up_at);
  }
  incarnation.terminates = std::move(unended);
  if (answers.empty() && ended.empty()) return;

  const SessionView view = ViewOf(incarnation);
  for (auto& [waiter, status] : answers) {
    --connects_waiting_;
    absl::StatusOr<ConnectResult> result = absl::InternalError("");
    if (!status.ok()) {
      result = status;
    } else {
      result = ConnectResult{view, waiter.created, waiter.started_from, waiter.grant_id};
    }
    answers_.push_back([done = std::move(waiter.done), result] { done(result); });
  }
  absl::StatusOr<SessionView> end = view;
  if (!IsEnded(incarnation)) {
    end = WithReason(absl::UnavailableError(absl::StrCat(
                         "end session ", view.id.value,
                         ": decided, but not written yet: ", incarnation.write_status.ToString())),
                     "KUBERNETES_UNREACHABLE");
  }
  for (TerminateWaiter& waiter : ended) {
    answers_.push_back([done = std::move(waiter.done), end] { done(end); });
  }
}

// Who waited for the end goes on; and requests that wait behind the gate of a session that ended as
// idle are served by its next incarnation.
void Core::StartNext(const SessionId& id, Slot& slot, Instant now) {
  Incarnation* newest = slot.newest();
  if (!leadership_.is_leader) return;
  if (newest != nullptr && !IsEnded(*newest) && !IsLive(*newest)) return;
  if (!slot.waiting_for_end.empty()) {
    const SessionId copy = id;
    for (ConnectWaiter& waiter : std::exchange(slot.waiting_for_end, {})) {
      --connects_waiting_;
      ConnectNow(std::move(waiter), now);
    }
    queue_.MarkDirty(copy);
    return;
  }
  if (newest == nullptr || !has_taken_over_ || newest->identity.key.name.empty()) return;
  const bool is_idle_end =
      newest->plan.reason == EndReason::kIdle || newest->plan.reason == EndReason::kIdleUnconfirmed;
  // The gate is still what proxies know: nobody could come in since they counted zero.
  if (!is_idle_end || newest->published != RouteGoal::kGated || newest->open == 0) return;
  PodIdentity identity = newest->identity;
  identity.request_id.clear();
  identity.payload_hash.clear();
  const SessionSpec spec = newest->session.spec;
  const auto next = Start(slot, std::move(identity), spec, now);
  if (!next.ok()) {
    Log(LogLevel::kWarning, "next_incarnation_failed",
        {{"session", id.value}, {"error", next.status().ToString()}});
    return;
  }
  queue_.MarkDirty(id);
}

void Core::Terminate(TerminateParams params, ViewDone done) {
  const Instant now = clock_.Now();
  if (absl::Status status = CanDecide(); !status.ok()) return done(status);
  const auto named = FindNamed(params.ns, params.id, Epoch{});
  if (!named.ok()) return done(named.status());
  Incarnation& incarnation = **named;
  const std::string tried = absl::StrCat("terminate session ", params.id.value, ": ");
  if (params.epoch.value != 0 && params.epoch != incarnation.identity.epoch) {
    return done(WithReason(
        absl::AbortedError(absl::StrCat(tried, "its epoch is ", incarnation.identity.epoch.value,
                                        ", not ", params.epoch.value)),
        "EPOCH_FENCED"));
  }
  if (incarnation.plan.state == SessionState::kTerminated) return done(ViewOf(incarnation));
  const auto usage =
      proxies_.SumUsage(params.id, incarnation.identity.epoch, incarnation.first_version);
  if (params.only_if_idle && (usage.open > 0 || !usage.is_known)) {
    return done(WithReason(
        absl::FailedPreconditionError(
            usage.open > 0 ? absl::StrCat(tried, usage.open, " connections are open")
                           : absl::StrCat(tried, "a proxy is lost; it may have connections")),
        "NOT_IDLE"));
  }
  EndDecision decision = {EndReason::kRequested, "it was ended on request", params.hard};
  if (incarnation.session.decision.has_value()) decision = *incarnation.session.decision;
  decision.is_hard = decision.is_hard || params.hard;
  incarnation.session.decision = decision;
  incarnation.terminates.push_back({std::move(done), now + kDurableWaitMax});
  queue_.MarkDirty(params.id);
}

}  // namespace spawner::core
