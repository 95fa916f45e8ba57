#ifndef SPAWNER_PROXY_FORWARD_SESSIONS_H_
#define SPAWNER_PROXY_FORWARD_SESSIONS_H_

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "base/clock.h"
#include "base/ids.h"
#include "proxy/forward/inspection.h"
#include "proxy/forward/session.h"
#include "proxy/forward/workbench.h"
#include "proxy/http/head.h"
#include "proxy/route/busy.h"
#include "proxy/route/route.h"
#include "proxy/route/route_table.h"
#include "proxy/route/worker_reports.h"

namespace spawner::proxy {

// All sessions of one worker: its route table, and a Session for each that was ever asked for.
// Thread: its worker's. Owner: Worker.
class Sessions {
 public:
  // Where a request goes.
  struct Place {
    enum class Kind {
      kSession,      // `session` has a route, or waits for the controller's answer
      kNoSession,    // neither host nor path names a session
      kUnknown,      // the controller says that there is none
      kUnreachable,  // nobody can be asked now
    };
    Kind kind = Kind::kNoSession;
    Session* session = nullptr;
    absl::string_view prefix;  // of the path: "/s/k7x2" or a static route's; empty by host
  };

  Sessions(Workbench& bench, WorkerReports& reports, int worker)
      : bench_(bench), reports_(reports), worker_(worker) {}
  ~Sessions();
  Sessions(const Sessions&) = delete;
  Sessions& operator=(const Sessions&) = delete;

  // Asks the controller for an id that no route names.
  Place Find(const RequestHead& head);

  // One part of a change within one turn: what it closes is counted before anything else happens.
  // The change is reported when its last part is in and, of a whole table, what that left out is
  // gone: not before Sweep, which takes away at most `max` routes and says how many.
  void Apply(RouteChange part);
  bool is_sweeping() const { return table_.is_sweeping(); }
  size_t Sweep(size_t max);
  void SetLink(const LinkState& link);
  // The routes are what the controller says now, not what it said before the link was lost.
  bool is_current() const { return is_link_up_ || !bench_.options.has_controller; }

  // Reports and lets go of what is over. At the end of each turn. `is_last`: what there is to
  // report can't wait for its time.
  void EndTurn(bool is_last);
  // When EndTurn has something to report, though nothing happens.
  Instant next_report() const;

  // Of one session; of all, as far as limits.h allows, if `order` names none.
  void Inspect(const InspectOrder& order, Inspection* inspection);

  // ---- for Session ----
  void ReportSoon() { reports_soon_ = true; }
  void ReportLast(SessionTotals totals) { last_reports_.push_back(std::move(totals)); }
  void ReportBusy(Busy busy) { reports_.OnBusy(worker_, std::move(busy)); }
  void AddDirty(Session& session) { dirty_.push_back(&session); }
  void HasIdle(Session& session) { with_idle_.push_back(&session); }
  void MaybeRelease(Session& session);

  const RouteTable& table() const { return table_; }
  size_t count() const { return sessions_.size(); }
  // Sessions with idle backend connections.
  size_t swept() const { return with_idle_.size(); }

 private:
  Place FindStatic(const RequestHead& head);
  Place FindById(absl::string_view id, absl::string_view prefix);
  Session& Of(RouteEntry& entry);
  void Take(const std::vector<RouteEvent>& events);
  bool has_news() const {
    return !dirty_.empty() || !last_reports_.empty() || reported_ < reporting_.size();
  }
  // Somebody may be the first or the last user of a session: main is told at once.
  bool is_urgent() const { return !last_reports_.empty() || (reports_soon_ && !dirty_.empty()); }
  bool IsReportDue() const;
  void Report(size_t max);
  void SweepIdle();
  void Release();

  Workbench& bench_;
  WorkerReports& reports_;
  const int worker_;
  RouteTable table_;
  RouteVersion applying_;
  std::vector<GateCount> gates_;  // of the parts so far
  bool is_link_up_ = false;
  std::vector<std::unique_ptr<Session>> sessions_;
  std::vector<Session*> dirty_;
  std::vector<Session*> reporting_;  // were dirty; reported in turns
  size_t reported_ = 0;
  std::vector<Session*> with_idle_;
  std::vector<Session*> maybe_over_;
  std::vector<SessionTotals> last_reports_;
  bool reports_soon_ = false;
  Instant reported_at_;
  Instant swept_at_;
  std::string lower_host_;  // used again
};

}  // namespace spawner::proxy

#endif  // SPAWNER_PROXY_FORWARD_SESSIONS_H_
