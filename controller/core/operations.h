#ifndef SPAWNER_CONTROLLER_CORE_OPERATIONS_H_
#define SPAWNER_CONTROLLER_CORE_OPERATIONS_H_

#include <string>

#include "controller/kube/kube_client.h"

namespace spawner::core {

// What Admin.Diagnose and Admin.Uninstall ask Kubernetes with.
struct Operations {
  kube::KubeClient* kube = nullptr;
  std::string system_namespace;  // of our Lease and our keys
  bool is_local = false;
  // What the configuration of who may call makes us need.
  bool reviews_tokens = false;    // TokenReview
  bool reviews_access = false;    // SubjectAccessReview
  std::string token_secret = {};  // with static tokens; empty: none
};

}  // namespace spawner::core

#endif  // SPAWNER_CONTROLLER_CORE_OPERATIONS_H_
