#include "controller/core/grants.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/log.h"
#include "base/status.h"
#include "controller/core/limits.h"
#include "controller/core/session_error.h"
#include "controller/core/slot_grants.h"

namespace spawner::core {

void Grants::Create(GrantParams params, Service::ConnectDone done) {
  // Of another kind than a Connect's of the same id, which gives another grant.
  ConnectParams request;
  request.ns = params.ns;
  request.request_id = absl::StrCat("grant\n", params.id.value, "\n", params.request_id);
  request.payload_hash = params.payload_hash;
  if (!params.request_id.empty()) {
    done = OnTodaysTerms(table_, params.user, std::move(done));
    if (!table_.requests.Enter(request, table_.clock.Now(), std::move(done))) return;
    done = [this, request](const absl::StatusOr<ConnectResult>& result) {
      table_.requests.Answer(request, result);
    };
  }
  const auto named = table_.FindNamed(params.ns, params.id, Epoch{});
  if (!named.ok()) return done(named.status());
  Incarnation& incarnation = **named;
  if (!IsLive(incarnation)) {
    const absl::Status status = WithReason(
        absl::FailedPreconditionError(absl::StrCat(
            "create grant: session ", params.id.value,
            IsEnded(incarnation) ? " has ended" : " is ending", "; Connect starts its next")),
        "SESSION_ENDING", {{"end_reason", std::string(Name(incarnation.plan.reason))}});
    return done(OfSession(status, incarnation.identity));
  }
  // Somebody is about to come: grace runs anew.
  incarnation.idle_since = std::max(incarnation.idle_since, table_.clock.Now());
  table_.queue.MarkDirty(params.id);
  ConnectResult result;
  result.session = table_.ViewOf(incarnation);
  result.started_from = StartedFrom::kLive;
  result.grant_id = table_.identity.GrantOf(
      params.id, params.request_id.empty() ? "" : request.request_id, table_.random);
  SetGrantTerms(table_, params.user, result);
  done(std::move(result));
}

void Grants::Revoke(RevokeParams params, Service::RevokeDone done) {
  if (absl::Status status = table_.CanDecide(); !status.ok()) return done(status);
  const auto named = table_.FindNamed(params.ns, params.id, Epoch{});
  if (!named.ok()) return done(named.status());
  Incarnation& incarnation = **named;
  if (incarnation.presence == PodView::Presence::kGone) {
    return done(WithReason(absl::NotFoundError(absl::StrCat(
                               "revoke grants of session ", params.id.value,
                               ": it has ended and its pod is gone, and its grants with it")),
                           "SESSION_NOT_FOUND",
                           {{"namespace", params.ns}, {"session", params.id.value}}));
  }
  if (waiters_.size() >= kRevokesWaitingMax) {
    return done(WithRetryAfter(
        WithReason(absl::ResourceExhaustedError(absl::StrCat(
                       "revoke grants of session ", params.id.value, ": ", waiters_.size(),
                       " others wait already; try again in a second")),
                   "RATE_LIMITED", {{"quota", "revocations"}, {"limit", kRevokesWaitingMax}}),
        absl::Seconds(1)));
  }
  const absl::Time wall = table_.clock.WallNow();
  Revocations wanted = RevocationsToCarry(table_.slots.at(params.id));
  ForgetOld(wall, wanted);
  if (params.all) {
    RevokeAll(wall, wanted);
  } else if (!params.user.empty()) {
    RevokeUser(params.user, wall, wanted);
  } else {
    RevokeOne(params.grant_id, wall, wanted);
  }
  const uint64_t serial = ++last_serial_;
  waiters_[serial] = {.id = params.id,
                      .revocations = wanted,
                      .done = std::move(done),
                      .give_up_at = table_.clock.Now() + kRevokeWaitMax};
  notes_.Put(incarnation, kRevocationsNote, EncodeRevocations(wanted),
             [this, serial](const absl::Status& status) { OnWritten(serial, status); });
}

void Grants::OnWritten(uint64_t serial, const absl::Status& status) {
  const auto found = waiters_.find(serial);
  if (found == waiters_.end()) return;  // it was told that it takes longer
  if (status.ok()) {
    found->second.is_durable = true;
    table_.queue.MarkDirty(found->second.id);
    return;
  }
  const Service::RevokeDone done = std::move(found->second.done);
  waiters_.erase(found);
  done(status);
}

void Grants::ReadAsAll(Incarnation& incarnation) {
  const std::string* const pending = WantedNote(incarnation, kRevocationsNote);
  absl::StatusOr<Revocations> written = Revocations();
  if (pending != nullptr) written = DecodeRevocations(*pending);
  Revocations all = RevocationsToCarry(table_.slots.at(incarnation.identity.id));
  // Once for each fault, not with every event until it is mended: grants go on being issued.
  const bool is_mended = written.ok() && written->not_issued_before != 0;
  if (!is_mended) {
    RevokeAll(table_.clock.WallNow(), all);
    Log(LogLevel::kWarning, "revocations_unreadable",
        {{"pod", PodName(incarnation.identity.id, incarnation.identity.epoch)},
         {"annotation", kRevocationsNote},
         {"next", "all tokens issued until now count as revoked"}});
  }
  incarnation.pod->revocations = all;
  if (is_mended || !table_.leadership.is_leader) return;
  notes_.Put(incarnation, kRevocationsNote, EncodeRevocations(all), nullptr);
}

void Grants::OnTakeOver(Instant now) {
  for (auto& [id, slot] : table_.slots) {
    for (auto& [epoch, incarnation] : slot.incarnations) {
      const bool is_mangled =
          incarnation->pod.has_value() && incarnation->pod->are_revocations_mangled;
      if (is_mangled) ReadAsAll(*incarnation);
    }
  }
}

// Another controller's revocations, of before it lost the lead, are not written over.
void Grants::OnPod(Incarnation& incarnation) {
  if (incarnation.pod->are_revocations_mangled) return ReadAsAll(incarnation);
  const std::string* const pending = WantedNote(incarnation, kRevocationsNote);
  const Boxed<Revocations>& there = incarnation.pod->revocations;
  if (pending == nullptr || !there.has_value()) return;
  auto wanted = DecodeRevocations(*pending);
  if (!wanted.ok() || Covers(*wanted, *there)) return;
  Merge(*there, *wanted);
  notes_.Put(incarnation, kRevocationsNote, EncodeRevocations(*wanted), nullptr);
}

void Grants::BeforePlan(Incarnation& incarnation, Instant now) {
  incarnation.session.keep_until = Instant{};
  if (!incarnation.pod.has_value() || !incarnation.pod->revocations.has_value()) return;
  const Incarnation* const newest = table_.FindNewest(incarnation.identity.id);
  // The next incarnation has them all, once it is there.
  if (newest != &incarnation && newest->presence == PodView::Presence::kPresent) return;
  const absl::Duration left = ForgottenAt(*incarnation.pod->revocations) - table_.clock.WallNow();
  if (left > absl::ZeroDuration()) incarnation.session.keep_until = now + left;
}

void Grants::OnStandDown(const absl::Status& status) {
  for (auto& [serial, waiter] : std::exchange(waiters_, {})) {
    table_.Answer([done = std::move(waiter.done), status] { done(status); });
  }
}

void Grants::Step(Instant now) {
  for (auto it = waiters_.begin(); it != waiters_.end();) {
    it = Answer(it->second, now) ? waiters_.erase(it) : std::next(it);
  }
}

bool Grants::Answer(const Waiter& waiter, Instant now) {
  const bool is_over = now >= waiter.give_up_at;
  const Incarnation* const newest = table_.FindNewest(waiter.id);
  const route::Route* const route = table_.routes.Find(waiter.id);
  const bool is_published = waiter.is_durable && newest != nullptr && route != nullptr &&
                            Covers(RevocationsOf(*route), waiter.revocations);
  if (!is_published) {
    if (!is_over) return false;
    const absl::Status status =
        WithRetryAfter(WithReason(absl::UnavailableError(absl::StrCat(
                                      "revoke grants of session ", waiter.id.value,
                                      ": not written within ", absl::FormatDuration(kRevokeWaitMax),
                                      ", tries go on; call again", newest == nullptr ? "" : ": ",
                                      newest == nullptr ? "" : newest->write_status.message())),
                                  "KUBERNETES_UNREACHABLE"),
                       absl::Seconds(1));
    table_.Answer([done = waiter.done, status] { done(status); });
    return true;
  }
  bool is_any_connected = false;
  RevokeResult result = {PendingAt(newest->published_version, is_any_connected)};
  if (is_any_connected && !is_over) return false;
  if (!result.pending_proxies.empty()) {
    Log(LogLevel::kWarning, "revocation_pending",
        {{"session", waiter.id.value},
         {"proxies", static_cast<uint64_t>(result.pending_proxies.size())}});
  }
  table_.Answer([done = waiter.done, result = std::move(result)] { done(result); });
  return true;
}

// Who has not acknowledged that version of the routes; lost proxies serve what they know.
std::vector<std::string> Grants::PendingAt(uint64_t version, bool& is_any_connected) const {
  std::vector<std::string> pending;
  for (const auto& proxy : table_.proxies.List(table_.clock.Now())) {
    if (proxy.acked >= version) continue;
    is_any_connected = is_any_connected || proxy.is_connected;
    if (pending.empty() || pending.back() != proxy.entry.id) pending.push_back(proxy.entry.id);
  }
  return pending;
}

Instant Grants::NextWake() const {
  Instant next = Instant::Infinite();
  for (const auto& [serial, waiter] : waiters_) next = std::min(next, waiter.give_up_at);
  return next;
}

}  // namespace spawner::core
