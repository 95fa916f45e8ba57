#ifndef SPAWNER_CONTROLLER_CORE_TEMPLATE_READS_H_
#define SPAWNER_CONTROLLER_CORE_TEMPLATE_READS_H_

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "controller/kube/kube_client.h"
#include "controller/session/session_template.h"

namespace spawner::core {

// Templates for the sessions that start: read when asked for, never kept (decision 0018). One read
// of a template is in flight; who asks meanwhile shares the next one, which begins after they
// asked. So everybody gets the template as it is, and a burst costs two reads. Thread: the loop's.
// Owner: Core. `kube` outlives it; its answers after the end are dropped.
class TemplateReads {
 public:
  using Done = std::function<void(const absl::StatusOr<SessionTemplate>&)>;

  explicit TemplateReads(kube::KubeClient& kube) : kube_(kube) {}
  TemplateReads(const TemplateReads&) = delete;
  TemplateReads& operator=(const TemplateReads&) = delete;

  // NOT_FOUND / TEMPLATE_NOT_FOUND, INVALID_FIELD for one that no session can be made from.
  void Read(const std::string& ns, const std::string& name, Done done);

 private:
  struct Waiting {
    std::vector<Done> now;   // of the read in flight
    std::vector<Done> next;  // bounded by the writes in flight: each waits for its create
  };

  void Start(const std::string& ns, const std::string& name);

  kube::KubeClient& kube_;
  std::map<std::string, Waiting> waiting_;  // by path
  const std::shared_ptr<char> alive_ = std::make_shared<char>();
};

}  // namespace spawner::core

#endif  // SPAWNER_CONTROLLER_CORE_TEMPLATE_READS_H_
