#ifndef SPAWNER_PROXY_FORWARD_H2_CLIENTS_H_
#define SPAWNER_PROXY_FORWARD_H2_CLIENTS_H_

#include <cstddef>
#include <memory>
#include <vector>

#include "absl/strings/string_view.h"
#include "proxy/forward/client_origin.h"
#include "proxy/forward/workbench.h"
#include "proxy/h2/server_connection.h"
#include "proxy/h2/stream_io.h"
#include "proxy/h2/workspace.h"
#include "proxy/io/address_caps.h"
#include "proxy/io/io.h"
#include "proxy/io/stream.h"

namespace spawner::proxy {

// A worker's client connections that speak HTTP/2. Their streams are sockets of an Io of its own.
// Thread: its worker's. Owner: Worker.
class H2Clients final : public h2::ServerConnection::Owner {
 public:
  class Owner {
   public:
    // A request that waits to be read from `socket`, of io().
    virtual void OnH2Stream(Socket socket, const ClientPeer& peer) = 0;

   protected:
    ~Owner() = default;
  };

  H2Clients(Workbench& bench, Owner& owner) : bench_(bench), owner_(owner), streams_(bench.io) {}
  H2Clients(const H2Clients&) = delete;
  H2Clients& operator=(const H2Clients&) = delete;

  Io& io() { return streams_; }
  // One that has agreed upon HTTP/2 (ALPN); `socket` is of the worker's Io. False: out of memory.
  bool Accept(Socket socket, ClientPeer peer, AddressSlot address);
  // `bytes` were read from it already.
  void Begin(Stream&& stream, ClientPeer peer, AddressSlot address, absl::string_view bytes);
  // Late in a turn: what the others have written goes out.
  void RunTurn();
  bool has_more() const { return streams_.has_events() || !wanting_.empty(); }
  // Before the graves are emptied.
  void ForgetClosed();
  void OnDrain();
  void CutOff();
  bool empty() const { return clients_.empty(); }
  size_t size() const { return clients_.size(); }

  // ---- from ServerConnection ----
  void OnStream(h2::ServerConnection& connection, Socket socket) override;
  void WantsTurn(h2::ServerConnection& connection) override { wanting_.push_back(&connection); }
  void OnClosed(h2::ServerConnection& connection) override;
  void OnHeadTimeout() override { bench_.counters.TimedOut(ClientTimeout::kHead); }

 private:
  h2::ServerConnection::Bench Shared();
  struct Client {
    std::unique_ptr<h2::ServerConnection> connection;
    ClientPeer peer;
    AddressSlot address;
  };
  void Add(Client client, absl::string_view bytes);
  void RunConnections();

  Workbench& bench_;
  Owner& owner_;
  h2::StreamIo streams_;
  std::vector<Client> clients_;
  h2::Workspace workspace_;
  std::vector<h2::ServerConnection*> wanting_;  // a turn, once each
  std::vector<h2::ServerConnection*> turn_;     // used again
};

}  // namespace spawner::proxy

#endif  // SPAWNER_PROXY_FORWARD_H2_CLIENTS_H_
