#include "controller/kube/lease_object.h"

#include <map>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "base/time_text.h"

namespace spawner::kube {

std::string LeasesPath(absl::string_view ns) {
  return absl::StrCat("/apis/coordination.k8s.io/v1/namespaces/", ns, "/leases");
}

LeaseObject LeaseObject::New(absl::string_view ns, absl::string_view name) {
  return LeaseObject({{"apiVersion", "coordination.k8s.io/v1"},
                      {"kind", "Lease"},
                      {"metadata", {{"namespace", std::string(ns)}, {"name", std::string(name)}}}});
}

absl::StatusOr<LeaseObject> LeaseObject::Decode(absl::string_view json) {
  ASSIGN_OR_RETURN(Json document, ParseJson(json));
  LeaseObject lease(std::move(document));
  const absl::Status status = lease.Read();
  if (!status.ok()) return Annotate(status, "lease");
  return lease;
}

absl::Status LeaseObject::Read() {
  absl::Status error;
  const JsonReader reader(document_, "", error);
  const JsonReader metadata = reader.Object("metadata");
  const JsonReader spec = reader.Object("spec");
  // Our writes' precondition, and what each renewal changes even where the wall clock stands still.
  beat_ = metadata.RequiredString("resourceVersion");
  holder_ = spec.String("holderIdentity");
  transitions_ = spec.Int("leaseTransitions").value_or(0);
  if (const std::optional<int64_t> seconds = spec.Int("leaseDurationSeconds")) {
    duration_ = absl::Seconds(*seconds);
  }
  const std::map<std::string, std::string> annotations = metadata.StringMap("annotations");
  if (const auto it = annotations.find(kLeadershipAnnotation); it != annotations.end()) {
    if (!absl::SimpleAtoi(it->second, &leadership_)) leadership_ = 0;
  }
  return error;
}

std::string LeaseObject::Annotation(const char* key) const {
  absl::Status ignored;
  const JsonReader reader(document_, "", ignored);
  return reader.Object("metadata").Object("annotations").String(key);
}

void LeaseObject::SetHolder(const Holder& holder) {
  Json& spec = document_["spec"];
  const std::string now = FormatRfc3339Micros(holder.now);
  if (holder.is_acquisition) {
    spec["acquireTime"] = now;
    spec["leaseTransitions"] = transitions_ + 1;
  }
  spec["holderIdentity"] = holder.identity;
  spec["renewTime"] = now;
  spec["leaseDurationSeconds"] = absl::ToInt64Seconds(holder.duration);
}

void LeaseObject::SetAnnotation(const char* key, const std::string& value) {
  document_["metadata"]["annotations"][key] = value;
}

}  // namespace spawner::kube
