#include "proxy/link/link.h"

#include <algorithm>
#include <utility>

#include "base/address.h"
#include "base/log.h"
#include "base/version.h"
#include "proxy/link/codec.h"
#include "proxy/link/limits.h"

namespace spawner::proxy {

Link::Link(LinkOptions options, Random& random)
    : options_(std::move(options)),
      random_(random),
      target_(options_.controller),
      silence_(kSilenceMin),
      acks_(options_.workers),
      usage_(options_.workers) {}

void Link::OnMessage(uint64_t stream, const v1::ControllerMessage& message, Instant now) {
  if (stream != stream_ || must_hang_up_) return;
  if (phase_ == Phase::kGreeting && !message.has_welcome() && !message.has_not_leader()) {
    return Lose("the controller's first message is neither Welcome nor NotLeader", now);
  }
  if (phase_ != Phase::kGreeting && phase_ != Phase::kUp) return;
  if (phase_ == Phase::kUp) Heard(now);
  switch (message.message_case()) {
    case v1::ControllerMessage::kWelcome:
      return OnWelcome(message.welcome(), now);
    case v1::ControllerMessage::kRoutes:
      return OnRoutes(message.routes(), now);
    case v1::ControllerMessage::kUnknown:
      return Emit({.unknown = {message.unknown().session_id()}});
    case v1::ControllerMessage::kHeartbeat:
      heartbeat_due_ = message.heartbeat().sequence();
      if (message.heartbeat().has_now()) LearnTime(message.heartbeat().now(), now);
      return;
    case v1::ControllerMessage::kNotLeader:
      return OnNotLeader(message.not_leader(), now);
    case v1::ControllerMessage::kInspect:
      return inspects_.Ask(stream, message.inspect());
    case v1::ControllerMessage::kDrain:
      drain_ = DrainFromProto(message.drain());
      return;
    case v1::ControllerMessage::kHold:
      if (!message.hold().refusal().empty()) {
        Log(LogLevel::kInfo, "busy_refused", {{"why", message.hold().refusal()}});
      }
      return;
    case v1::ControllerMessage::kKeys:
      state_.keys = KeysFromProto(message.keys().keys());
      state_changed_ = true;
      return;
    case v1::ControllerMessage::kUseToken:
      return uses_.Answer(message.use_token().sequence(), message.use_token().is_first_use());
    case v1::ControllerMessage::MESSAGE_NOT_SET:
      return;  // of a newer contract
  }
}

void Link::OnWelcome(const v1::Welcome& welcome, Instant now) {
  if (phase_ == Phase::kUp) return Lose("the controller sent a second Welcome", now);
  if (welcome.leadership() == 0 || welcome.leadership() < leadership_) {
    return Lose("the controller's leadership is out of date", now);
  }
  const bool is_other_leader = welcome.leadership() != leadership_;
  leadership_ = welcome.leadership();
  phase_ = Phase::kUp;
  up_since_ = now;
  redirects_ = 0;
  silence_ = kSilenceMin;
  if (welcome.has_heartbeat_interval()) {
    const absl::Duration interval = DurationFromProto(welcome.heartbeat_interval());
    silence_ = std::clamp(kSilentHeartbeats * interval, kSilenceMin, kSilenceMax);
  }
  Heard(now);
  feed_.Begin(leadership_);
  acks_.BeginLink(leadership_);
  queries_.BeginLink();
  inspects_.BeginLink();
  is_leaving_sent_ = false;
  usage_due_ = now + kUsagePeriod;
  state_.is_up = true;
  state_.keys = KeysFromProto(welcome.keys());
  if (is_other_leader) state_.time = {};
  if (welcome.has_now()) LearnTime(welcome.now(), now);
  state_changed_ = true;
  Log(LogLevel::kInfo, "link_up",
      {{"controller", welcome.controller_id()},
       {"address", target_},
       {"leadership", leadership_},
       {"route_version", feed_.version().version}});
}

void Link::OnNotLeader(const v1::NotLeader& answer, Instant now) {
  const std::string& leader = answer.leader_address();
  // A name could be anything; the controller names its leader by number.
  const bool can_follow = ParseAddress(leader, /*allow_port_zero=*/false).ok() &&
                          answer.leadership() >= leadership_ && redirects_ < kRedirectsMax;
  Lose(leader.empty() ? "the controller does not lead and knows no leader"
                      : "the controller does not lead",
       now);
  if (!can_follow) return;
  ++redirects_;
  target_ = leader;
  until_ = now;
}

void Link::OnRoutes(const v1::Routes& routes, Instant now) {
  const bool had_routes = feed_.has_routes();
  absl::StatusOr<std::vector<RouteChange>> changes = feed_.Take(routes);
  if (!changes.ok()) return Lose(changes.status().message(), now);
  for (RouteChange& change : *changes) Emit(std::move(change));
  if (feed_.has_routes() && !had_routes) {
    state_.has_routes = true;
    state_changed_ = true;
  }
}

void Link::Emit(RouteChange change) {
  acks_.Posted(change);
  usage_.Apply(change);
  queries_.Apply(change);
  changes_.push_back(std::move(change));
}

void Link::LearnTime(const google::protobuf::Timestamp& proto, Instant now) {
  const absl::Time wall = TimeFromProto(proto);
  const absl::Duration ahead = wall - state_.time.Now(now);
  // A message on its way makes the clock look late, never early: the earliest reading is the best
  // one, until the clock was set back.
  if (ahead <= absl::ZeroDuration() && ahead >= -kClockSlack) return;
  state_.time = {wall, now};
  if (absl::AbsDuration(wall - posted_time_.Now(now)) > kClockStep) state_changed_ = true;
}

void Link::Heard(Instant now) { until_ = now + silence_; }

void Link::OnClosed(uint64_t stream, const absl::Status& status, Instant now) {
  if (stream != stream_) return;
  switch (phase_) {
    case Phase::kWaiting:
    case Phase::kFinished:
      return;
    case Phase::kClosing:
      phase_ = Phase::kFinished;
      return;
    case Phase::kGreeting:
    case Phase::kUp:
      Lose(status.ok() ? "the controller closed the stream" : status.message(), now);
      must_hang_up_ = false;
      return;
  }
}

// The stream is of no more use: back to the configured address after a pause.
void Link::Lose(absl::string_view why, Instant now) {
  const bool was_up = phase_ == Phase::kUp;
  if (was_up) lost_at_ = now;
  if (was_up && now - up_since_ >= kBackoffForgetAfter) attempts_ = 0;
  Log(was_up ? LogLevel::kWarning : LogLevel::kInfo, was_up ? "link_lost" : "link_refused",
      {{"address", target_}, {"why", why}, {"attempt", attempts_ + 1}});
  must_hang_up_ = true;
  heartbeat_due_.reset();
  uses_.LoseLink();
  is_hello_due_ = false;
  target_ = options_.controller;
  phase_ = Phase::kWaiting;
  until_ = now + NextBackoff();
  if (state_.is_up) {
    state_.is_up = false;
    state_changed_ = true;
  }
}

absl::Duration Link::NextBackoff() {
  const absl::Duration pause =
      std::min(kBackoffMax, kBackoffMin * static_cast<double>(1 << std::min(attempts_, 16)));
  ++attempts_;
  return pause * (0.5 + 0.5 * random_.Unit());
}

void Link::OnApplied(int worker, RouteVersion version, const std::vector<GateCount>& gates) {
  acks_.Applied(worker, version, gates);
}

void Link::OnUsage(int worker, const std::vector<SessionTotals>& totals) {
  usage_.Update(worker, totals);
}

void Link::OnUnknown(const std::string& session_id, Instant now) {
  if (!queries_.Add(session_id, now)) ++queries_dropped_;
}

void Link::OnInspected(uint64_t stream, v1::Inspected answer) {
  if (stream == stream_ && phase_ == Phase::kUp) inspects_.Answer(std::move(answer));
}

void Link::OnBusy(Busy busy) {
  if (busy_.size() >= kBusyMax && busy_.count(busy.session_id) == 0) return;
  std::string id = busy.session_id;
  busy_[std::move(id)] = std::move(busy);
}

void Link::Drained(Instant now) {
  is_leaving_ = true;
  is_drained_ = true;
  last_report_by_ = now + kLastReportMax;
}

Instant Link::report_at() const {
  return phase_ == Phase::kUp && usage_.HasChanges() ? usage_due_ : Instant::Infinite();
}

bool Link::WantsMore() const { return acks_.unapplied() < kUnappliedMax; }

LinkOutput Link::Step(Instant now) {
  if (phase_ == Phase::kGreeting && until_ <= now) Lose("no answer to Hello", now);
  if (phase_ == Phase::kUp && until_ <= now) Lose("silence", now);
  StepLeaving(now);
  LinkOutput output;
  output.hang_up = std::exchange(must_hang_up_, false);
  if (phase_ == Phase::kClosing && until_ == Instant::Infinite()) {
    output.finish = true;
    until_ = last_report_by_;
  }
  if (phase_ == Phase::kWaiting && until_ <= now) {
    ++stream_;
    phase_ = Phase::kGreeting;
    until_ = now + kWelcomeMax;
    is_hello_due_ = true;
    output.dial = target_;
  }
  output.changes = std::exchange(changes_, {});
  output.inspects = inspects_.TakeAsked();
  output.drain = std::exchange(drain_, std::nullopt);
  output.uses = uses_.TakeAnswers();
  if (std::exchange(state_changed_, false)) {
    output.state = state_;
    posted_time_ = state_.time;
  }
  if (phase_ != Phase::kFinished) output.wake_at = until_;
  if (is_drained_ && phase_ != Phase::kFinished) {
    output.wake_at = std::min(output.wake_at, last_report_by_);
  }
  return output;
}

// Once drained: half-closes when everything was said, gives up when that takes too long.
void Link::StepLeaving(Instant now) {
  if (!is_drained_ || phase_ == Phase::kFinished) return;
  if (last_report_by_ <= now) {
    must_hang_up_ = phase_ != Phase::kWaiting;
    phase_ = Phase::kFinished;
    return;
  }
  if (phase_ != Phase::kUp || !is_leaving_sent_ || usage_.HasChanges() || acks_.IsDue() ||
      acks_.unapplied() != 0) {
    return;
  }
  phase_ = Phase::kClosing;
  until_ = Instant::Infinite();  // Step puts out `finish`
}

std::optional<v1::ProxyMessage> Link::NextMessage(Instant now) {
  if (phase_ == Phase::kGreeting && is_hello_due_) {
    is_hello_due_ = false;
    return MakeHello(now);
  }
  if (phase_ != Phase::kUp) return std::nullopt;
  v1::ProxyMessage message;
  if (heartbeat_due_.has_value()) {
    message.mutable_heartbeat()->set_sequence(*heartbeat_due_);
    heartbeat_due_.reset();
    return message;
  }
  if (std::optional<v1::Ack> ack = acks_.Take()) {
    *message.mutable_ack() = *std::move(ack);
    return message;
  }
  if (FillReport(message, now)) return message;
  if (std::optional<v1::Inspected> inspected = inspects_.TakeAnswer()) {
    *message.mutable_inspected() = *std::move(inspected);
    return message;
  }
  return std::nullopt;
}

bool Link::FillReport(v1::ProxyMessage& message, Instant now) {
  if (is_leaving_ && !is_leaving_sent_) {
    is_leaving_sent_ = true;
    message.mutable_leaving();
    return true;
  }
  if (usage_.IsUrgent()) {
    *message.mutable_usage() = usage_.TakeUrgent(now);
    return true;
  }
  if (std::optional<v1::UseToken> use = uses_.Take()) {
    *message.mutable_use_token() = *std::move(use);
    return true;
  }
  if (std::optional<std::string> id = queries_.Take()) {
    message.mutable_query()->set_session_id(*std::move(id));
    return true;
  }
  if (!busy_.empty()) {
    const auto first = busy_.begin();
    v1::HoldRequest* const hold = message.mutable_hold();
    hold->set_sequence(++busy_sequence_);
    hold->set_session_id(first->second.session_id);
    hold->set_epoch(first->second.epoch);
    SetDuration(*hold->mutable_ttl(), first->second.ttl);
    hold->set_reason(first->second.reason);
    busy_.erase(first);
    return true;
  }
  if (usage_.HasChanges() && (usage_due_ <= now || is_drained_)) {
    *message.mutable_usage() = usage_.TakeChanged(now);
    if (!usage_.HasChanges()) usage_due_ = now + kUsagePeriod;
    return true;
  }
  return false;
}

v1::ProxyMessage Link::MakeHello(Instant now) {
  v1::ProxyMessage message;
  v1::Hello* const hello = message.mutable_hello();
  hello->set_proxy_id(options_.proxy_id);
  hello->set_generation(options_.generation);
  hello->set_pod_uid(options_.pod_uid);
  hello->set_pod_name(options_.pod_name);
  hello->set_pod_namespace(options_.pod_namespace);
  hello->set_version(kVersion);
  hello->set_leadership(leadership_);
  hello->set_route_version(feed_.version().version);
  *hello->mutable_usage() = usage_.TakeComplete(now);
  return message;
}

}  // namespace spawner::proxy
