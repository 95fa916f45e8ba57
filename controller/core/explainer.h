#ifndef SPAWNER_CONTROLLER_CORE_EXPLAINER_H_
#define SPAWNER_CONTROLLER_CORE_EXPLAINER_H_

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "base/clock.h"
#include "base/ids.h"
#include "controller/core/explanation.h"
#include "controller/core/feature.h"
#include "controller/core/incarnation.h"
#include "controller/core/table.h"
#include "controller/kube/pod_event.h"
#include "controller/route/inspect.h"

namespace spawner::core {

// Why a session is alive, or ended: what the core knows, with what proxies and Kubernetes say when
// they are asked. Nothing is asked of them but for a call of Explain.
// Thread: the loop's. Owner: Core.
class Explainer final : public Feature {
 public:
  explicit Explainer(Table& table) : table_(table) {}

  // Answers within kEventsWaitMax. SESSION_NOT_FOUND; RESOURCE_EXHAUSTED / RATE_LIMITED if
  // kExplainsMax are under way.
  void Explain(absl::string_view ns, const SessionId& id, Epoch epoch, ExplainDone done);

  void OnProxy(uint64_t link, const route::FromProxy& message, Instant now) override;
  void Step(Instant now) override;
  Instant NextWake() const override;

 private:
  struct Question {
    SessionId id;
    Epoch epoch;
    ExplainDone done;
    std::set<uint64_t> asked;  // links that have not answered
    std::map<uint64_t, std::vector<route::InspectedConnection>> connections;  // by link
    std::optional<absl::StatusOr<std::vector<kube::PodEvent>>> events;        // nothing: asked
    Instant proxies_by;
    Instant events_by;
  };

  void AskProxies(const Incarnation& incarnation, uint64_t sequence, Question& question);
  void AskForEvents(const Incarnation& incarnation, uint64_t sequence, Question& question);
  void OnEvents(uint64_t sequence, const absl::StatusOr<std::string>& json);
  bool IsComplete(const Question& question, Instant now) const;
  void Finish(uint64_t sequence, Instant now);
  Explanation Compose(const Incarnation& incarnation, Question& question, Instant now) const;

  Table& table_;
  uint64_t last_sequence_ = 0;
  std::map<uint64_t, Question> questions_;  // by the sequence that proxies are asked with
};

}  // namespace spawner::core

#endif  // SPAWNER_CONTROLLER_CORE_EXPLAINER_H_
