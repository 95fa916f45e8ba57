#include "proxy/forward/sim_world.h"

#include "absl/strings/str_cat.h"
#include "absl/types/span.h"
#include "base/check.h"

namespace spawner::proxy {

void SimPeer::Connect(const Address& address) {
  absl::StatusOr<Socket> socket = io_.Connect(address, *this);
  SPAWNER_CHECK(socket.ok());
  stream_.Adopt(*socket);
}

void SimPeer::Adopt(Socket socket) {
  io_.Register(socket, *this);
  stream_.Adopt(socket);
}

void SimPeer::Send(absl::string_view bytes) {
  if (!stream_.is_open()) return;
  out_.append(bytes.data(), bytes.size());
  Push();
}

void SimPeer::Finish() {
  finishes_ = true;
  Push();
}

void SimPeer::Push() {
  while (stream_.is_open() && !out_.empty()) {
    const iovec piece = {out_.data(), out_.size()};
    const IoResult written = io_.Write(stream_.socket(), absl::MakeConstSpan(&piece, 1));
    if (written.kind == IoResult::Kind::kFailed) {
      has_failed_ = true;
      return;
    }
    if (written.size == 0) return;
    out_.erase(0, written.size);
  }
  if (finishes_ && out_.empty()) stream_.FinishWriting();
}

void SimPeer::GoOnReading() {
  reads_ = true;
  if (stream_.is_open()) Read();
}

void SimPeer::OnIo(IoEvents events) {
  stream_.OnIo(events);
  Push();
  Read();
}

void SimPeer::Read() {
  char bytes[4096];
  while (reads_ && stream_.is_open()) {
    const IoResult read = stream_.Read(bytes, sizeof(bytes));
    if (read.kind == IoResult::Kind::kFailed) has_failed_ = true;
    if (!read.is_bytes()) return;
    received.append(bytes, read.size);
    if (on_data) on_data(*this);
  }
}

Address SimBackend::Listen(const Address& address) {
  absl::StatusOr<Socket> socket = io_.Listen(address, *this);
  SPAWNER_CHECK(socket.ok());
  listener_ = *socket;
  return *io_.LocalAddress(listener_);
}

void SimBackend::StopListening() {
  if (listener_.is_open()) io_.Close(listener_);
  listener_ = {};
}

void SimBackend::OnIo(IoEvents) {
  for (;;) {
    const Accepted accepted = io_.Accept(listener_);
    if (accepted.kind != Accepted::Kind::kSocket) return;
    connections.push_back(std::make_unique<SimPeer>(io_));
    connections.back()->on_data = on_data_;
    if (!reads) connections.back()->StopReading();
    connections.back()->Adopt(accepted.socket);
  }
}

std::function<void(SimPeer&)> Answering(std::string response) {
  return [response = std::move(response)](SimPeer& peer) {
    for (size_t end; (end = peer.received.find("\r\n\r\n")) != std::string::npos;) {
      peer.received.erase(0, end + 4);
      peer.Send(response);
    }
  };
}

SessionTotals RecordedReports::Last(absl::string_view id, uint64_t epoch) const {
  for (auto it = usage.rbegin(); it != usage.rend(); ++it) {
    if (it->session_id == id && it->epoch == epoch) return *it;
  }
  return {};
}

SimWorld::SimWorld(uint64_t seed, SimIo::Options options, std::unique_ptr<Authorizer> authorizer,
                   ConnectionCaps* caps, ForwardOptions forward, ConnectionCaps* held,
                   AddressCaps* addresses, AccessSink* access_sink, double access_sample)
    : random(seed), io(clock, random, options) {
  forward.has_controller = true;
  forward.base_domain = "test";
  worker = std::make_unique<Worker>(Worker::Options{.index = 0,
                                                    .forward = std::move(forward),
                                                    .caps = caps,
                                                    .held = held,
                                                    .addresses = addresses,
                                                    .access_sink = access_sink,
                                                    .access_sample = access_sample,
                                                    .seed = seed},
                                    io, clock, reports, std::move(authorizer));
  absl::StatusOr<Address> bound = worker->Listen({"10.0.0.9", 80});
  SPAWNER_CHECK(bound.ok());
  address = *bound;
  SetLink(true);
}

SimWorld::~SimWorld() = default;

SimPeer& SimWorld::NewClient() {
  clients.push_back(std::make_unique<SimPeer>(io));
  clients.back()->Connect(address);
  return *clients.back();
}

std::string SimWorld::Get(absl::string_view id, absl::string_view path) {
  return absl::StrCat("GET ", path, " HTTP/1.1\r\nHost: ", id, ".test\r\n\r\n");
}

void SimWorld::SetRoute(Route route) {
  RouteChange change{.version = {.leadership = 1, .version = ++version}};
  change.routes.push_back(std::move(route));
  worker->Post(std::move(change));
}

void SimWorld::SetLink(bool is_up) { worker->Post(LinkState{.is_up = is_up, .has_routes = is_up}); }

void SimWorld::Run(absl::Duration duration) {
  const Instant end = clock.Now() + duration;
  while (clock.Now() < end) worker->Turn(end - clock.Now());
  worker->Turn(absl::ZeroDuration());
}

bool SimWorld::RunUntil(absl::FunctionRef<bool()> done, absl::Duration limit) {
  const Instant end = clock.Now() + limit;
  while (!done()) {
    if (clock.Now() >= end) return false;
    worker->Turn(end - clock.Now());
  }
  return true;
}

}  // namespace spawner::proxy
