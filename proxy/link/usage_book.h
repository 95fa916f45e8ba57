#ifndef SPAWNER_PROXY_LINK_USAGE_BOOK_H_
#define SPAWNER_PROXY_LINK_USAGE_BOOK_H_

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "base/clock.h"
#include "proxy/route/route.h"
#include "spawner/v1/proxy_link.pb.h"

namespace spawner::proxy {

// The proxy's absolute totals: what each worker last reported, summed.
// Thread: main. Owner: Link.
class UsageBook {
 public:
  explicit UsageBook(int workers) : workers_(workers) {}

  void Update(int worker, const std::vector<SessionTotals>& totals);
  // Sessions without a route, and epochs that a newer one replaced, are forgotten once nothing is
  // open and that has been reported.
  void Apply(const RouteChange& change);

  // Every session there is a total of, `complete`: for Hello. Whoever gets it may be new, and may
  // refuse it: so the next one names the same again.
  v1::Usage TakeComplete(Instant now);
  // Sessions whose open count left or reached zero since they were last reported.
  bool IsUrgent() const { return !urgent_.empty(); }
  v1::Usage TakeUrgent(Instant now);
  // Sessions with any change. Both at most kUsageSessionsMax; the rest stays due.
  bool HasChanges() const { return !changed_.empty(); }
  v1::Usage TakeChanged(Instant now);

  size_t size() const { return sums_.size(); }
  int64_t open() const { return open_; }

 private:
  using Key = std::pair<std::string, uint64_t>;  // session id, epoch
  struct Part {
    int64_t open = 0;
    int64_t held = 0;
    uint64_t opened_total = 0;
    uint64_t bytes_total = 0;
    Instant last_active;
  };
  struct Sum {
    std::vector<Part> by_worker;
    bool was_open = false;  // as last reported
  };
  using Sums = std::map<Key, Sum>;

  static bool IsOpen(const Sum& sum);
  bool IsOver(const Key& key) const;
  void Report(const Key& key, Instant now, v1::Usage& usage);
  void ForgetIfOver(const std::string& session_id);

  const int workers_;
  Sums sums_;
  std::set<Key> changed_;
  std::set<Key> urgent_;  // within changed_
  int64_t open_ = 0;
  absl::flat_hash_map<std::string, uint64_t> routed_;  // session id -> epoch
};

}  // namespace spawner::proxy

#endif  // SPAWNER_PROXY_LINK_USAGE_BOOK_H_
