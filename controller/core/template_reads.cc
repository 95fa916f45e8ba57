#include "controller/core/template_reads.h"

#include <utility>

#include "base/status.h"
#include "controller/core/templates.h"

namespace spawner::core {
namespace {

absl::StatusOr<SessionTemplate> ReadAnswer(const std::string& ns, const std::string& name,
                                           const absl::StatusOr<std::string>& answer) {
  if (absl::IsNotFound(answer.status())) return TemplateNotFound(ns, name);
  if (!answer.ok()) return answer.status();
  return ParseSessionTemplate(*answer);
}

}  // namespace

void TemplateReads::Read(const std::string& ns, const std::string& name, Done done) {
  Waiting& waiting = waiting_[TemplatePath(ns, name)];
  waiting.next.push_back(std::move(done));
  if (waiting.now.empty()) Start(ns, name);
}

void TemplateReads::Start(const std::string& ns, const std::string& name) {
  const std::string path = TemplatePath(ns, name);
  Waiting& waiting = waiting_[path];
  waiting.now = std::exchange(waiting.next, {});
  const std::weak_ptr<char> alive = alive_;
  kube_.GetObject(path, [this, alive, ns, name, path](const absl::StatusOr<std::string>& answer) {
    if (alive.expired()) return;
    const absl::StatusOr<SessionTemplate> read = ReadAnswer(ns, name, answer);
    const auto found = waiting_.find(path);
    const std::vector<Done> done = std::exchange(found->second.now, {});
    if (found->second.next.empty()) {
      waiting_.erase(found);
    } else {
      Start(ns, name);
    }
    for (const Done& tell : done) tell(read);
  });
}

}  // namespace spawner::core
