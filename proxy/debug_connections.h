#ifndef SPAWNER_PROXY_DEBUG_CONNECTIONS_H_
#define SPAWNER_PROXY_DEBUG_CONNECTIONS_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"
#include "proxy/fleet.h"
#include "proxy/fleet_questions.h"
#include "proxy/forward/inspection.h"
#include "proxy/http/answer.h"

namespace spawner::proxy {

// /debug/connections: asks every worker what it has in use, and answers once all have said so.
// Thread: main; workers only post. Owner: main; outlives the workers.
class DebugConnections {
 public:
  // `wake` ends main's wait, from any thread.
  explicit DebugConnections(std::function<void()> wake)
      : questions_(std::move(wake), kQuestionsMax) {}

  // `session`: only what is its; empty: everything.
  void Ask(uint64_t ticket, std::string session, Fleet& fleet);
  // Once a turn: calls `answer` for each ticket that is complete.
  void Turn(const std::function<void(uint64_t ticket, const Answer& answer)>& answer);

 private:
  // Each keeps up to kInspectedMax lines of every worker.
  static constexpr size_t kQuestionsMax = 4;

  FleetQuestions questions_;
};

// JSON; the oldest first.
std::string RenderInspections(std::vector<Inspection> inspections);

}  // namespace spawner::proxy

#endif  // SPAWNER_PROXY_DEBUG_CONNECTIONS_H_
