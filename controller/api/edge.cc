#include "controller/api/edge.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/status.h"
#include "controller/api/limits.h"

namespace spawner::api {

Edge::Edge(Poster post, const Clock& clock, EdgeOptions options)
    : post_(std::move(post)), clock_(clock), options_(std::move(options)) {}

void Edge::Open(core::Service& service, KeyRing keys) {
  keys_ = std::move(keys);
  service_ = &service;
}

void Edge::EndStreams() {
  takes_work_ = false;
  not_ready_reason_ = "shutting down";
  const absl::Status status = WithRetryAfter(
      WithReason(absl::UnavailableError("this controller is shutting down; dial again"),
                 "NO_LEADER"),
      kNotReadyRetry);
  for (Streams* streams : {&watches_, &links_}) {
    for (const auto& [stream, end] : Streams(*streams)) end(status);
  }
}

absl::Status Edge::AddStream(StreamKind kind, const void* stream, int max,
                             std::function<void(const absl::Status&)> end) {
  if (service_ == nullptr || !takes_work_) return NotReady();
  Streams& streams = StreamsOf(kind);
  if (streams.size() >= static_cast<size_t>(max)) {
    return WithRetryAfter(WithReason(absl::ResourceExhaustedError(absl::StrCat(
                                         max, kind == StreamKind::kWatch ? " watches" : " links",
                                         " are open, no more are taken; close one first")),
                                     "RATE_LIMITED"),
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

void Edge::RemoveStream(StreamKind kind, const void* stream) { StreamsOf(kind).erase(stream); }

void Edge::Close() {
  service_ = nullptr;
  not_ready_reason_ = "shutting down";
}

absl::Status Edge::NotReady() const {
  return WithRetryAfter(
      WithReason(absl::UnavailableError(absl::StrCat(
                     "this controller is not ready: ", not_ready_reason_, "; try again")),
                 "KUBERNETES_UNREACHABLE"),
      kNotReadyRetry);
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
  if (status.leader_id.empty()) {
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
                                               absl::StrJoin(options_.namespaces, ", "))),
      "NAMESPACE_FORBIDDEN");
}

absl::Status Edge::EnterCall() {
  if (calls_.fetch_add(1, std::memory_order_relaxed) < kCallsMax) return absl::OkStatus();
  LeaveCall();
  return WithRetryAfter(WithReason(absl::ResourceExhaustedError(absl::StrCat(
                                       "more than ", kCallsMax, " calls are in flight; try again")),
                                   "RATE_LIMITED"),
                        kOverloadRetry);
}

}  // namespace spawner::api
