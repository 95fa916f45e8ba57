#ifndef SPAWNER_CONTROLLER_CORE_PODS_H_
#define SPAWNER_CONTROLLER_CORE_PODS_H_

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/clock.h"
#include "controller/core/incarnation.h"
#include "controller/core/table.h"
#include "controller/kube/pod.h"
#include "controller/kube/pod_reflector.h"
#include "controller/session/pod_template.h"

namespace spawner::core {

// What Kubernetes says: pods into the table.
// Thread: the loop's. Owner: Core.
class Pods {
 public:
  explicit Pods(Table& table);
  ~Pods();
  Pods(const Pods&) = delete;
  Pods& operator=(const Pods&) = delete;

  // Gets the pods of one of the options' namespaces.
  kube::PodHandler& HandlerOf(const std::string& ns);
  // Also the answer to a write of our own.
  void OnChanged(kube::Pod pod, bool is_from_watch);

 private:
  class Feed;

  void OnListed(const std::string& ns, std::vector<kube::Pod> pods);
  void OnGone(const kube::Pod& pod);
  Incarnation* FindByPod(const kube::Pod& pod);
  Incarnation& Adopt(const IdentifiedPod& pod, Instant now);

  Table& table_;
  std::map<std::string, std::unique_ptr<Feed>> feeds_;
};

}  // namespace spawner::core

#endif  // SPAWNER_CONTROLLER_CORE_PODS_H_
