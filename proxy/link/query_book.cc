#include "proxy/link/query_book.h"

#include "proxy/link/limits.h"

namespace spawner::proxy {

bool QueryBook::Add(const std::string& session_id, Instant now) {
  ForgetOld(now);
  if (waiting_.contains(session_id)) return true;
  if (waiting_.size() >= kQueriesMax) return false;
  waiting_.emplace(session_id, now);
  by_age_.emplace_back(session_id, now);
  to_ask_.push_back(session_id);
  return true;
}

void QueryBook::ForgetOld(Instant now) {
  while (!by_age_.empty()) {
    const auto& [id, since] = by_age_.front();
    const auto it = waiting_.find(id);
    const bool is_answered = it == waiting_.end() || it->second != since;
    if (!is_answered && since + kQueryForget > now) break;
    if (!is_answered) waiting_.erase(it);
    by_age_.pop_front();
  }
  if (by_age_.size() < 2 * kQueriesMax) return;
  // Answered ones behind an old one that is not.
  std::deque<std::pair<std::string, Instant>> unanswered;
  for (auto& line : by_age_) {
    const auto it = waiting_.find(line.first);
    if (it != waiting_.end() && it->second == line.second) unanswered.push_back(std::move(line));
  }
  by_age_ = std::move(unanswered);
}

void QueryBook::Apply(const RouteChange& change) {
  if (waiting_.empty()) return;
  for (const Route& route : change.routes) waiting_.erase(route.session_id);
  for (const std::string& id : change.unknown) waiting_.erase(id);
}

void QueryBook::BeginLink() {
  to_ask_.clear();
  for (const auto& [id, since] : by_age_) {
    const auto it = waiting_.find(id);
    if (it != waiting_.end() && it->second == since) to_ask_.push_back(id);
  }
}

std::optional<std::string> QueryBook::Take() {
  while (!to_ask_.empty()) {
    std::string id = std::move(to_ask_.front());
    to_ask_.pop_front();
    if (waiting_.contains(id)) return id;
  }
  return std::nullopt;
}

}  // namespace spawner::proxy
