#ifndef SPAWNER_CONTROLLER_CORE_TEMPLATES_H_
#define SPAWNER_CONTROLLER_CORE_TEMPLATES_H_

#include <functional>
#include <memory>
#include <string>

#include "controller/core/template_store.h"
#include "controller/kube/kube_client.h"

namespace spawner::core {

// "/api/v1/namespaces/{ns}/podtemplates/{name}".
std::string TemplatePath(absl::string_view ns, absl::string_view name);

// Pod templates, straight from the API server and to it: nothing is kept here. An Apply costs a
// read, two dry runs (of the template, of a pod made from it) and a write.
// Thread: the loop's. Owner: main(). `kube` outlives it.
class Templates final : public TemplateStore {
 public:
  explicit Templates(kube::KubeClient& kube) : kube_(kube) {}
  Templates(const Templates&) = delete;
  Templates& operator=(const Templates&) = delete;

  void List(absl::string_view ns, int page_size, absl::string_view page_token,
            std::function<void(absl::StatusOr<TemplatePage>)> done) override;
  void Get(absl::string_view ns, absl::string_view name, ViewDone done) override;
  void Apply(ApplyTemplateParams params, ViewDone done) override;
  void Delete(absl::string_view ns, absl::string_view name, std::string etag,
              std::function<void(absl::Status)> done) override;

 private:
  struct Applying;
  using ApplyingPtr = std::shared_ptr<Applying>;

  // The steps of an Apply, each after the one before has been answered.
  void Prepare(const ApplyingPtr& apply, const absl::StatusOr<std::string>& found);
  void Write(const ApplyingPtr& apply, bool is_dry, kube::KubeClient::ObjectDone done);
  void TryPod(const ApplyingPtr& apply, const std::string& checked);

  kube::KubeClient& kube_;
};

}  // namespace spawner::core

#endif  // SPAWNER_CONTROLLER_CORE_TEMPLATES_H_
