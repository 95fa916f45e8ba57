#include "proxy/link/inspect_book.h"

#include <algorithm>

#include "proxy/link/limits.h"

namespace spawner::proxy {

void InspectBook::Ask(uint64_t stream, const v1::Inspect& question) {
  if (asked_.size() >= kInspectsMax) asked_.pop_front();
  const int32_t most = std::clamp(question.connections_max(), 1, kInspectedConnectionsMax);
  asked_.push_back({.stream = stream,
                    .sequence = question.sequence(),
                    .session_id = question.session_id(),
                    .connections_max = static_cast<size_t>(most)});
}

std::vector<InspectAsked> InspectBook::TakeAsked() {
  std::vector<InspectAsked> asked(asked_.begin(), asked_.end());
  asked_.clear();
  return asked;
}

void InspectBook::Answer(v1::Inspected answer) {
  if (answers_.size() >= kInspectsMax) answers_.pop_front();
  answers_.push_back(std::move(answer));
}

std::optional<v1::Inspected> InspectBook::TakeAnswer() {
  if (answers_.empty()) return std::nullopt;
  v1::Inspected answer = std::move(answers_.front());
  answers_.pop_front();
  return answer;
}

void InspectBook::BeginLink() {
  asked_.clear();
  answers_.clear();
}

}  // namespace spawner::proxy
