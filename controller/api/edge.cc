#include "controller/api/edge.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/status.h"
#include "controller/api/limits.h"
#include "controller/core/fairness.h"

namespace spawner::api {
namespace {

absl::string_view NameOf(Edge::StreamKind kind) {
  switch (kind) {
    case Edge::StreamKind::kWatch:
      return "watches";
    case Edge::StreamKind::kRelay:
      return "watches of the leader's";
    case Edge::StreamKind::kLog:
      return "logs";
    case Edge::StreamKind::kLink:
      return "links";
    case Edge::StreamKind::kSteps:
      return "diagnoses and removals";
  }
  return "streams";
}

std::string DefaultOf(const std::vector<std::string>& namespaces) {
  return namespaces.empty() || namespaces[0] == "*" ? "default" : namespaces[0];
}

}  // namespace

Edge::Edge(Poster post, const Clock& clock, EdgeOptions options)
    : post_(std::move(post)),
      clock_(clock),
      options_(std::move(options)),
      default_namespace_(DefaultOf(options_.namespaces)) {}

void Edge::Open(core::Service& service, core::LogSource& logs, KeyRing keys) {
  keys_ = std::move(keys);
  service_ = &service;
  logs_ = &logs;
  if (options_.fairness == nullptr) return;
  options_.fairness->Open({.is_leader = [&service] { return service.GetLeader().is_us; },
                           .watch =
                               [&service](core::Watcher* watcher) {
                                 return service.Watch(core::ListParams{}, "", watcher);
                               },
                           .cancel = [&service](uint64_t id) { service.CancelWatch(id); }});
}

void Edge::SetKeys(KeyRing keys) {
  keys_ = std::move(keys);
  for (const auto& [listener, changed] : key_listeners_) changed();
}

void Edge::AddKeyListener(const void* listener, std::function<void()> changed) {
  key_listeners_[listener] = std::move(changed);
}

void Edge::RotateKeys(absl::Duration overlap, RotateDone done) const {
  if (options_.rotate_keys == nullptr) {
    return done(absl::UnimplementedError("rotate keys: they are not kept in a Secret here"));
  }
  options_.rotate_keys(overlap, std::move(done));
}

void Edge::EndStreams() {
  takes_work_ = false;
  not_ready_reason_ = "shutting down";
  const absl::Status status = NotReady();
  for (const auto& [kind, streams] : streams_) EndAll(streams, status);
}

void Edge::SetLeader(absl::string_view id) {
  if (id == leader_id_) return;
  leader_id_ = std::string(id);
  EndAll(streams_[StreamKind::kRelay], LeaderGone());
  // Nor can a view of our own go on once another knows the counts: relayed, the same watch has
  // them.
  const bool another_leads =
      service_ != nullptr && !id.empty() && id != service_->GetStatus().controller_id;
  if (another_leads) EndAll(streams_[StreamKind::kWatch], LeaderGone());
}

void Edge::EndAll(Streams streams, const absl::Status& status) {
  for (const auto& [stream, end] : streams) end(status);
}

absl::Status Edge::LeaderGone() {
  return WithRetryAfter(
      WithReason(absl::UnavailableError("watch sessions: the leader is gone, or another controller "
                                        "leads now; watch again"),
                 "NO_LEADER"),
      kNotReadyRetry);
}

absl::Status Edge::AddStream(StreamKind kind, const void* stream, int max,
                             std::function<void(const absl::Status&)> end) {
  if (service_ == nullptr || !takes_work_) return NotReady();
  Streams& streams = streams_[kind];
  if (streams.size() >= static_cast<size_t>(max)) {
    return WithRetryAfter(
        WithReason(absl::ResourceExhaustedError(absl::StrCat(
                       max, " ", NameOf(kind), " are open, no more are taken; close one first")),
                   "RATE_LIMITED", {{"quota", NameOf(kind)}, {"limit", max}}),
        kOverloadRetry);
  }
  streams.emplace(stream, std::move(end));
  return absl::OkStatus();
}

absl::Status Edge::BeginCall() {
  if (service_ == nullptr || !takes_work_) return NotReady();
  ++open_calls_;
  return absl::OkStatus();
}

void Edge::RemoveStream(StreamKind kind, const void* stream) { streams_[kind].erase(stream); }

bool Edge::IsQuiet() const {
  return open_calls_ == 0 && std::all_of(streams_.begin(), streams_.end(),
                                         [](const auto& kind) { return kind.second.empty(); });
}

void Edge::Close() {
  if (options_.fairness != nullptr && service_ != nullptr) options_.fairness->Close();
  service_ = nullptr;
  logs_ = nullptr;
  templates_ = nullptr;
  not_ready_reason_ = "shutting down";
}

absl::Status Edge::NotReady() const {
  const absl::Status status =
      takes_work_
          ? WithReason(absl::UnavailableError(absl::StrCat(
                           "this controller is not ready: ", not_ready_reason_, "; try again")),
                       "KUBERNETES_UNREACHABLE")
          : WithReason(absl::UnavailableError("this controller is shutting down; dial again"),
                       "NO_LEADER");
  return WithRetryAfter(status, kNotReadyRetry);
}

core::AllSessions Edge::all_sessions() {
  return {.list = [this](const core::ListParams& params) -> absl::StatusOr<core::ListResult> {
            if (service_ == nullptr) return NotReady();
            return service_->List(params);
          },
          .later = [this](std::function<void()> work) { Post(std::move(work)); }};
}

core::CoreStatus Edge::Status() const {
  core::CoreStatus status = service_->GetStatus();
  if (options_.kubernetes_requests != nullptr) {
    status.kubernetes_requests = options_.kubernetes_requests();
  }
  return status;
}

std::string Edge::NotReadyReasons() const {
  if (service_ == nullptr) return absl::StrCat(not_ready_reason_, "\n");
  if (!takes_work_) return "shutting down\n";
  const core::CoreStatus status = service_->GetStatus();
  std::string reasons;
  if (!status.kubernetes_status.ok()) {
    absl::StrAppend(&reasons, "kubernetes: ", status.kubernetes_status.message(), "\n");
  }
  if (!status.is_synced) absl::StrAppend(&reasons, "the first list of pods is not complete\n");
  // Our name in a Lease that we could not renew leads nobody.
  const bool has_lost_it = status.leader_id == status.controller_id && !status.is_leader;
  if (status.leader_id.empty() || has_lost_it) {
    absl::StrAppend(&reasons, "no controller leads", lease_problem_.empty() ? "" : ": ",
                    lease_problem_, "\n");
  }
  return reasons;
}

absl::Status Edge::CheckNamespace(absl::string_view ns) const {
  for (const std::string& served : options_.namespaces) {
    if (served == "*" || served == ns) return absl::OkStatus();
  }
  return WithReason(
      absl::PermissionDeniedError(absl::StrCat("namespace ", ns, " is not served here; served are ",
                                               absl::StrJoin(options_.namespaces, ", "),
                                               "; name one of them, or serve it by --namespace")),
      "NAMESPACE_FORBIDDEN", {{"namespace", ns}});
}

absl::Status Edge::EnterCall() {
  if (calls_.fetch_add(1, std::memory_order_relaxed) < kCallsMax) return absl::OkStatus();
  LeaveCall();
  return WithRetryAfter(WithReason(absl::ResourceExhaustedError(absl::StrCat(
                                       "more than ", kCallsMax, " calls are in flight; try again")),
                                   "RATE_LIMITED", {{"quota", "calls"}, {"limit", kCallsMax}}),
                        kOverloadRetry);
}

}  // namespace spawner::api
