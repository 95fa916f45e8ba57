#ifndef SPAWNER_PROXY_FLEET_QUESTIONS_H_
#define SPAWNER_PROXY_FLEET_QUESTIONS_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "base/mailbox.h"
#include "proxy/fleet.h"
#include "proxy/forward/inspection.h"

namespace spawner::proxy {

// Asks every worker what it has in use, and answers once all have said so.
// Thread: main; workers only post. Owner: main, DebugConnections, LinkInspections; outlives the
// workers.
class FleetQuestions {
 public:
  // `wake` ends main's wait, from any thread. Of more than `most` questions the oldest is given up.
  FleetQuestions(std::function<void()> wake, size_t most)
      : most_(most), replies_(std::move(wake)) {}

  // `session`: only what is its; empty: everything. `oldest`: as InspectOrder's.
  void Ask(uint64_t ticket, std::string session, size_t oldest, Fleet& fleet);
  // Once a turn: calls `answer` for each ticket that is complete.
  void Turn(const std::function<void(uint64_t ticket, std::vector<Inspection>)>& answer);

 private:
  struct Question {
    uint64_t ticket;
    size_t workers;
    std::vector<Inspection> inspections;
  };

  const size_t most_;
  Mailbox<std::pair<uint64_t, Inspection>> replies_;
  std::vector<Question> questions_;
};

}  // namespace spawner::proxy

#endif  // SPAWNER_PROXY_FLEET_QUESTIONS_H_
