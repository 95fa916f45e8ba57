#ifndef SPAWNER_CONTROLLER_CORE_POD_FEED_H_
#define SPAWNER_CONTROLLER_CORE_POD_FEED_H_

#include <string>
#include <utility>
#include <vector>

#include "base/log.h"
#include "controller/core/core.h"

namespace spawner::core {

// One namespace's pods on their way into the table. Thread: the loop's. Owner: Core.
class Core::Feed final : public kube::PodHandler {
 public:
  Feed(Core& core, std::string ns) : core_(core), ns_(std::move(ns)) {}

  void OnPodsListed(std::vector<kube::Pod> pods) override {
    core_.OnPodsListed(ns_, std::move(pods));
    is_synced_ = true;
  }
  void OnPodChanged(kube::Pod pod) override { core_.OnPodChanged(std::move(pod), true); }
  void OnPodGone(kube::Pod pod) override { core_.OnPodGone(pod); }
  // At each change; tries go on meanwhile, ever more slowly, and each new cause is told.
  void OnPodViewStatus(const absl::Status& status) override {
    status_ = status;
    if (status.ok()) {
      Log(LogLevel::kInfo, "pod_view_current", {{"namespace", ns_}});
    } else {
      Log(LogLevel::kWarning, "pod_view_stale",
          {{"namespace", ns_}, {"error", status.message()}, {"next", "trying again"}});
    }
  }

  bool is_synced() const { return is_synced_; }
  const absl::Status& status() const { return status_; }

 private:
  Core& core_;
  const std::string ns_;
  bool is_synced_ = false;
  absl::Status status_;
};

}  // namespace spawner::core

#endif  // SPAWNER_CONTROLLER_CORE_POD_FEED_H_
