#include "proxy/h2/stream_io.h"

#include <utility>

#include "absl/status/status.h"
#include "base/check.h"
#include "base/status.h"

namespace spawner::proxy::h2 {

StreamIo::Slot& StreamIo::At(Socket socket) {
  SPAWNER_CHECK(socket.is_open() && static_cast<size_t>(socket.number) < slots_.size());
  return slots_[static_cast<size_t>(socket.number)];
}

Socket StreamIo::Add(std::unique_ptr<StreamEnd> end) {
  if (free_.empty()) {
    slots_.emplace_back();
    free_.push_back(static_cast<int32_t>(slots_.size() - 1));
  }
  const Socket socket{free_.back()};
  free_.pop_back();
  Slot& slot = At(socket);
  slot.end = std::move(end);
  slot.is_open = true;
  ++open_;
  return socket;
}

void StreamIo::Tell(Socket socket, IoEvents events) {
  Slot& slot = At(socket);
  if (!slot.is_open) return;
  slot.events.readable |= events.readable;
  slot.events.writable |= events.writable;
  slot.events.hangup |= events.hangup;
  slot.events.failed |= events.failed;
  if (slot.is_told || slot.handler == nullptr) return;
  slot.is_told = true;
  ready_.push_back({socket.number, slot.generation});
}

void StreamIo::Release(Socket socket) {
  Slot& slot = At(socket);
  SPAWNER_CHECK(!slot.is_released);
  slot.is_released = true;
  if (!slot.is_open) Free(socket);
}

void StreamIo::CloseSocket(Socket socket, bool is_abort) {
  Slot& slot = At(socket);
  SPAWNER_CHECK(slot.is_open);
  slot.is_open = false;
  slot.handler = nullptr;
  --open_;
  if (slot.is_released) return Free(socket);
  slot.end->OnClose(is_abort);
}

void StreamIo::AbortWith(Socket socket, uint32_t code) {
  At(socket).end->SayOnAbort(code);
  Abort(socket);
}

void StreamIo::Free(Socket socket) {
  Slot& slot = At(socket);
  const std::unique_ptr<StreamEnd> end = std::move(slot.end);
  const uint32_t generation = slot.generation + 1;
  slot = Slot{.generation = generation};
  free_.push_back(socket.number);
}

absl::StatusOr<Socket> StreamIo::Listen(const Address&, IoHandler&) {
  return absl::UnimplementedError("listen: an HTTP/2 stream comes with its connection");
}

absl::StatusOr<Address> StreamIo::LocalAddress(Socket) {
  return absl::UnimplementedError("read socket name: an HTTP/2 stream has none");
}

Accepted StreamIo::Accept(Socket) { return {Accepted::Kind::kEmpty}; }

bool StreamIo::Register(Socket socket, IoHandler& handler) {
  Slot& slot = At(socket);
  SPAWNER_CHECK(slot.is_open && slot.handler == nullptr);
  slot.handler = &handler;
  Tell(socket, {.writable = true});
  return true;
}

void StreamIo::SetHandler(Socket socket, IoHandler& handler) {
  Slot& slot = At(socket);
  SPAWNER_CHECK(slot.handler != nullptr);
  slot.handler = &handler;
}

absl::StatusOr<Socket> StreamIo::Connect(const Address& address, IoHandler& handler) {
  if (connector_ == nullptr) return absl::UnimplementedError("connect: no HTTP/2 to backends");
  ASSIGN_OR_RETURN(const Socket socket, connector_->ConnectStream(address));
  At(socket).handler = &handler;
  if (At(socket).end->IsConnected()) Tell(socket, {.writable = true});
  return socket;
}

IoResult StreamIo::Read(Socket socket, char* bytes, size_t size) {
  return At(socket).end->Read(bytes, size);
}

IoResult StreamIo::Write(Socket socket, absl::Span<const iovec> parts) {
  return At(socket).end->Write(parts);
}

void StreamIo::ShutdownWrite(Socket socket) { At(socket).end->ShutdownWrite(); }

bool StreamIo::IsConnected(Socket socket) { return At(socket).end->IsConnected(); }

void StreamIo::Dispatch() {
  turn_.swap(ready_);
  for (const Ready& ready : turn_) {
    Slot& slot = slots_[static_cast<size_t>(ready.number)];
    if (slot.generation != ready.generation || !slot.is_open) continue;
    slot.is_told = false;
    const IoEvents events = std::exchange(slot.events, IoEvents{});
    slot.handler->OnIo(events);
  }
  turn_.clear();
}

}  // namespace spawner::proxy::h2
