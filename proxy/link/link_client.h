#ifndef SPAWNER_PROXY_LINK_LINK_CLIENT_H_
#define SPAWNER_PROXY_LINK_LINK_CLIENT_H_

#include <cstdint>
#include <functional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "absl/time/time.h"
#include "base/bearer_file.h"
#include "base/clock.h"
#include "base/grpc_security.h"
#include "base/mailbox.h"
#include "base/random.h"
#include "proxy/link/grpc_link.h"
#include "proxy/link/inspect_book.h"
#include "proxy/link/link.h"
#include "proxy/route/busy.h"
#include "proxy/route/route.h"
#include "proxy/route/token_use.h"
#include "proxy/route/worker_reports.h"
#include "spawner/v1/proxy_link.pb.h"

namespace spawner::proxy {

// Link over gRPC, between main's loop and the workers.
//   LinkClient client(options, {.wake = ..., .post_change = ..., .post_state = ...}, clock,
//   random); while (!client.link().is_finished()) WaitUntil(client.Turn());
// Thread: main; the reports of workers on theirs. Owner: main.
class LinkClient final : public WorkerReports {
 public:
  struct Sinks {
    std::function<void()> wake;  // any thread: main's loop should call Turn soon
    std::function<void(const RouteChange&)> post_change;  // to every worker
    std::function<void(const LinkState&)> post_state;     // to every worker
    std::function<void(const InspectAsked&)> inspect;     // OnInspected follows, or never
    std::function<void(absl::Duration)> drain;            // LinkOutput::drain
    // To that one.
    std::function<void(int worker, const TokenUseAnswer&)> post_use = nullptr;
  };

  // How we show who we are, and know the controller. Files were checked.
  struct Credentials {
    TlsClientFiles tls;
    std::string token_file;  // read again as it changes; empty: no token
  };

  // `clock` and `random` outlive the client.
  LinkClient(LinkOptions options, Sinks sinks, const Clock& clock, Random& random,
             Credentials credentials = {});

  // Takes in what happened and acts. To be called again at the time returned, or after a wake.
  Instant Turn();
  // SIGTERM. Connections go on; when every worker has reported OnDrained the link is finished.
  void Leave() { link_.Leave(); }
  void OnInspected(uint64_t stream, v1::Inspected answer) {
    link_.OnInspected(stream, std::move(answer));
  }
  const Link& link() const { return link_; }

  void OnApplied(int worker, RouteVersion version, std::vector<GateCount> gates) override;
  void OnUsage(int worker, std::vector<SessionTotals> totals) override;
  void OnUnknown(int worker, std::string session_id) override;
  void OnTokenUse(int worker, uint64_t ticket, TokenUse use) override;
  void OnBusy(int worker, Busy busy) override;
  void OnDrained(int worker) override;

 private:
  struct Applied {
    int worker;
    RouteVersion version;
    std::vector<GateCount> gates;
  };
  struct Used {
    int worker;
    std::vector<SessionTotals> totals;
  };
  struct Asked {
    std::string session_id;
  };
  struct Spent {
    int worker;
    uint64_t ticket;
    TokenUse use;
  };
  struct Done {
    int worker;
  };
  using Event = std::variant<StreamEvent, Applied, Used, Asked, Spent, Busy, Done>;

  void Take(StreamEvent& event, Instant now);
  void Take(Applied& event, Instant now);
  void Take(Used& event, Instant now);
  void Take(Asked& event, Instant now);
  void Take(Spent& event, Instant now);
  void Take(Busy& event, Instant now);
  void Take(Done& event, Instant now);
  Instant Act(Instant now);
  void Dial(const std::string& address, Instant now);

  const Sinks sinks_;
  const Clock& clock_;
  Mailbox<Event> mailbox_;
  Link link_;
  int workers_left_;
  bool must_read_ = false;
  BearerFile token_;
  GrpcLink grpc_;  // last: its destructor waits for events into mailbox_
};

}  // namespace spawner::proxy

#endif  // SPAWNER_PROXY_LINK_LINK_CLIENT_H_
