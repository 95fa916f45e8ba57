#include "controller/session/shared_spec.h"

#include <algorithm>
#include <string>
#include <utility>

#include "base/crypto.h"
#include "base/status.h"

namespace spawner {

SharedSpec::SharedSpec() {
  static const auto* const defaults =
      new std::shared_ptr<SessionSpec>(std::make_shared<SessionSpec>());
  spec_ = *defaults;
}

SharedSpec::SharedSpec(SessionSpec spec) : spec_(std::make_shared<SessionSpec>(std::move(spec))) {}

absl::StatusOr<SharedSpec> SpecPool::Decode(absl::string_view json) {
  const std::string hash = Sha256(json);
  Digest digest;
  std::copy_n(hash.begin(), digest.size(), digest.begin());
  const auto found = specs_.find(digest);
  if (found != specs_.end()) {
    if (auto spec = found->second.lock(); spec != nullptr) return SharedSpec(std::move(spec));
  }
  ASSIGN_OR_RETURN(SessionSpec decoded, DecodeSpec(json));
  SharedSpec spec(std::move(decoded));
  specs_[digest] = spec.spec_;
  if (specs_.size() >= purge_at_) {
    absl::erase_if(specs_, [](const auto& entry) { return entry.second.expired(); });
    purge_at_ = std::max<size_t>(64, 2 * specs_.size());
  }
  return spec;
}

}  // namespace spawner
