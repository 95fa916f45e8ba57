#include "proxy/h2/client_pool.h"

#include <algorithm>
#include <utility>

namespace spawner::proxy::h2 {

ClientPool::ClientPool(Bench bench) : bench_(bench), streams_(bench.io) {
  streams_.set_connector(this);
}

ClientPool::~ClientPool() { CutOff(); }

absl::StatusOr<Socket> ClientPool::ConnectStream(const Address& address) {
  std::unique_ptr<ClientBackend>& backend = backends_[ToString(address)];
  if (backend == nullptr) {
    backend = std::make_unique<ClientBackend>(
        ClientConnection::Bench{bench_.io, streams_, bench_.timers, bench_.now, bench_.scratch},
        *this, address);
  }
  may_be_empty_ = true;
  return backend->Open();
}

void ClientPool::WantsTurn(ClientBackend& backend, ClientConnection& connection) {
  turn_.push_back({&backend, &connection});
}

void ClientPool::Bury(std::unique_ptr<ClientConnection> connection) {
  const auto is_it = [&connection](const Turn& turn) {
    return turn.connection == connection.get();
  };
  std::erase_if(turn_, is_it);
  std::replace_if(running_.begin(), running_.end(), is_it, Turn{});
  may_be_empty_ = true;
  graves_.push_back(std::move(connection));
}

void ClientPool::RunTurn() {
  graves_.clear();
  RunConnections();
  streams_.Dispatch();
  RunConnections();
  if (!std::exchange(may_be_empty_, false)) return;
  absl::erase_if(backends_, [](const auto& entry) { return entry.second->empty(); });
}

void ClientPool::RunConnections() {
  running_.swap(turn_);
  for (size_t i = 0; i < running_.size(); ++i) {
    if (running_[i].connection == nullptr) continue;
    running_[i].connection->RunTurn();
    // A stream may be free, or it has learned that the backend is there.
    if (running_[i].connection != nullptr) running_[i].backend->Assign();
  }
  running_.clear();
}

void ClientPool::CutOff() {
  for (const auto& [name, backend] : backends_) backend->CutOff();
  turn_.clear();
  backends_.clear();
  graves_.clear();
}

size_t ClientPool::size() const {
  size_t count = 0;
  for (const auto& [name, backend] : backends_) count += backend->connections();
  return count;
}

}  // namespace spawner::proxy::h2
