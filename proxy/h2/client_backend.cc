#include "proxy/h2/client_backend.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/check.h"
#include "base/status.h"
#include "proxy/h2/limits.h"

namespace spawner::proxy::h2 {

ClientBackend::ClientBackend(ClientConnection::Bench bench, Owner& owner, Address address)
    : bench_(bench), owner_(owner), address_(std::move(address)) {}

absl::StatusOr<Socket> ClientBackend::Open() {
  if (queue_.size() >= kBackendQueueMax) {
    return absl::ResourceExhaustedError(
        absl::StrCat("connect to ", ToString(address_), ": too many requests wait for a stream"));
  }
  auto owned = std::make_unique<ClientStream>(bench_.streams, *this);
  ClientStream& stream = *owned;
  const Socket socket = bench_.streams.Add(std::move(owned));
  stream.socket = socket;
  queue_.push_back(&stream);
  const absl::Status status = TryAssign();
  // Without one more connection it waits for those that are there.
  if (status.ok() || !connections_.empty()) return socket;
  bench_.streams.Close(socket);
  return status;
}

void ClientBackend::Assign() {
  if (!TryAssign().ok() && connections_.empty()) FailQueue();
}

absl::Status ClientBackend::TryAssign() {
  while (!queue_.empty()) {
    const auto found = std::find_if(connections_.begin(), connections_.end(),
                                    [](const auto& connection) { return connection->has_room(); });
    if (found == connections_.end()) break;
    ClientStream* const stream = queue_.front();
    queue_.pop_front();
    (*found)->Attach(*stream);
  }
  if (queue_.empty() || connections_.size() >= kBackendConnectionsMax) return absl::OkStatus();
  // One at a time: what it says of its streams shows whether more are needed.
  const bool is_opening =
      std::any_of(connections_.begin(), connections_.end(),
                  [](const auto& connection) { return connection->is_connecting(); });
  if (is_opening) return absl::OkStatus();
  auto connection = std::make_unique<ClientConnection>(bench_, *this);
  RETURN_IF_ERROR(connection->Connect(address_));
  connections_.push_back(std::move(connection));
  return absl::OkStatus();
}

void ClientBackend::FailQueue() {
  for (ClientStream* const stream : std::exchange(queue_, {})) {
    const Socket socket = stream->socket;
    stream->Detach();
    bench_.streams.Release(socket);
  }
}

// It has waited longest.
void ClientBackend::OnRequeued(ClientStream& stream) { queue_.push_front(&stream); }

void ClientBackend::OnClosed(ClientConnection& connection) {
  const auto found =
      std::find_if(connections_.begin(), connections_.end(),
                   [&connection](const auto& owned) { return owned.get() == &connection; });
  SPAWNER_CHECK(found != connections_.end());
  owner_.Bury(std::move(*found));
  connections_.erase(found);
  // It was never answered: another one would not be either.
  const bool is_absent = !connection.was_ready() && connections_.empty();
  if (is_cut_off_ || is_absent) return FailQueue();
  Assign();
}

void ClientBackend::Leave(ClientStream& stream) {
  std::erase(queue_, &stream);
  bench_.streams.Release(stream.socket);
}

void ClientBackend::CutOff() {
  is_cut_off_ = true;
  FailQueue();
  while (!connections_.empty()) connections_.back()->Close();
}

}  // namespace spawner::proxy::h2
