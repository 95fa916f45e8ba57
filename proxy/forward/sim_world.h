#ifndef SPAWNER_PROXY_FORWARD_SIM_WORLD_H_
#define SPAWNER_PROXY_FORWARD_SIM_WORLD_H_

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "base/address.h"
#include "base/clock.h"
#include "base/random.h"
#include "proxy/forward/worker.h"
#include "proxy/io/address_caps.h"
#include "proxy/io/sim_io.h"
#include "proxy/io/stream.h"
#include "proxy/route/authorizer.h"
#include "proxy/route/busy.h"
#include "proxy/route/connection_caps.h"
#include "proxy/route/route.h"
#include "proxy/route/token_use.h"
#include "proxy/route/worker_reports.h"

namespace spawner::proxy {

// A client or a backend's connection in a SimWorld: says what a test tells it, keeps what it hears.
class SimPeer final : public IoHandler {
 public:
  explicit SimPeer(SimIo& io) : io_(io), stream_(io) {}

  void Connect(const Address& address);
  void Adopt(Socket socket);
  void Send(absl::string_view bytes);
  void Finish();
  void Close() { stream_.Close(); }
  void Abort() { stream_.Abort(); }
  // Until told otherwise nothing is read: the other side's writes block.
  void StopReading() { reads_ = false; }
  void GoOnReading();

  bool is_open() const { return stream_.is_open(); }
  bool has_ended() const { return stream_.has_ended(); }
  bool has_failed() const { return has_failed_; }
  size_t unsent() const { return out_.size(); }
  std::string received;
  // Called after each read.
  std::function<void(SimPeer&)> on_data;

  void OnIo(IoEvents events) override;

 private:
  void Read();
  void Push();

  SimIo& io_;
  Stream stream_;
  std::string out_;  // not in the stream, whose Io counts for the worker under test
  bool reads_ = true;
  bool finishes_ = false;
  bool has_failed_ = false;
};

// A backend: a listener whose connections all behave alike.
class SimBackend final : public IoHandler {
 public:
  SimBackend(SimIo& io, std::function<void(SimPeer&)> on_data)
      : io_(io), on_data_(std::move(on_data)) {}
  ~SimBackend() override { StopListening(); }

  Address Listen(const Address& address);
  void StopListening();
  std::vector<std::unique_ptr<SimPeer>> connections;
  bool reads = true;  // what connections from now on send
  void OnIo(IoEvents events) override;

 private:
  SimIo& io_;
  std::function<void(SimPeer&)> on_data_;
  Socket listener_;
};

// Answers each request that has no body with `response`, on the same connection.
std::function<void(SimPeer&)> Answering(std::string response);

struct RecordedReports final : WorkerReports {
  struct Ack {
    RouteVersion version;
    std::vector<GateCount> gates;
  };
  std::vector<Ack> acks;
  std::vector<SessionTotals> usage;
  std::vector<std::string> unknown;
  std::vector<std::pair<uint64_t, TokenUse>> uses;  // with their tickets
  std::vector<Busy> busy;
  bool is_drained = false;
  std::function<void()> on_drained;

  // The newest report of a session and epoch; all zero if there is none.
  SessionTotals Last(absl::string_view id, uint64_t epoch) const;

  void OnApplied(int, RouteVersion version, std::vector<GateCount> gates) override {
    acks.push_back({version, std::move(gates)});
  }
  void OnUsage(int, std::vector<SessionTotals> totals) override {
    usage.insert(usage.end(), totals.begin(), totals.end());
  }
  void OnUnknown(int, std::string session_id) override { unknown.push_back(std::move(session_id)); }
  void OnTokenUse(int, uint64_t id, TokenUse use) override { uses.emplace_back(id, use); }
  void OnBusy(int, Busy one) override { busy.push_back(std::move(one)); }
  void OnDrained(int) override {
    is_drained = true;
    if (on_drained) on_drained();
  }
};

// A worker with a controller, a network, clients and backends, in virtual time.
class SimWorld {
 public:
  explicit SimWorld(uint64_t seed = 1, SimIo::Options options = {},
                    std::unique_ptr<Authorizer> authorizer = nullptr,
                    ConnectionCaps* caps = nullptr, ForwardOptions forward = {},
                    ConnectionCaps* held = nullptr, AddressCaps* addresses = nullptr,
                    AccessSink* access_sink = nullptr, double access_sample = 1);
  ~SimWorld();

  SimPeer& NewClient();  // connected
  // "host: {id}.test": a request for a session.
  static std::string Get(absl::string_view id, absl::string_view path = "/");
  void SetRoute(Route route);
  void SetLink(bool is_up);
  // Moves time. Until it is over, or until `done`; false: it was never done.
  void Run(absl::Duration duration);
  bool RunUntil(absl::FunctionRef<bool()> done, absl::Duration limit = absl::Seconds(20));

  FakeClock clock;
  SeededRandom random;
  SimIo io;
  RecordedReports reports;
  std::unique_ptr<Worker> worker;
  Address address;
  std::vector<std::unique_ptr<SimPeer>> clients;
  uint64_t version = 0;
};

}  // namespace spawner::proxy

#endif  // SPAWNER_PROXY_FORWARD_SIM_WORLD_H_
