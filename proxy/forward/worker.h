#ifndef SPAWNER_PROXY_FORWARD_WORKER_H_
#define SPAWNER_PROXY_FORWARD_WORKER_H_

#include <cstddef>
#include <memory>
#include <variant>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "base/address.h"
#include "base/clock.h"
#include "base/mailbox.h"
#include "proxy/forward/access_log.h"
#include "proxy/forward/downstream.h"
#include "proxy/forward/h2_clients.h"
#include "proxy/forward/inspection.h"
#include "proxy/forward/sessions.h"
#include "proxy/forward/token_uses.h"
#include "proxy/forward/tunnels.h"
#include "proxy/forward/workbench.h"
#include "proxy/h2/client_pool.h"
#include "proxy/io/address_caps.h"
#include "proxy/io/io.h"
#include "proxy/route/authorizer.h"
#include "proxy/route/change_parts.h"
#include "proxy/route/route.h"
#include "proxy/route/token_use.h"
#include "proxy/route/worker_reports.h"

namespace spawner::proxy {

// One thread of the data plane: its own listener, loop, routes, connections and counters.
//   Worker worker({.index = 0, .forward = {...}}, io, clock, reports, nullptr);
//   RETURN_IF_ERROR(worker.Listen(address).status());
//   std::thread thread([&worker] { worker.Run(); });
// Thread: Listen before Run; Post, Drain, Stop and counters() from any; the rest on Run's.
// Owner: main.
class Worker final : public IoHandler, public Downstream::Owner, public H2Clients::Owner {
 public:
  struct Options {
    int index = 0;
    ForwardOptions forward;
    // Shared by all workers, and outlive them.
    ConnectionCaps* caps = nullptr;
    ConnectionCaps* held = nullptr;
    AddressCaps* addresses = nullptr;   // null: an address may have as many as it likes
    AccessSink* access_sink = nullptr;  // null: no access log
    double access_sample = 1;           // this part of the requests, 0 to 1
    uint64_t seed = 0;                  // of samples and trace ids
  };

  // `io`, `clock` and `reports` outlive it. Without an authorizer every request is allowed.
  Worker(Options options, Io& io, const Clock& clock, WorkerReports& reports,
         std::unique_ptr<Authorizer> authorizer);
  ~Worker() override;

  // Opens its listener; returns the address bound. Codes as Io::Listen.
  absl::StatusOr<Address> Listen(const Address& address);
  // One more listener, opened on its Io with the worker as handler; the worker closes it.
  void AddListener(Socket listener) { listeners_.push_back(listener); }

  // ---- any thread ----
  void Post(const RouteChange& change) {
    ForEachPart(change, [this](RouteChange part) { mailbox_.Post(std::move(part)); });
  }
  void Post(LinkState link) { mailbox_.Post(std::move(link)); }
  void Post(const TokenUseAnswer& answer) { mailbox_.Post(answer); }
  // Takes no new connections, lets what runs finish until `patience` is over, then ends it; tunnels
  // with close code 1012. WorkerReports::OnDrained follows.
  void Drain(absl::Duration patience) { mailbox_.Post(DrainOrder{patience}); }
  // Run returns after its turn.
  void Stop() { mailbox_.Post(StopOrder{}); }
  // Has what is in use told; in the order of the letters.
  void Inspect(InspectOrder order) { mailbox_.Post(std::move(order)); }
  const Counters& counters() const { return bench_->counters; }

  // ---- its thread ----
  void Run();
  // One wait of at most `max_wait` and what follows from it. False after Stop.
  bool Turn(absl::Duration max_wait);
  const Sessions& sessions() const { return sessions_; }

  void OnIo(IoEvents events) override;             // of a listener
  void OnClosed(Downstream& downstream) override;  // from Downstream
  void OnHttp2(Downstream& downstream, absl::string_view bytes) override;
  void OnH2Stream(Socket socket, const ClientPeer& peer) override;

 private:
  struct DrainOrder {
    absl::Duration patience;
  };
  struct StopOrder {};
  using Letter =
      std::variant<RouteChange, LinkState, TokenUseAnswer, InspectOrder, DrainOrder, StopOrder>;

  void OpenLetters();
  static size_t CostOf(const Letter& letter);
  void Open(Letter letter);
  void AcceptSome();
  bool AcceptFrom(Socket listener);
  void Serve(Io& io, Socket socket, ClientPeer peer, AddressSlot address = {});
  // Counts it for its address, or answers 429 and closes it: false.
  bool Count(const Accepted& accepted, AddressSlot* slot);
  void CloseListeners();
  void StopListening();
  void BeginDrain(absl::Duration patience);
  void Answer(const InspectOrder& order);
  bool has_letters() const { return opened_ < letters_.size() || sessions_.is_sweeping(); }
  bool is_empty() const {
    return listeners_.empty() && clients_.empty() && tunnels_.empty() && h2_clients_.empty();
  }
  void CheckDrained();
  void RunHttp2();
  void RunLaters();
  void EmptyGraves();
  absl::Duration WaitTime(absl::Duration max_wait) const;

  const Options options_;
  Io& io_;
  const Clock& clock_;
  WorkerReports& reports_;
  const std::unique_ptr<Authorizer> authorizer_;
  const std::unique_ptr<Workbench> bench_;
  Sessions sessions_;
  TokenUses token_uses_;
  Tunnels tunnels_;
  H2Clients h2_clients_;
  h2::ClientPool h2_backends_;
  Mailbox<Letter> mailbox_;
  std::vector<Letter> letters_;  // taken from it; opened in order, not all in one turn
  size_t opened_ = 0;
  const std::unique_ptr<AccessLog> access_log_;  // null: none
  std::vector<Socket> listeners_;
  Instant accept_again_ = Instant::Infinite();  // out of descriptors, or a turn's bound
  bool is_full_ = false;                        // out of descriptors for clients
  std::vector<std::unique_ptr<Downstream>> clients_;
  Instant drain_deadline_ = Instant::Infinite();
  bool is_drained_ = false;
  bool is_stopped_ = false;
};

}  // namespace spawner::proxy

#endif  // SPAWNER_PROXY_FORWARD_WORKER_H_
