#ifndef SPAWNER_PROXY_LINK_LINK_H_
#define SPAWNER_PROXY_LINK_LINK_H_

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "base/clock.h"
#include "base/ids.h"
#include "base/random.h"
#include "proxy/link/ack_book.h"
#include "proxy/link/inspect_book.h"
#include "proxy/link/limits.h"
#include "proxy/link/link_output.h"
#include "proxy/link/query_book.h"
#include "proxy/link/route_feed.h"
#include "proxy/link/usage_book.h"
#include "proxy/link/use_book.h"
#include "proxy/route/busy.h"
#include "proxy/route/route.h"
#include "spawner/v1/proxy_link.pb.h"

namespace spawner::proxy {

struct LinkOptions {
  std::string controller;  // as configured: "controller.spawner:9090"
  std::string proxy_id;
  uint64_t generation = 0;  // start time of the process in ns
  std::string pod_uid;
  std::string pod_name;
  std::string pod_namespace;
  int workers = 1;
};

// The proxy's end of the link to the leading controller, as a state machine: no I/O, no clock.
// Events go in; Step says what to do; NextMessage gives what to write whenever the stream can take
// one more message, so that nothing queues up. With the link down everything goes on as it was.
// Thread: main. Owner: LinkClient.
class Link {
 public:
  // `random` (jitter) outlives the Link.
  Link(LinkOptions options, Random& random);

  // Events of a stream other than the newest are ignored.
  void OnMessage(uint64_t stream, const v1::ControllerMessage& message, Instant now);
  void OnClosed(uint64_t stream, const absl::Status& status, Instant now);

  void OnApplied(int worker, RouteVersion version, const std::vector<GateCount>& gates);
  void OnUsage(int worker, const std::vector<SessionTotals>& totals);
  void OnUnknown(const std::string& session_id, Instant now);
  void OnInspected(uint64_t stream, v1::Inspected answer);
  void OnTokenUse(int worker, uint64_t ticket, TokenUse use) {
    uses_.Add(worker, ticket, std::move(use), is_up());
  }
  // Told once; the newest of a session replaces what waits for the link.
  void OnBusy(Busy busy);
  // SIGTERM: tells the controller; reports go on until Drained, when every connection is closed.
  void Leave() { is_leaving_ = true; }
  void Drained(Instant now);

  LinkOutput Step(Instant now);
  std::optional<v1::ProxyMessage> NextMessage(Instant now);
  // When NextMessage will have something that it does not have yet.
  Instant report_at() const;
  // False: do not read from the stream until workers have caught up.
  bool WantsMore() const;

  uint64_t stream() const { return stream_; }
  bool is_up() const { return phase_ == Phase::kUp; }
  // Drained, and the last report is out or had its time.
  bool is_finished() const { return phase_ == Phase::kFinished; }
  bool has_routes() const { return feed_.has_routes(); }
  // New users should come to it. What it serves does not depend on this: decision 0004.
  bool is_ready(Instant now) const {
    return has_routes() && (is_up() || now < lost_at_ + kUnreadyAfter);
  }
  RouteVersion version() const { return feed_.version(); }
  int64_t open() const { return usage_.open(); }
  uint64_t queries_dropped() const { return queries_dropped_; }

 private:
  enum class Phase {
    kWaiting,   // until until_, then dials
    kGreeting,  // dialled; Hello goes out; Welcome or NotLeader must come before until_
    kUp,        // silent until until_: dead
    kClosing,   // half-closed; ends by itself or at until_
    kFinished,
  };

  void OnWelcome(const v1::Welcome& welcome, Instant now);
  void OnNotLeader(const v1::NotLeader& answer, Instant now);
  void OnRoutes(const v1::Routes& routes, Instant now);
  void Emit(RouteChange change);
  void LearnTime(const google::protobuf::Timestamp& wall, Instant now);
  void Heard(Instant now);
  void Lose(absl::string_view why, Instant now);
  absl::Duration NextBackoff();
  void StepLeaving(Instant now);
  v1::ProxyMessage MakeHello(Instant now);
  bool FillReport(v1::ProxyMessage& message, Instant now);

  const LinkOptions options_;
  Random& random_;
  Phase phase_ = Phase::kWaiting;
  Instant until_;
  uint64_t stream_ = 0;
  std::string target_;  // what is dialled next
  int attempts_ = 0;    // failed in a row
  int redirects_ = 0;   // followed in a row
  Instant up_since_;
  Instant lost_at_;
  absl::Duration silence_;
  uint32_t leadership_ = 0;  // greatest followed

  bool must_hang_up_ = false;
  bool is_hello_due_ = false;
  bool is_leaving_ = false;
  bool is_leaving_sent_ = false;
  bool is_drained_ = false;
  Instant last_report_by_;
  std::optional<uint64_t> heartbeat_due_;  // sequence to echo: only the newest matters
  Instant usage_due_;
  uint64_t queries_dropped_ = 0;

  RouteFeed feed_;
  AckBook acks_;
  UsageBook usage_;
  QueryBook queries_;
  InspectBook inspects_;
  std::optional<absl::Duration> drain_;
  UseBook uses_;
  std::map<std::string, Busy> busy_;  // by session
  uint64_t busy_sequence_ = 0;
  std::vector<RouteChange> changes_;
  LinkState state_;
  bool state_changed_ = false;
  ControllerTime posted_time_;
};

}  // namespace spawner::proxy

#endif  // SPAWNER_PROXY_LINK_LINK_H_
