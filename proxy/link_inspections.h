#ifndef SPAWNER_PROXY_LINK_INSPECTIONS_H_
#define SPAWNER_PROXY_LINK_INSPECTIONS_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <utility>
#include <vector>

#include "proxy/fleet.h"
#include "proxy/fleet_questions.h"
#include "proxy/forward/inspection.h"
#include "proxy/link/inspect_book.h"
#include "proxy/link/limits.h"
#include "spawner/v1/proxy_link.pb.h"

namespace spawner::proxy {

// What the controller asks over the link, answered by the workers.
// Thread: main. Owner: main; outlives the workers.
class LinkInspections {
 public:
  // `wake` ends main's wait, from any thread.
  explicit LinkInspections(std::function<void()> wake)
      : questions_(std::move(wake), kInspectsMax) {}

  void Ask(const InspectAsked& asked, Fleet& fleet);
  // Once a turn: calls `answer` for each question that all workers have answered.
  void Turn(const std::function<void(uint64_t stream, v1::Inspected)>& answer);

 private:
  FleetQuestions questions_;
  uint64_t last_ticket_ = 0;
  std::map<uint64_t, InspectAsked> asked_;  // by ticket; as many as questions_ keeps
};

// Of all workers, the `most` that are open longest, the oldest first.
v1::Inspected InspectedOf(const std::vector<Inspection>& inspections, size_t most);

}  // namespace spawner::proxy

#endif  // SPAWNER_PROXY_LINK_INSPECTIONS_H_
