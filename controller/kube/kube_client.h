#ifndef SPAWNER_CONTROLLER_KUBE_KUBE_CLIENT_H_
#define SPAWNER_CONTROLLER_KUBE_KUBE_CLIENT_H_

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "controller/kube/pod.h"

namespace spawner::kube {

struct DeleteOptions {
  // Preconditions; empty: none.
  std::string uid;
  std::string resource_version;
  std::optional<int64_t> grace_seconds;
};

// The writes and single reads that Spawner makes, each one HTTP request and one answer, on the
// loop's thread. Watches are PodReflector's. Errors carry the code that their HTTP status means:
//   400, 422 INVALID_ARGUMENT; 401 UNAUTHENTICATED; 403 PERMISSION_DENIED (names verb and
//   resource); 404 NOT_FOUND; 409 ALREADY_EXISTS (create) or ABORTED (precondition), and so is the
//   422 of a patch with another's uid; 410 OUT_OF_RANGE; 429 RESOURCE_EXHAUSTED with RetryAfter;
//   5xx and no answer UNAVAILABLE / KUBERNETES_UNREACHABLE.
// No call retries by itself; callers are level-based. A callback is never run from within the call.
class KubeClient {
 public:
  using PodDone = std::function<void(absl::StatusOr<Pod>)>;
  // The object's JSON text.
  using ObjectDone = std::function<void(absl::StatusOr<std::string>)>;

  virtual ~KubeClient() = default;
  virtual void CreatePod(absl::string_view ns, std::string json, PodDone done) = 0;
  // JSON merge patch (RFC 7386). metadata.resourceVersion (409 if it is not the pod's) and
  // metadata.uid (to the API server a change of what can't change: 422) in it are preconditions:
  // both ABORTED.
  virtual void PatchPod(absl::string_view ns, absl::string_view name, std::string merge_patch,
                        PodDone done) = 0;
  // A pod that is gone already is NOT_FOUND; a uid that does not match ABORTED.
  virtual void DeletePod(absl::string_view ns, absl::string_view name, DeleteOptions options,
                         std::function<void(absl::Status)> done) = 0;
  // Any object by its API path: "/api/v1/namespaces/a/podtemplates/b", leases, secrets.
  virtual void GetObject(std::string path, ObjectDone done) = 0;
  // POST to the collection `path`.
  virtual void CreateObject(std::string path, std::string json, ObjectDone done) = 0;
  // PUT; metadata.resourceVersion in `json` is the precondition (ABORTED).
  virtual void ReplaceObject(std::string path, std::string json, ObjectDone done) = 0;
  // As DeletePod.
  virtual void DeleteObject(std::string path, DeleteOptions options,
                            std::function<void(absl::Status)> done) = 0;
};

}  // namespace spawner::kube

#endif  // SPAWNER_CONTROLLER_KUBE_KUBE_CLIENT_H_
