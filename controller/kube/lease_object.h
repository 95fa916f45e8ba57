#ifndef SPAWNER_CONTROLLER_KUBE_LEASE_OBJECT_H_
#define SPAWNER_CONTROLLER_KUBE_LEASE_OBJECT_H_

#include <cstdint>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "base/json.h"

namespace spawner::kube {

inline constexpr char kLeadershipAnnotation[] = "spawner.dev/leadership";
inline constexpr char kLeaderAddressAnnotation[] = "spawner.dev/leader-address";
inline constexpr char kProxiesAnnotation[] = "spawner.dev/proxies";

// "/apis/coordination.k8s.io/v1/namespaces/NS/leases".
std::string LeasesPath(absl::string_view ns);

// A coordination.k8s.io/v1 Lease as the API server has it, what others wrote into it included.
// https://kubernetes.io/docs/reference/kubernetes-api/cluster-resources/lease-v1/
class LeaseObject {
 public:
  struct Holder {
    std::string identity;  // empty: free to take
    absl::Duration duration;
    absl::Time now;  // wall time: for people; nobody compares it with a clock
    bool is_acquisition = false;
  };

  static LeaseObject New(absl::string_view ns, absl::string_view name);
  // INVALID_ARGUMENT names what is missing or of a wrong type.
  static absl::StatusOr<LeaseObject> Decode(absl::string_view json);

  std::string Encode() const { return JsonText(document_); }

  const std::string& holder() const { return holder_; }
  std::optional<absl::Duration> duration() const { return duration_; }
  // Of annotation spawner.dev/leadership; 0 without a readable one.
  uint32_t leadership() const { return leadership_; }
  std::string Annotation(const char* key) const;
  // Differs after each write of anybody's: a write by others only delays a takeover.
  const std::string& beat() const { return beat_; }

  void SetHolder(const Holder& holder);
  void SetAnnotation(const char* key, const std::string& value);

 private:
  explicit LeaseObject(Json document) : document_(std::move(document)) {}
  absl::Status Read();

  Json document_;  // an object; metadata and spec, where present, are too
  std::string holder_;
  std::optional<absl::Duration> duration_;
  uint32_t leadership_ = 0;
  int64_t transitions_ = 0;
  std::string beat_;
};

}  // namespace spawner::kube

#endif  // SPAWNER_CONTROLLER_KUBE_LEASE_OBJECT_H_
