#ifndef SPAWNER_CONTROLLER_CORE_PREPARATION_H_
#define SPAWNER_CONTROLLER_CORE_PREPARATION_H_

#include <functional>

#include "absl/status/status.h"
#include "controller/core/claims.h"
#include "controller/core/incarnation.h"
#include "controller/core/table.h"
#include "controller/core/template_reads.h"

namespace spawner::core {

// What an incarnation needs before its pod can be created: its template read and merged, and its
// volume claims. Nothing at all for most.
// Thread: the loop's. Owner: Core.
class Preparation {
 public:
  Preparation(Table& table, Claims& claims)
      : table_(table), claims_(claims), templates_(table.client) {}
  Preparation(const Preparation&) = delete;
  Preparation& operator=(const Preparation&) = delete;

  static bool IsNeeded(const Incarnation& incarnation);
  // Fills in incarnation.create_json, and its spec with what the template has. `done` may come from
  // within the call; the incarnation may be gone by then. UNAVAILABLE: try again; any other error
  // is the caller's to know: TEMPLATE_NOT_FOUND, INVALID_FIELD.
  void Prepare(const Incarnation& incarnation, std::function<void(absl::Status)> done);

 private:
  absl::Status TakeTemplate(Incarnation& incarnation, const SessionTemplate& from);

  Table& table_;
  Claims& claims_;
  TemplateReads templates_;
};

}  // namespace spawner::core

#endif  // SPAWNER_CONTROLLER_CORE_PREPARATION_H_
