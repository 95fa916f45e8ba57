#ifndef SPAWNER_CONTROLLER_LOCAL_API_SERVER_H_
#define SPAWNER_CONTROLLER_LOCAL_API_SERVER_H_

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/random.h"
#include "controller/local/api_error.h"
#include "controller/local/api_path.h"
#include "controller/local/object_store.h"

namespace spawner::local {

// The verbs of the Kubernetes API on the objects of a store, each answered at once and as
// kube-apiserver 1.34 answers. Watches and logs are not here: they are streams.
// Thread: one. Owner: LocalKubernetes.
class ApiServer {
 public:
  // Says what of a new pod the runtime can't do.
  using PodCheck = std::function<void(const Json& pod, std::vector<FieldFault>& faults)>;

  ApiServer(ObjectStore& store, const Clock& clock, Random& random, PodCheck pod_check);
  ApiServer(const ApiServer&) = delete;
  ApiServer& operator=(const ApiServer&) = delete;

  ApiResult<Json> Get(const ApiPath& path) const;
  ApiResult<Json> List(const ApiPath& path) const;
  ApiResult<Json> Create(const ApiPath& path, absl::string_view body);
  ApiResult<Json> Replace(const ApiPath& path, absl::string_view body);
  ApiResult<Json> MergePatch(const ApiPath& path, absl::string_view body);
  ApiResult<Json> Delete(const ApiPath& path, absl::string_view body);

  // For the kubelet: writes a pod's new state if it differs, or if the pod is being deleted and
  // `is_stopped`, ends its grace: it goes, unless finalizers hold it.
  void WritePod(const ObjectKey& key, Json pod, bool is_stopped);

 private:
  // Checks and writes `object` as the successor of `before`.
  ApiResult<Json> Update(const ApiPath& path, const Json& before, Json object);
  // Starts or shortens the deletion of a pod.
  ApiResult<Json> DeletePod(const ObjectKey& key, Json pod, std::optional<int64_t> grace_seconds);
  // Removes the object, or marks it if finalizers hold it.
  Object DeleteNow(const ObjectKey& key, Json object);
  std::string NewUid();

  ObjectStore& store_;
  const Clock& clock_;
  Random& random_;
  const PodCheck pod_check_;
};

}  // namespace spawner::local

#endif  // SPAWNER_CONTROLLER_LOCAL_API_SERVER_H_
