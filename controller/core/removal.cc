#include "controller/core/removal.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "controller/core/all_sessions.h"
#include "controller/core/limits.h"

namespace spawner::core {

Removal::Removal(Sessions sessions, kube::KubeClient& kube, RemovalOptions options)
    : sessions_(std::move(sessions)), kube_(kube), options_(std::move(options)) {}

void Removal::Start(OnStep on_step, OnEnd on_end) {
  on_step_ = std::move(on_step);
  on_end_ = std::move(on_end);
  VisitAllSessions(
      sessions_.all, weak_from_this(),
      [this](const SessionView& view) {
        items_.push_back({.ns = view.ns,
                          .id = view.id,
                          .epoch = view.epoch,
                          .pod = view.pod,
                          .is_live = view.state != SessionState::kTerminated});
      },
      [this](const absl::Status& status) { OnCollected(status); });
}

void Removal::OnCollected(const absl::Status& status) {
  if (!status.ok()) return on_end_(status);
  Say();
  if (!options_.confirm) return on_end_(absl::OkStatus());
  EndSessions();
}

void Removal::Say() const {
  int live = 0;
  for (const Item& item : items_) live += item.is_live ? 1 : 0;
  const char* verb = options_.confirm ? "ends" : "would end";
  on_step_(absl::StrCat(verb, " ", live, " live sessions and ",
                        options_.confirm ? "deletes" : "delete", " the pods of all ",
                        items_.size()));
  for (const std::string& path : options_.objects) {
    if (!options_.confirm) on_step_(absl::StrCat("would delete ", path));
  }
  if (!options_.confirm) {
    on_step_("would keep PodTemplates, volume claims, namespaces and the manifests");
  }
}

void Removal::EndSessions() {
  for (const Item& item : items_) {
    if (!item.is_live) continue;
    waiting_.push_back([this, &item] {
      sessions_.terminate({.ns = item.ns, .id = item.id, .hard = true, .epoch = item.epoch},
                          [weak = weak_from_this()](const absl::StatusOr<SessionView>& view) {
                            const std::shared_ptr<Removal> self = weak.lock();
                            if (self != nullptr) self->OnDone(view.status());
                          });
    });
  }
  then_ = [this] {
    on_step_(absl::StrCat("ended ", std::exchange(done_, 0), " sessions"));
    DeletePods();
  };
  Turn();
}

void Removal::DeletePods() {
  for (const Item& item : items_) {
    if (item.pod.empty()) continue;
    waiting_.push_back([this, &item] {
      kube_.DeletePod(item.ns, item.pod, {}, [weak = weak_from_this()](const absl::Status& status) {
        const std::shared_ptr<Removal> self = weak.lock();
        if (self != nullptr) self->OnDone(status);
      });
    });
  }
  then_ = [this] {
    on_step_(absl::StrCat("deleted ", std::exchange(done_, 0), " pods"));
    DeleteObjects();
  };
  Turn();
}

void Removal::DeleteObjects() {
  for (const std::string& path : options_.objects) {
    waiting_.push_back([this, path] {
      kube_.DeleteObject(path, {}, [weak = weak_from_this(), path](const absl::Status& status) {
        const std::shared_ptr<Removal> self = weak.lock();
        if (self == nullptr) return;
        if (status.ok()) self->on_step_(absl::StrCat("deleted ", path));
        if (absl::IsNotFound(status)) self->on_step_(absl::StrCat("there is no ", path));
        self->OnDone(status);
      });
    });
  }
  then_ = [this] {
    on_step_("done; a controller that still runs makes its Lease again: delete the manifests next");
    on_end_(absl::OkStatus());
  };
  Turn();
}

// What is begun may be done at once, and calls OnDone: a loop, not a recursion.
void Removal::Turn() {
  if (is_turning_) return;
  const std::shared_ptr<Removal> self = shared_from_this();  // `then_` may drop us
  is_turning_ = true;
  while (failed_.ok() && !waiting_.empty() && in_flight_ < kOrdersInFlightMax) {
    const std::function<void()> begin = std::move(waiting_.front());
    waiting_.pop_front();
    ++in_flight_;
    begin();
  }
  is_turning_ = false;
  if (in_flight_ > 0) return;
  if (!failed_.ok()) return std::exchange(on_end_, [](const absl::Status&) {})(failed_);
  const std::function<void()> then = std::exchange(then_, nullptr);
  if (then != nullptr) then();
}

void Removal::OnDone(const absl::Status& status) {
  --in_flight_;
  // Gone, or followed by another meanwhile: there is nothing left to do here.
  const bool is_moot =
      absl::IsNotFound(status) || absl::IsAborted(status) || absl::IsFailedPrecondition(status);
  if (status.ok()) ++done_;
  if (!status.ok() && !is_moot && failed_.ok()) failed_ = status;
  Turn();
}

}  // namespace spawner::core
