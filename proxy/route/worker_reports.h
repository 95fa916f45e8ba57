#ifndef SPAWNER_PROXY_ROUTE_WORKER_REPORTS_H_
#define SPAWNER_PROXY_ROUTE_WORKER_REPORTS_H_

#include <cstdint>
#include <string>
#include <vector>

#include "base/ids.h"
#include "proxy/route/busy.h"
#include "proxy/route/route.h"
#include "proxy/route/token_use.h"

namespace spawner::proxy {

// What a worker tells main.
// Thread: called on the worker's; an implementation only posts to main's mailbox. Owner: main.
class WorkerReports {
 public:
  virtual ~WorkerReports() = default;

  // The change of `version` is applied. One count for each route of it that is kGated and was not
  // refused for its epoch, also where nothing is open.
  virtual void OnApplied(int worker, RouteVersion version, std::vector<GateCount> gates) = 0;

  // At once when a session's `open` on this worker leaves or reaches zero; once a second for other
  // changes. A session of an older epoch with something open is reported beside the newer one.
  virtual void OnUsage(int worker, std::vector<SessionTotals> totals) = 0;

  // A request waits for an id that no route names and no negative answer covers.
  virtual void OnUnknown(int worker, std::string session_id) = 0;

  // A one-time token waits for the leader's word: Worker::Post(TokenUseAnswer) with the same
  // ticket. Who never answers lets nobody in.
  virtual void OnTokenUse(int /*worker*/, uint64_t /*ticket*/, TokenUse /*use*/) {}
  // A backend wants its session to stay alive.
  virtual void OnBusy(int /*worker*/, Busy /*busy*/) {}

  // After Worker::Drain: the last connection of this worker is closed.
  virtual void OnDrained(int worker) = 0;
};

}  // namespace spawner::proxy

#endif  // SPAWNER_PROXY_ROUTE_WORKER_REPORTS_H_
