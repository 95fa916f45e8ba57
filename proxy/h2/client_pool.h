#ifndef SPAWNER_PROXY_H2_CLIENT_POOL_H_
#define SPAWNER_PROXY_H2_CLIENT_POOL_H_

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "base/address.h"
#include "base/clock.h"
#include "proxy/h2/client_backend.h"
#include "proxy/h2/client_connection.h"
#include "proxy/h2/stream_io.h"
#include "proxy/io/io.h"
#include "proxy/io/timers.h"

namespace spawner::proxy::h2 {

// One thread's connections to backends that speak HTTP/2, each shared by many requests. A request
// is a socket of io(): connected to the backend's address, written to as HTTP/1.1, read from as its
// response. Requests that find no room wait in order.
//   ClientPool pool({real_io, timers, now, scratch});
//   Stream stream(pool.io()); ... pool.io().Connect(address, handler) ...
//   pool.RunTurn();  // late in a turn
// Thread: its worker's. Owner: Worker.
class ClientPool final : public StreamConnector, public ClientBackend::Owner {
 public:
  // What it shares with its thread. `scratch`: kReadBytes.
  struct Bench {
    Io& io;
    Timers& timers;
    const Instant& now;
    char* scratch;
  };

  explicit ClientPool(Bench bench);
  ~ClientPool();
  ClientPool(const ClientPool&) = delete;
  ClientPool& operator=(const ClientPool&) = delete;

  StreamIo& io() { return streams_; }
  // Late in a turn: what the others have written goes out, what came is handed out.
  void RunTurn();
  bool has_more() const { return streams_.has_events() || !turn_.empty(); }
  // Every connection, at once.
  void CutOff();
  // Connections, for gauges and tests.
  size_t size() const;

  // ---- from its parts ----
  absl::StatusOr<Socket> ConnectStream(const Address& address) override;
  void WantsTurn(ClientBackend& backend, ClientConnection& connection) override;
  void Bury(std::unique_ptr<ClientConnection> connection) override;

 private:
  struct Turn {
    ClientBackend* backend = nullptr;
    ClientConnection* connection = nullptr;  // null: it has closed meanwhile
  };

  void RunConnections();

  const Bench bench_;
  StreamIo streams_;
  absl::flat_hash_map<std::string, std::unique_ptr<ClientBackend>> backends_;  // by address
  std::vector<Turn> turn_;                                                     // a connection once
  std::vector<Turn> running_;                                                  // used again
  std::vector<std::unique_ptr<ClientConnection>> graves_;  // may still be on the stack
  bool may_be_empty_ = false;                              // one of backends_
};

}  // namespace spawner::proxy::h2

#endif  // SPAWNER_PROXY_H2_CLIENT_POOL_H_
