#include "proxy/fleet_questions.h"

#include <algorithm>

namespace spawner::proxy {

void FleetQuestions::Ask(uint64_t ticket, std::string session, size_t oldest, Fleet& fleet) {
  // Who asked may have left before the workers answered.
  if (questions_.size() >= most_) questions_.erase(questions_.begin());
  const size_t workers = fleet.Inspect({.session = std::move(session),
                                        .oldest = oldest,
                                        .reply = [this, ticket](Inspection inspection) {
                                          replies_.Post({ticket, std::move(inspection)});
                                        }});
  questions_.push_back({.ticket = ticket, .workers = workers, .inspections = {}});
}

void FleetQuestions::Turn(const std::function<void(uint64_t, std::vector<Inspection>)>& answer) {
  for (auto& [ticket, inspection] : replies_.Drain()) {
    const auto it = std::find_if(questions_.begin(), questions_.end(),
                                 [id = ticket](const Question& q) { return q.ticket == id; });
    if (it == questions_.end()) continue;
    it->inspections.push_back(std::move(inspection));
    if (it->inspections.size() < it->workers) continue;
    std::vector<Inspection> inspections = std::move(it->inspections);
    questions_.erase(it);
    answer(ticket, std::move(inspections));
  }
}

}  // namespace spawner::proxy
