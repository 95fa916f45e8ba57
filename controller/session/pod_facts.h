#ifndef SPAWNER_CONTROLLER_SESSION_POD_FACTS_H_
#define SPAWNER_CONTROLLER_SESSION_POD_FACTS_H_

#include <cstdint>
#include <optional>
#include <string>

#include "controller/kube/pod.h"
#include "controller/session/session.h"

// What a pod's status means to a session. Pure.
namespace spawner {

struct Cause {
  EndReason reason = EndReason::kInternal;
  std::string message;
};

// Why the backend is over, as far as the pod's status says; nullopt while it runs or will.
std::optional<Cause> FindBackendEnd(const kube::PodState& pod);

// Why a pod with a deletionTimestamp that is not ours is being deleted.
Cause FindDeletionCause(const kube::PodState& pod);

// No process of it is left, and none will come.
bool IsStopped(const kube::PodState& pod);

// Of the backend's container.
std::optional<int32_t> FindExitCode(const kube::PodState& pod);

StartPhase FindStartPhase(const kube::PodState& pod);

struct ImageError {
  bool is_final = false;  // trying again can't help
  std::string message;
};
std::optional<ImageError> FindImageError(const kube::PodState& pod);

// What it is waiting for, for people; empty if the pod says nothing.
std::string FindWaitingMessage(const kube::PodState& pod);

// The node controller has marked the pod as not ready while its kubelet's last word was "ready":
// the kubelet is silent.
bool IsNodeSilent(const kube::PodState& pod);

}  // namespace spawner

#endif  // SPAWNER_CONTROLLER_SESSION_POD_FACTS_H_
