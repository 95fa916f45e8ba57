#ifndef SPAWNER_CONTROLLER_CORE_DIAGNOSIS_H_
#define SPAWNER_CONTROLLER_CORE_DIAGNOSIS_H_

#include <deque>
#include <functional>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "base/clock.h"
#include "controller/core/core_status.h"
#include "controller/kube/kube_client.h"

namespace spawner::core {

// One check: what was found, and what to do about it if it is not well.
struct Finding {
  std::string check;  // "rbac.pods.create"
  bool is_ok = false;
  std::string message;
  std::string remedy;  // empty if `is_ok`
};

struct DiagnosisOptions {
  std::vector<std::string> namespaces;  // that are served; {"*"}: all
  std::string system_namespace;         // of our Lease and our keys
  bool is_local = false;                // the embedded Kubernetes has no RBAC and no dry runs
  // As of Operations.
  bool reviews_tokens = false;
  bool reviews_access = false;
  std::string token_secret = {};
  std::set<std::string> proxy_namespaces = {};  // where proxies' pods are
};

// Findings on what is known without asking: leader, view, proxies and their versions.
std::vector<Finding> FindingsOf(const CoreStatus& status);

// Asks Kubernetes, one question at a time, whether Spawner has what it needs there. Changes
// nothing. Thread: the loop's. Owner: shared by the caller, who may drop it at any time, and the
// request in flight, which holds it weakly. `kube` and `clock` outlive it.
class Diagnosis : public std::enable_shared_from_this<Diagnosis> {
 public:
  using OnFinding = std::function<void(const Finding&)>;

  Diagnosis(kube::KubeClient& kube, const Clock& clock, DiagnosisOptions options);

  // `on_finding` for each, then `on_end`; neither from within the call.
  void Start(OnFinding on_finding, std::function<void()> on_end);

 private:
  struct Right {
    std::string verb;
    std::string group;
    std::string resource;
    std::string subresource;
    std::string name;  // empty: any
    std::string ns;
    std::string remedy;  // empty: the manifests have it
  };

  void CheckReachable();
  void CheckRight(const Right& right);
  void CheckDryRun(const std::string& ns);
  void Tell(const Finding& finding);
  void Next();
  std::vector<Right> Rights() const;
  void AddSystemRights(std::vector<Right>& rights) const;
  void OnDryRun(const std::string& ns, absl::Time begin, const absl::StatusOr<std::string>& json);

  kube::KubeClient& kube_;
  const Clock& clock_;
  const DiagnosisOptions options_;
  std::deque<std::function<void()>> checks_;
  bool has_told_clock_ = false;
  OnFinding on_finding_;
  std::function<void()> on_end_;
};

}  // namespace spawner::core

#endif  // SPAWNER_CONTROLLER_CORE_DIAGNOSIS_H_
