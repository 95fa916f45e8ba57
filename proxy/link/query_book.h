#ifndef SPAWNER_PROXY_LINK_QUERY_BOOK_H_
#define SPAWNER_PROXY_LINK_QUERY_BOOK_H_

#include <cstddef>
#include <deque>
#include <optional>
#include <string>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "base/clock.h"
#include "proxy/route/route.h"

namespace spawner::proxy {

// Ids that workers asked for: each is asked once per link until it is answered.
// Thread: main. Owner: Link.
class QueryBook {
 public:
  // False if kQueriesMax ids wait already.
  bool Add(const std::string& session_id, Instant now);
  // Routes and negative answers are answers.
  void Apply(const RouteChange& change);
  // Asks everything again.
  void BeginLink();
  bool IsDue() const { return !to_ask_.empty(); }
  std::optional<std::string> Take();
  size_t waiting() const { return waiting_.size(); }

 private:
  void ForgetOld(Instant now);

  absl::flat_hash_map<std::string, Instant> waiting_;   // id -> asked first
  std::deque<std::pair<std::string, Instant>> by_age_;  // with answered ones: at most twice as many
  std::deque<std::string> to_ask_;
};

}  // namespace spawner::proxy

#endif  // SPAWNER_PROXY_LINK_QUERY_BOOK_H_
