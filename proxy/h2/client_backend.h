#ifndef SPAWNER_PROXY_H2_CLIENT_BACKEND_H_
#define SPAWNER_PROXY_H2_CLIENT_BACKEND_H_

#include <cstddef>
#include <deque>
#include <memory>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/address.h"
#include "proxy/h2/client_connection.h"
#include "proxy/h2/client_stream.h"
#include "proxy/io/io.h"

namespace spawner::proxy::h2 {

// One backend's connections, and the requests that wait for room on one, in order.
// Thread: its worker's. Owner: ClientPool, while there is any of either.
class ClientBackend final : public ClientConnection::Owner, public ClientStream::Queue {
 public:
  class Owner {
   public:
    // To be told RunTurn, and Assign of this after it.
    virtual void WantsTurn(ClientBackend& backend, ClientConnection& connection) = 0;
    // It is closed, perhaps by one of its own functions.
    virtual void Bury(std::unique_ptr<ClientConnection> connection) = 0;

   protected:
    ~Owner() = default;
  };

  ClientBackend(ClientConnection::Bench bench, Owner& owner, Address address);

  // A new request. Codes as Io::Connect; RESOURCE_EXHAUSTED as well if too many wait.
  absl::StatusOr<Socket> Open();
  // Gives what waits to connections with room; opens one more if there is none.
  void Assign();
  // Ends everything, and never begins again.
  void CutOff();
  bool empty() const { return connections_.empty() && queue_.empty(); }
  size_t connections() const { return connections_.size(); }

  // ---- from connections and streams ----
  void WantsTurn(ClientConnection& connection) override { owner_.WantsTurn(*this, connection); }
  void OnRequeued(ClientStream& stream) override;
  void OnClosed(ClientConnection& connection) override;
  void Leave(ClientStream& stream) override;

 private:
  absl::Status TryAssign();
  // Nobody is there: what waits has failed.
  void FailQueue();

  const ClientConnection::Bench bench_;
  Owner& owner_;
  const Address address_;
  std::vector<std::unique_ptr<ClientConnection>> connections_;  // at most kBackendConnectionsMax
  std::deque<ClientStream*> queue_;  // at most kBackendQueueMax, and those that ran
  bool is_cut_off_ = false;
};

}  // namespace spawner::proxy::h2

#endif  // SPAWNER_PROXY_H2_CLIENT_BACKEND_H_
