#include "controller/kube/lease.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/check.h"
#include "base/status.h"
#include "controller/kube/limits.h"

namespace spawner::kube {

LeaseElector::LeaseElector(KubeClient& client, const Clock& clock, Random& random,
                           LeaseOptions options)
    : client_(client), clock_(clock), random_(random), options_(std::move(options)) {
  SPAWNER_CHECK(options_.renew_deadline < options_.lease_duration);
  SPAWNER_CHECK(!options_.identity.empty());
}

void LeaseElector::RaiseFloor(uint32_t number) {
  floor_ = std::max(floor_, number);
  if (state_ != State::kLeading || number <= number_) return;
  status_ = absl::AbortedError(
      absl::StrCat("lead with number ", number_, ": somebody has seen ", number));
  StopLeading();
  next_at_ = clock_.Now();
}

absl::Status LeaseElector::SetRoster(std::string roster) {
  if (roster.size() > kRosterBytesMax) {
    return absl::ResourceExhaustedError(
        absl::StrCat("store the roster of proxies: more than ", kRosterBytesMax, " bytes"));
  }
  if (state_ != State::kLeading) return absl::OkStatus();
  roster_ = std::move(roster);
  next_at_ = std::min(next_at_, std::max(clock_.Now(), asked_at_ + kLeaseWriteEvery));
  return absl::OkStatus();
}

void LeaseElector::Release() {
  if (state_ == State::kReleasing || state_ == State::kReleased) return;
  // What is in flight may make us the holder yet.
  const bool may_hold = state_ == State::kLeading || is_asking_;
  StopLeading();
  state_ = may_hold ? State::kReleasing : State::kReleased;
  release_until_ = clock_.Now() + options_.lease_duration;
  next_at_ = clock_.Now();
}

Instant LeaseElector::NextWake() const {
  Instant wake = is_asking_ ? asked_at_ + options_.request_patience : next_at_;
  if (state_ == State::kLeading) wake = std::min(wake, valid_until_);
  if (state_ == State::kReleasing) wake = std::min(wake, release_until_);
  return state_ == State::kReleased ? Instant::Infinite() : wake;
}

void LeaseElector::Step(Instant now) {
  if (state_ == State::kLeading && now >= valid_until_) {
    status_ = absl::DeadlineExceededError(
        absl::StrCat("renew lease ", options_.ns, "/", options_.name, ": not within ",
                     absl::FormatDuration(options_.renew_deadline), ": ", status_.message()));
    StopLeading();
    next_at_ = std::min(next_at_, now);
  }
  if (state_ == State::kReleasing && now >= release_until_) state_ = State::kReleased;
  if (is_asking_ && now >= asked_at_ + options_.request_patience) {
    ++ask_;
    is_asking_ = false;
    lease_.reset();  // it may have been written or not
    next_at_ = now;
  }
  if (state_ == State::kReleased || is_asking_ || now < next_at_) return;
  if (!lease_.has_value() || state_ == State::kStandby) return Read(now);
  Decide(now);
}

// Acts on the Lease as it was just read or written.
void LeaseElector::Decide(Instant now) {
  switch (state_) {
    case State::kStandby:
      if (MayTake(now)) return Send(Write::kAcquire, now);
      next_at_ = JitteredRetry(now);
      return;
    case State::kLeading:
      if (lease_->holder() == options_.identity && lease_->leadership() == number_) {
        return Send(Write::kRenew, now);
      }
      status_ = absl::AbortedError(absl::StrCat("lease ", options_.ns, "/", options_.name,
                                                " was taken by \"", lease_->holder(), "\""));
      StopLeading();
      next_at_ = JitteredRetry(now);
      return;
    case State::kReleasing:
      if (lease_->holder() == options_.identity) return Send(Write::kRelease, now);
      state_ = State::kReleased;
      return;
    case State::kReleased:
      return;
  }
}

bool LeaseElector::MayTake(Instant now) const {
  if (lease_->holder() == options_.identity) return true;
  // Those who have watched for longer try within `retry`, and know what pods that are gone by now
  // were: a newcomer, started in the place of the one that released it, lets them go first.
  if (lease_->holder().empty()) return now >= *joined_at_ + kNewcomerRetries * options_.retry;
  // What the holder goes by counts as well, within reason.
  const absl::Duration theirs =
      std::min(lease_->duration().value_or(absl::ZeroDuration()), kLeaseDurationMax);
  return now - beat_at_ > std::max(options_.lease_duration, theirs);
}

Instant LeaseElector::JitteredRetry(Instant now) {
  return now + options_.retry * (1 + 0.2 * random_.Unit());
}

KubeClient::ObjectDone LeaseElector::IfCurrent(
    std::function<void(absl::StatusOr<std::string>)> done) {
  is_asking_ = true;
  return [this, ask = ++ask_, done = std::move(done)](absl::StatusOr<std::string> answer) {
    if (ask != ask_) return;
    is_asking_ = false;
    done(std::move(answer));
  };
}

void LeaseElector::Read(Instant now) {
  asked_at_ = now;
  client_.GetObject(
      absl::StrCat(LeasesPath(options_.ns), "/", options_.name),
      IfCurrent([this](absl::StatusOr<std::string> answer) { OnRead(std::move(answer)); }));
}

void LeaseElector::OnRead(absl::StatusOr<std::string> answer) {
  const Instant now = clock_.Now();
  if (absl::IsNotFound(answer.status())) {
    if (state_ == State::kReleasing) {
      state_ = State::kReleased;
      return;
    }
    // The first of all, or somebody deleted it: then whoever creates it next leads.
    StopLeading();
    joined_at_ = Instant{};
    lease_ = LeaseObject::New(options_.ns, options_.name);
    holder_.clear();
    leader_address_.clear();
    return Send(Write::kAcquire, now);
  }
  absl::StatusOr<LeaseObject> lease =
      answer.ok() ? LeaseObject::Decode(*answer) : std::move(answer).status();
  if (!lease.ok()) return OnFailed(lease.status(), now);
  status_ = absl::OkStatus();
  if (!joined_at_.has_value()) joined_at_ = now;
  Observe(*std::move(lease), now);
  Decide(now);
}

void LeaseElector::Observe(LeaseObject lease, Instant now) {
  if (lease.beat() != beat_) {
    beat_ = lease.beat();
    beat_at_ = now;
  }
  holder_ = lease.holder();
  leader_address_ = holder_.empty() ? "" : lease.Annotation(kLeaderAddressAnnotation);
  if (state_ != State::kLeading) number_ = std::max(number_, lease.leadership());
  lease_ = std::move(lease);
}

void LeaseElector::Send(Write write, Instant now) {
  asked_at_ = now;
  const bool is_new = write == Write::kAcquire && lease_->beat().empty();
  LeaseObject::Holder holder{
      .identity = options_.identity, .duration = options_.lease_duration, .now = clock_.WallNow()};
  switch (write) {
    case Write::kAcquire: {
      const uint32_t highest = std::max({lease_->leadership(), number_, floor_});
      if (highest == std::numeric_limits<uint32_t>::max()) {
        return OnFailed(absl::OutOfRangeError("the leadership number can't be raised"), now);
      }
      proposed_ = highest + 1;
      last_roster_ = lease_->Annotation(kProxiesAnnotation);
      holder.is_acquisition = true;
      lease_->SetAnnotation(kLeadershipAnnotation, absl::StrCat(proposed_));
      lease_->SetAnnotation(kLeaderAddressAnnotation, options_.address);
      break;
    }
    case Write::kRenew:
      roster_in_flight_ = roster_;
      if (roster_.has_value()) lease_->SetAnnotation(kProxiesAnnotation, *roster_);
      break;
    case Write::kRelease:
      holder.identity.clear();
      break;
  }
  lease_->SetHolder(holder);
  const std::string text = std::exchange(lease_, std::nullopt)->Encode();
  KubeClient::ObjectDone done = IfCurrent(
      [this, write](absl::StatusOr<std::string> answer) { OnWritten(write, std::move(answer)); });
  if (is_new) return client_.CreateObject(LeasesPath(options_.ns), text, std::move(done));
  client_.ReplaceObject(absl::StrCat(LeasesPath(options_.ns), "/", options_.name), text,
                        std::move(done));
}

void LeaseElector::OnWritten(Write write, absl::StatusOr<std::string> answer) {
  const Instant now = clock_.Now();
  absl::StatusOr<LeaseObject> lease =
      answer.ok() ? LeaseObject::Decode(*answer) : std::move(answer).status();
  if (!lease.ok()) return OnFailed(lease.status(), now);
  status_ = absl::OkStatus();
  Observe(*std::move(lease), now);
  switch (write) {
    case Write::kAcquire:
      if (state_ == State::kStandby) return OnAcquired(now);
      next_at_ = now;  // released meanwhile: give it back
      return;
    case Write::kRenew:
      next_at_ = now;
      // A loss that IsLeader may have told already is not taken back.
      if (!IsLeader(now)) return;
      valid_until_ = asked_at_ + options_.renew_deadline;
      if (roster_ == roster_in_flight_) roster_.reset();
      next_at_ = asked_at_ + (roster_.has_value() ? kLeaseWriteEvery : options_.retry);
      return;
    case Write::kRelease:
      state_ = State::kReleased;
      return;
  }
}

void LeaseElector::OnAcquired(Instant now) {
  valid_until_ = asked_at_ + options_.renew_deadline;
  if (now >= valid_until_) {  // too late to be of use: take it anew
    next_at_ = now;
    return;
  }
  state_ = State::kLeading;
  number_ = proposed_;
  next_at_ = asked_at_ + options_.retry;
}

void LeaseElector::OnFailed(const absl::Status& error, Instant now) {
  status_ = error;
  lease_.reset();
  // A conflict is settled by reading again; a follower leaves that to its next turn.
  const bool at_once = absl::IsAborted(error) && state_ != State::kStandby;
  next_at_ = at_once ? now + kLeaseWriteEvery : JitteredRetry(now);
  if (const std::optional<absl::Duration> asked = RetryAfterOf(error);
      asked.has_value() && state_ == State::kStandby) {
    next_at_ = std::max(next_at_, now + *asked);
  }
}

void LeaseElector::StopLeading() {
  if (state_ == State::kLeading) state_ = State::kStandby;
  roster_.reset();
}

}  // namespace spawner::kube
