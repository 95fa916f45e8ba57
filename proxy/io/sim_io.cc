#include "proxy/io/sim_io.h"

#include <errno.h>

#include <algorithm>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "base/check.h"
#include "proxy/io/limits.h"

namespace spawner::proxy {
namespace {

class SimSplice final : public Splice {
 public:
  explicit SimSplice(SimIo& io) : io_(io) {}

  IoResult Fill(Socket from, size_t size) override {
    bytes_.resize(std::min(size, kSpliceBytesMax));
    const IoResult result = io_.Read(from, bytes_.data(), bytes_.size());
    bytes_.resize(result.size);
    return result;
  }
  IoResult Drain(Socket to) override {
    const iovec part = {bytes_.data(), bytes_.size()};
    const IoResult result = io_.Write(to, absl::MakeConstSpan(&part, 1));
    bytes_.erase(0, result.size);
    return result;
  }
  size_t held() const override { return bytes_.size(); }

 private:
  SimIo& io_;
  std::string bytes_;
};

}  // namespace

SimIo::End* SimIo::Find(Id id) {
  if (id.number < 0) return nullptr;
  End& end = ends_[static_cast<size_t>(id.number)];
  return end.is_open && end.generation == id.generation ? &end : nullptr;
}

SimIo::Id SimIo::New() {
  ++open_;
  if (free_.empty()) {
    ends_.emplace_back();
    free_.push_back(static_cast<int32_t>(ends_.size() - 1));
  }
  const int32_t number = free_.back();
  free_.pop_back();
  End& end = ends_[static_cast<size_t>(number)];
  const uint32_t generation = end.generation + 1;
  end = End{.generation = generation, .is_open = true};
  return {number, generation};
}

void SimIo::Free(Socket socket) {
  End& end = ends_[Index(socket)];
  end.is_open = false;
  end.handler = nullptr;
  free_.push_back(socket.number);
  --open_;
}

void SimIo::Schedule(Event event, Instant earliest) {
  const auto range = static_cast<uint64_t>(absl::ToInt64Microseconds(options_.delay_max));
  const Instant at = std::max(
      earliest, clock_.Now() + absl::Microseconds(static_cast<int64_t>(random_.Below(range + 1))));
  if (End* end = Find(event.to)) end->last_arrival = std::max(end->last_arrival, at);
  events_.emplace(std::make_pair(at.nanoseconds, made_++), std::move(event));
}

// Nothing overtakes what was sent to `target` before.
void SimIo::SendInOrder(End& target, Event event) {
  Schedule(std::move(event), target.last_arrival);
}

absl::StatusOr<Socket> SimIo::Listen(const Address& address, IoHandler& handler) {
  if (open_ >= options_.sockets_max) return absl::ResourceExhaustedError("no descriptor");
  const Id id = New();
  End& end = ends_[static_cast<size_t>(id.number)];
  end.is_listener = true;
  end.address = address;
  if (end.address.port == 0) end.address.port = next_port_++;
  end.handler = &handler;
  return Socket{id.number};
}

absl::StatusOr<Address> SimIo::LocalAddress(Socket socket) { return ends_[Index(socket)].address; }

Accepted SimIo::Accept(Socket listener) {
  End& end = ends_[Index(listener)];
  if (options_.reserved_from == end.address && open_ > options_.sockets_max - options_.reserved) {
    return {Accepted::Kind::kFull};
  }
  if (end.backlog.empty()) return {Accepted::Kind::kEmpty};
  const Id id = end.backlog.front();
  end.backlog.pop_front();
  if (open_ > options_.sockets_max) {
    Close({id.number});
    return {Accepted::Kind::kRefused};
  }
  return {Accepted::Kind::kSocket, {id.number}, "10.0.0.1"};
}

bool SimIo::StopListening(Socket listener) {
  End& end = ends_[Index(listener)];
  end.is_listener = false;  // nobody finds it any more
  const std::deque<Id> waiting = std::move(end.backlog);
  end.backlog.clear();
  for (Id id : waiting) Abort({id.number});
  return false;
}

bool SimIo::Register(Socket socket, IoHandler& handler) {
  End& end = ends_[Index(socket)];
  SPAWNER_CHECK(end.is_open && end.handler == nullptr);
  end.handler = &handler;
  // As epoll_ctl: what is there already is told.
  end.unseen.writable = true;
  Tell(IdOf(socket), end.unseen);
  return true;
}

void SimIo::SetHandler(Socket socket, IoHandler& handler) {
  End& end = ends_[Index(socket)];
  SPAWNER_CHECK(end.is_open && end.handler != nullptr);
  end.handler = &handler;
}

absl::StatusOr<Socket> SimIo::Connect(const Address& address, IoHandler& handler) {
  if (open_ >= options_.sockets_max) return absl::ResourceExhaustedError("no descriptor");
  End* listener = nullptr;
  Id listener_id;
  for (size_t i = 0; i < ends_.size(); ++i) {
    if (ends_[i].is_open && ends_[i].is_listener && ends_[i].address == address) {
      listener = &ends_[i];
      listener_id = {static_cast<int32_t>(i), ends_[i].generation};
    }
  }
  const Id id = New();
  End& end = ends_[static_cast<size_t>(id.number)];
  end.handler = &handler;
  if (listener == nullptr || listener->backlog.size() >= options_.backlog) {
    Schedule({Event::Kind::kRefused, id, {}}, clock_.Now());
    return Socket{id.number};
  }
  const Id peer_id = New();
  End& peer = ends_[static_cast<size_t>(peer_id.number)];
  peer.is_connected = true;
  peer.peer = id;
  ends_[static_cast<size_t>(id.number)].peer = peer_id;
  listener->backlog.push_back(peer_id);
  Schedule({Event::Kind::kAcceptable, listener_id, {}}, clock_.Now());
  Schedule({Event::Kind::kConnected, id, {}}, clock_.Now());
  return Socket{id.number};
}

IoResult SimIo::Read(Socket socket, char* bytes, size_t size) {
  End& end = ends_[Index(socket)];
  SPAWNER_CHECK(end.is_open);
  if (!end.inbox.empty()) {
    const size_t count = std::min(size, end.inbox.size());
    std::copy_n(end.inbox.data(), count, bytes);
    end.inbox.erase(0, count);
    if (End* peer = Find(end.peer); peer != nullptr && peer->wants_space) {
      peer->wants_space = false;
      Schedule({Event::Kind::kSpace, end.peer, {}}, clock_.Now());
    }
    return {IoResult::Kind::kBytes, count};
  }
  if (end.is_reset) return {IoResult::Kind::kFailed, 0, ECONNRESET};
  if (end.has_fin) return {IoResult::Kind::kEnd};
  return {IoResult::Kind::kBlocked};
}

std::unique_ptr<Splice> SimIo::NewSplice(Socket, Socket) {
  if (!options_.splices) return nullptr;
  ++splices_made_;
  return std::make_unique<SimSplice>(*this);
}

size_t SimIo::Window(const End& target) const {
  const size_t used = target.inbox.size() + target.in_flight;
  return used >= options_.window_bytes ? 0 : options_.window_bytes - used;
}

IoResult SimIo::Write(Socket socket, absl::Span<const iovec> parts) {
  End& end = ends_[Index(socket)];
  SPAWNER_CHECK(end.is_open);
  if (end.is_reset || end.is_shut) return {IoResult::Kind::kFailed, 0, EPIPE};
  if (!end.is_connected) {
    end.wants_space = true;
    return {IoResult::Kind::kBlocked};
  }
  std::string bytes;
  for (const iovec& part : parts) bytes.append(static_cast<char*>(part.iov_base), part.iov_len);
  End* peer = Find(end.peer);
  // The peer has closed: it answers with a reset, as the kernel does.
  if (peer == nullptr) {
    SendInOrder(end, {Event::Kind::kReset, IdOf(socket), {}});
    return {IoResult::Kind::kBytes, bytes.size()};
  }
  size_t taken = std::min(bytes.size(), Window(*peer));
  if (options_.fragments && taken > 1 && random_.OneIn(4)) taken = 1 + random_.Below(taken);
  const bool is_cut = taken < bytes.size();
  if (is_cut) {
    end.wants_space = true;
    // The reader may never read again what it has read already: space may be there at once.
    if (Window(*peer) > taken) {
      end.wants_space = false;
      Schedule({Event::Kind::kSpace, IdOf(socket), {}}, clock_.Now());
    }
  }
  if (taken == 0) return {IoResult::Kind::kBlocked};
  peer->in_flight += taken;
  for (size_t sent = 0; sent < taken;) {
    const size_t piece = options_.fragments ? 1 + random_.Below(taken - sent) : taken - sent;
    SendInOrder(*peer, {Event::Kind::kData, end.peer, bytes.substr(sent, piece)});
    sent += piece;
  }
  return {IoResult::Kind::kBytes, taken};
}

void SimIo::ShutdownWrite(Socket socket) {
  End& end = ends_[Index(socket)];
  if (end.is_shut || end.is_reset) return;
  end.is_shut = true;
  if (End* peer = Find(end.peer)) SendInOrder(*peer, {Event::Kind::kFin, end.peer, {}});
}

void SimIo::Close(Socket socket) {
  End& end = ends_[Index(socket)];
  SPAWNER_CHECK(end.is_open);
  if (end.is_listener) {
    const std::deque<Id> waiting = std::move(end.backlog);
    for (Id id : waiting) Abort({id.number});
  } else if (End* peer = Find(end.peer)) {
    // RFC 1122 4.2.2.13: unread data at close is answered with a reset.
    if (!end.inbox.empty()) {
      SendInOrder(*peer, {Event::Kind::kReset, end.peer, {}});
    } else if (!end.is_shut) {
      SendInOrder(*peer, {Event::Kind::kFin, end.peer, {}});
    }
  }
  Free(socket);
}

void SimIo::Abort(Socket socket) {
  End& end = ends_[Index(socket)];
  if (End* peer = Find(end.peer)) SendInOrder(*peer, {Event::Kind::kReset, end.peer, {}});
  Free(socket);
}

bool SimIo::IsConnected(Socket socket) { return ends_[Index(socket)].is_connected; }

void SimIo::Tell(Id id, IoEvents events) {
  End* end = Find(id);
  if (end == nullptr) return;
  if (end->handler == nullptr) {
    end->unseen.readable |= events.readable;
    end->unseen.hangup |= events.hangup;
    end->unseen.failed |= events.failed;
    return;
  }
  told_.emplace_back(id, events);
}

void SimIo::Happen(Event& event) {
  End* end = Find(event.to);
  if (end == nullptr) return;
  switch (event.kind) {
    case Event::Kind::kData:
      end->in_flight -= event.bytes.size();
      if (end->is_reset) return;
      end->inbox += event.bytes;
      return Tell(event.to, {.readable = true});
    case Event::Kind::kFin:
      end->has_fin = true;
      return Tell(event.to, {.readable = true, .hangup = true});
    case Event::Kind::kReset:
    case Event::Kind::kRefused:
      end->is_reset = true;
      return Tell(event.to, {.readable = true, .writable = true, .hangup = true, .failed = true});
    case Event::Kind::kConnected:
      end->is_connected = true;
      return Tell(event.to, {.writable = true});
    case Event::Kind::kAcceptable:
      return Tell(event.to, {.readable = true});
    case Event::Kind::kSpace:
      return Tell(event.to, {.writable = true});
  }
}

void SimIo::Wait(absl::Duration timeout) {
  if (told_.empty() && !is_woken_) {
    const Instant until = clock_.Now() + timeout;
    const Instant next =
        events_.empty() ? Instant::Infinite() : Instant{events_.begin()->first.first};
    const Instant at = std::min(until, next);
    if (at != Instant::Infinite()) clock_.AdvanceTo(at);
  }
  is_woken_ = false;
  while (!events_.empty() && events_.begin()->first.first <= clock_.Now().nanoseconds &&
         told_.size() < static_cast<size_t>(kEventsPerWait)) {
    Event event = std::move(events_.begin()->second);
    events_.erase(events_.begin());
    Happen(event);
  }
}

void SimIo::Dispatch() {
  const std::vector<std::pair<Id, IoEvents>> told = std::move(told_);
  told_.clear();
  for (const auto& [id, events] : told) {
    End* end = Find(id);
    if (end != nullptr && end->handler != nullptr) end->handler->OnIo(events);
  }
}

}  // namespace spawner::proxy
