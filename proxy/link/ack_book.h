#ifndef SPAWNER_PROXY_LINK_ACK_BOOK_H_
#define SPAWNER_PROXY_LINK_ACK_BOOK_H_

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/ids.h"
#include "proxy/route/route.h"
#include "spawner/v1/proxy_link.pb.h"

namespace spawner::proxy {

// Which worker has applied what. A version is acknowledged when every worker has applied it; the
// gate counts of the workers are summed then, never before.
// Thread: main. Owner: Link.
class AckBook {
 public:
  explicit AckBook(int workers) : next_(workers, 0) {}

  // A change that went to every worker just now. Changes without a version need no ack.
  void Posted(const RouteChange& change);
  // A worker applies its changes in the order they were posted.
  void Applied(int worker, RouteVersion version, const std::vector<GateCount>& gates);

  // A new link. The same leader gets the newest ack again, with the counts of all gates that are
  // still closed: the last ack may have been lost with the old link. Another leader's log starts
  // over.
  void BeginLink(uint32_t leadership);

  // What is to be acknowledged on this link and has not been: the newest version that every worker
  // has applied, with all counts up to it. Several versions may share one ack.
  bool IsDue() const;
  std::optional<v1::Ack> Take();

  // Changes that some worker has not applied.
  size_t unapplied() const { return posted_.size(); }

 private:
  struct Change {
    RouteVersion version;
    int workers_left;
    std::map<std::string, GateCount> gates;
  };

  void Complete(const Change& change);
  void ForgetGate(const std::string& session_id);

  std::deque<Change> posted_;
  uint64_t first_ = 0;          // serial number of posted_.front()
  std::vector<uint64_t> next_;  // by worker: serial number of the change it applies next
  uint32_t leadership_ = 0;
  std::optional<RouteVersion> completed_;  // newest, of this leader
  std::optional<RouteVersion> acked_;      // on this link
  std::vector<GateCount> due_;
  // Sessions whose gate is closed by the newest change posted: the version that closed it, and the
  // count once every worker has taken it.
  std::map<std::string, uint64_t> closed_;
  std::map<std::string, GateCount> standing_;
};

}  // namespace spawner::proxy

#endif  // SPAWNER_PROXY_LINK_ACK_BOOK_H_
