#include "controller/core/proxy_pods.h"

#include <vector>

#include "absl/strings/str_cat.h"
#include "base/log.h"
#include "controller/core/limits.h"
#include "controller/kube/pod.h"

namespace spawner::core {

void ProxyPods::Step(Instant now) {
  if (is_asking_) return;
  const std::vector<route::RosterEntry> lost = core_.LostProxies();
  if (lost.empty()) {
    next_at_ = Instant::Infinite();
    position_ = 0;
    return;
  }
  if (next_at_ == Instant::Infinite()) next_at_ = now;  // the first look is at once
  if (now < next_at_) return;
  if (position_ >= lost.size()) {
    position_ = 0;
    next_at_ = now + kProxyPodInterval;
    return;
  }
  const route::RosterEntry& proxy = lost[position_++];
  is_asking_ = true;
  const std::weak_ptr<char> alive = alive_;
  kube_.GetObject(
      absl::StrCat("/api/v1/namespaces/", proxy.pod_namespace, "/pods/", proxy.pod_name),
      [this, alive, uid = proxy.pod_uid](absl::StatusOr<std::string> json) {
        if (!alive.expired()) OnAnswer(uid, json);
      });
}

void ProxyPods::OnAnswer(const std::string& uid, const absl::StatusOr<std::string>& json) {
  is_asking_ = false;
  next_at_ = Instant{};  // the next one, if there is one, at once
  const absl::StatusOr<kube::Pod> pod = json.ok() ? kube::DecodePod(*json) : json.status();
  const bool is_gone =
      pod.ok() ? pod->uid != uid || pod->IsFinal() : absl::IsNotFound(pod.status());
  if (!pod.ok() && !is_gone) {
    Log(LogLevel::kWarning, "proxy_pod_unknown", {{"error", pod.status().ToString()}});
  }
  if (!is_gone) return;
  core_.OnProxyPodGone(uid);
  if (position_ > 0) --position_;  // the next one has moved into its place
}

}  // namespace spawner::core
