#ifndef SPAWNER_CONTROLLER_CORE_TEMPLATE_STORE_H_
#define SPAWNER_CONTROLLER_CORE_TEMPLATE_STORE_H_

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

// What the edge asks for pod templates. All on the loop's thread; no answer comes from within a
// call. Any controller answers, leader or not. Templates implements it; the edge's tests fake it.
namespace spawner::core {

struct TemplateView {
  std::string name;
  std::string json;  // the PodTemplate
  std::string etag;  // its resourceVersion
  int32_t pool_size = 0;
};

struct TemplatePage {
  std::vector<TemplateView> templates;
  std::string next_page_token;
};

struct ApplyTemplateParams {
  std::string ns;
  std::string name;
  std::string json;  // a PodTemplate; its metadata.name and namespace may be left out
  std::string etag;  // empty: whatever is there
  bool validate_only = false;
};

class TemplateStore {
 public:
  using ViewDone = std::function<void(absl::StatusOr<TemplateView>)>;

  virtual ~TemplateStore() = default;
  // OUT_OF_RANGE / VERSION_EXPIRED for a page token that is too old, INVALID_FIELD for one that is
  // none.
  virtual void List(absl::string_view ns, int page_size, absl::string_view page_token,
                    std::function<void(absl::StatusOr<TemplatePage>)> done) = 0;
  // NOT_FOUND / TEMPLATE_NOT_FOUND, also for a PodTemplate without our label.
  virtual void Get(absl::string_view ns, absl::string_view name, ViewDone done) = 0;
  // INVALID_FIELD in the API server's words; ABORTED / ETAG_MISMATCH.
  virtual void Apply(ApplyTemplateParams params, ViewDone done) = 0;
  virtual void Delete(absl::string_view ns, absl::string_view name, std::string etag,
                      std::function<void(absl::Status)> done) = 0;
};

}  // namespace spawner::core

#endif  // SPAWNER_CONTROLLER_CORE_TEMPLATE_STORE_H_
