#include "proxy/forward/h2_clients.h"

#include <cstdint>
#include <utility>

#include "base/check.h"
#include "proxy/h2/limits.h"
#include "proxy/io/limits.h"

namespace spawner::proxy {

static_assert(h2::kReadBytes <= kScratchBytes);

h2::ServerConnection::Bench H2Clients::Shared() {
  return {streams_,   bench_.timers,
          bench_.now, bench_.scratch.get(),
          workspace_, bench_.options.limits.head_timeout};
}

bool H2Clients::Accept(Socket socket, ClientPeer peer, AddressSlot address) {
  auto connection = std::make_unique<h2::ServerConnection>(Shared(), *this, bench_.io);
  if (!connection->Accept(socket)) return false;
  Add({std::move(connection), std::move(peer), std::move(address)}, {});
  return true;
}

void H2Clients::Begin(Stream&& stream, ClientPeer peer, AddressSlot address,
                      absl::string_view bytes) {
  auto connection = std::make_unique<h2::ServerConnection>(Shared(), *this, std::move(stream));
  Add({std::move(connection), std::move(peer), std::move(address)}, bytes);
}

void H2Clients::Add(Client client, absl::string_view bytes) {
  h2::ServerConnection& added = *client.connection;
  added.place = static_cast<uint32_t>(clients_.size());
  clients_.push_back(std::move(client));
  bench_.counters.clients.Add(1);
  bench_.counters.h2_clients.Add(1);
  added.Start(bytes);
  if (bench_.is_draining && !added.is_closed()) added.Drain();
}

void H2Clients::RunTurn() {
  RunConnections();
  streams_.Dispatch();
  RunConnections();
}

void H2Clients::RunConnections() {
  turn_.swap(wanting_);
  for (h2::ServerConnection* const connection : turn_) connection->RunTurn();
  turn_.clear();
}

void H2Clients::ForgetClosed() {
  std::erase_if(wanting_,
                [](const h2::ServerConnection* connection) { return connection->is_closed(); });
}

void H2Clients::OnDrain() {
  for (const Client& client : clients_) client.connection->Drain();
}

void H2Clients::CutOff() {
  while (!clients_.empty()) clients_.back().connection->CutOff();
}

void H2Clients::OnStream(h2::ServerConnection& connection, Socket socket) {
  owner_.OnH2Stream(socket, clients_[connection.place].peer);
}

void H2Clients::OnClosed(h2::ServerConnection& connection) {
  const uint32_t place = connection.place;
  SPAWNER_CHECK(place < clients_.size() && clients_[place].connection.get() == &connection);
  Client closed = std::move(clients_[place]);
  if (place + 1 < clients_.size()) clients_[place] = std::move(clients_.back());
  clients_.pop_back();
  if (place < clients_.size()) clients_[place].connection->place = place;
  bench_.Bury(std::move(closed.connection));
  bench_.counters.clients.Add(-1);
  bench_.counters.h2_clients.Add(-1);
}

}  // namespace spawner::proxy
