#include "proxy/tls/tls_io.h"

#include <algorithm>
#include <string>
#include <utility>

#include "base/check.h"
#include "base/log.h"
#include "base/status.h"
#include "proxy/tls/limits.h"
#include "proxy/tls/tls_bio.h"

namespace spawner::proxy {

TlsIo::TlsIo(Io& inner, const Clock& clock, Options options)
    : inner_(inner),
      options_(std::move(options)),
      bench_(inner, clock),
      mailbox_([&inner] { inner.Wake(); }) {
  bench_.bio_method = TlsBio::MakeMethod();
  ShareHeldBytes(inner);
}

TlsIo::~TlsIo() {
  while (!listeners_.empty()) CloseListener(listeners_.back()->socket);
  for (const auto& connection : connections_) {
    if (connection != nullptr) connection->Close();
  }
}

absl::Status TlsIo::Apply(const TlsMaterial& material) {
  if (!contexts_.empty() && material.certificates == certificates_) {
    for (const auto& context : contexts_) context->SetTicketKeys(material.ticket_keys);
    return absl::OkStatus();
  }
  ASSIGN_OR_RETURN(std::unique_ptr<TlsContext> context,
                   TlsContext::Create(material, options_.offers_h2));
  certificates_ = material.certificates;
  contexts_.push_back(std::move(context));
  DropUnusedContexts();
  return absl::OkStatus();
}

void TlsIo::DropUnusedContexts() {
  const TlsContext* const newest = contexts_.back().get();
  std::erase_if(contexts_, [newest](const std::unique_ptr<TlsContext>& context) {
    return context.get() != newest && context->users == 0;
  });
}

absl::StatusOr<Socket> TlsIo::AddListener(const Address& address, IoHandler& handler, bool is_tls) {
  auto listener = std::make_unique<Listener>(*this, handler, is_tls);
  ASSIGN_OR_RETURN(listener->socket, inner_.Listen(address, *listener));
  const Socket socket = listener->socket;
  listeners_.push_back(std::move(listener));
  return socket;
}

absl::StatusOr<Socket> TlsIo::ListenTls(const Address& address, IoHandler& handler) {
  SPAWNER_CHECK(!contexts_.empty());
  return AddListener(address, handler, /*is_tls=*/true);
}

absl::StatusOr<Socket> TlsIo::Listen(const Address& address, IoHandler& handler) {
  if (!options_.has_proxy_header) return inner_.Listen(address, handler);
  return AddListener(address, handler, /*is_tls=*/false);
}

absl::StatusOr<Address> TlsIo::LocalAddress(Socket socket) { return inner_.LocalAddress(socket); }

TlsIo::Listener* TlsIo::FindListener(Socket socket) const {
  for (const auto& listener : listeners_) {
    if (listener->socket == socket) return listener.get();
  }
  return nullptr;
}

TlsConnection* TlsIo::Find(Socket socket) const {
  const auto number = static_cast<size_t>(socket.number);
  return number < connections_.size() ? connections_[number].get() : nullptr;
}

bool TlsIo::StopListening(Socket socket) {
  Listener* const listener = FindListener(socket);
  if (listener == nullptr) return inner_.StopListening(socket);
  if (!std::exchange(listener->is_stopped, true)) inner_.StopListening(socket);
  listener->has_backlog = false;
  return listener->arriving > 0 || !listener->ready.empty();
}

void TlsIo::OnBacklog(Listener& listener) {
  if (listener.is_stopped) return;
  listener.has_backlog = true;
  listener.handler.OnIo({.readable = true});
}

Accepted TlsIo::Accept(Socket socket) {
  Listener* const listener = FindListener(socket);
  if (listener == nullptr) return inner_.Accept(socket);
  for (int i = 0; listener->ready.empty() && listener->has_backlog; ++i) {
    if (arriving_ >= kArrivalsMax) break;  // told again when one of them is over
    if (i == kArrivalsPerTurn) {
      TellListener(*listener);
      break;
    }
    Accepted accepted = inner_.Accept(socket);
    if (accepted.kind == Accepted::Kind::kRefused || accepted.kind == Accepted::Kind::kFull) {
      return accepted;
    }
    if (accepted.kind == Accepted::Kind::kSocket) {
      Begin(*listener, std::move(accepted));
    } else {
      listener->has_backlog = false;
    }
  }
  if (listener->ready.empty()) return {};
  TlsConnection* const connection = Find(listener->ready.front());
  listener->ready.pop_front();
  SPAWNER_CHECK(connection != nullptr);
  return {.kind = Accepted::Kind::kSocket,
          .socket = connection->socket(),
          .peer_ip = connection->peer_ip(),
          .is_secure = connection->is_secure(),
          .is_h2 = connection->is_h2(),
          .is_counted = options_.addresses != nullptr && connection->is_secure()};
}

void TlsIo::Begin(Listener& listener, Accepted accepted) {
  if (options_.has_proxy_header && !options_.trusted.Contains(accepted.peer_ip)) {
    bench_.counters.Error(ArrivalError::kUntrusted);
    return inner_.Close(accepted.socket);
  }
  std::optional<AddressSlot> address = AddressSlot();
  if (listener.is_tls && !options_.has_proxy_header) address = Count(accepted.peer_ip);
  if (!address.has_value()) {
    bench_.counters.Error(ArrivalError::kAddress);
    return inner_.Close(accepted.socket);
  }
  auto connection = std::make_unique<TlsConnection>(
      bench_, *this,
      TlsConnection::Arrival{.socket = accepted.socket,
                             .listener = listener.socket,
                             .peer_ip = std::move(accepted.peer_ip),
                             .address = std::move(*address),
                             .has_header = options_.has_proxy_header,
                             .context = listener.is_tls ? contexts_.back().get() : nullptr});
  if (!connection->Start()) return;
  const auto number = static_cast<size_t>(accepted.socket.number);
  if (number >= connections_.size()) {
    connections_.resize(std::max(number + 1, 2 * connections_.size()));
  }
  SPAWNER_CHECK(connections_[number] == nullptr);
  connections_[number] = std::move(connection);
  ++arriving_;
  ++listener.arriving;
}

bool TlsIo::Register(Socket socket, IoHandler& handler) {
  TlsConnection* const connection = Find(socket);
  if (connection == nullptr) return inner_.Register(socket, handler);
  connection->SetHandler(handler);
  return true;
}

void TlsIo::SetHandler(Socket socket, IoHandler& handler) {
  TlsConnection* const connection = Find(socket);
  if (connection == nullptr) return inner_.SetHandler(socket, handler);
  connection->ChangeHandler(handler);
}

absl::StatusOr<Socket> TlsIo::Connect(const Address& address, IoHandler& handler) {
  return inner_.Connect(address, handler);
}

IoResult TlsIo::Read(Socket socket, char* bytes, size_t size) {
  TlsConnection* const connection = Find(socket);
  return connection == nullptr ? inner_.Read(socket, bytes, size) : connection->Read(bytes, size);
}

IoResult TlsIo::Write(Socket socket, absl::Span<const iovec> parts) {
  TlsConnection* const connection = Find(socket);
  return connection == nullptr ? inner_.Write(socket, parts) : connection->Write(parts);
}

std::unique_ptr<Splice> TlsIo::NewSplice(Socket from, Socket to) {
  return Find(from) == nullptr && Find(to) == nullptr ? inner_.NewSplice(from, to) : nullptr;
}

void TlsIo::ShutdownWrite(Socket socket) {
  TlsConnection* const connection = Find(socket);
  connection == nullptr ? inner_.ShutdownWrite(socket) : connection->ShutdownWrite();
}

void TlsIo::Close(Socket socket) {
  if (TlsConnection* const connection = Find(socket)) {
    connection->Close();
    return Bury(*connection);
  }
  if (FindListener(socket) != nullptr) return CloseListener(socket);
  inner_.Close(socket);
}

// A record may be kept, half written.
bool TlsIo::ClosesCleanly(Socket socket) {
  return Find(socket) == nullptr && inner_.ClosesCleanly(socket);
}

void TlsIo::CloseListener(Socket socket) {
  for (const auto& connection : connections_) {
    if (connection == nullptr || connection->listener() != socket) continue;
    if (connection->is_open()) continue;
    if (!connection->has_arrived()) --arriving_;
    connection->Close();
    Bury(*connection);
  }
  std::erase_if(listeners_, [socket](const auto& listener) { return listener->socket == socket; });
  inner_.Close(socket);
}

void TlsIo::Abort(Socket socket) {
  TlsConnection* const connection = Find(socket);
  if (connection == nullptr) return inner_.Abort(socket);
  connection->Abort();
  Bury(*connection);
}

bool TlsIo::IsConnected(Socket socket) { return inner_.IsConnected(socket); }

void TlsIo::Bury(TlsConnection& connection) {
  const auto number = static_cast<size_t>(connection.socket().number);
  graves_.push_back(std::move(connections_[number]));
}

void TlsIo::WantsStep(TlsConnection& connection) {
  if (std::exchange(connection.is_stepping, true)) return;
  steps_.push_back(connection.socket());
}

void TlsIo::WantsTell(TlsConnection& connection) {
  if (std::exchange(connection.is_telling, true)) return;
  tells_.push_back(connection.socket());
}

void TlsIo::TellListener(Listener& listener) {
  if (std::exchange(listener.is_telling, true)) return;
  tells_.push_back(listener.socket);
}

void TlsIo::OnReady(TlsConnection& connection) {
  --arriving_;
  Listener* const listener = FindListener(connection.listener());
  SPAWNER_CHECK(listener != nullptr);  // it takes its arrivals along
  --listener->arriving;
  listener->ready.push_back(connection.socket());
  TellListener(*listener);
}

void TlsIo::OnGivenUp(TlsConnection& connection) {
  --arriving_;
  Listener* const listener = FindListener(connection.listener());
  Bury(connection);
  if (listener == nullptr) return;
  --listener->arriving;
  if (listener->has_backlog || listener->is_stopped) TellListener(*listener);
}

std::optional<AddressSlot> TlsIo::Count(absl::string_view ip) {
  if (options_.addresses == nullptr || options_.trusted.Contains(ip)) return AddressSlot();
  return options_.addresses->TryOpen(ip);
}

void TlsIo::Wait(absl::Duration timeout) {
  if (!steps_.empty() || !tells_.empty()) timeout = absl::ZeroDuration();
  const Instant next = bench_.timers.Next();
  if (next != Instant::Infinite()) {
    timeout = std::clamp(next - bench_.clock.Now(), absl::ZeroDuration(), timeout);
  }
  inner_.Wait(timeout);
}

void TlsIo::Dispatch() {
  for (const TlsMaterial& material : mailbox_.Drain()) {
    if (const absl::Status status = Apply(material); !status.ok()) {
      // Main has tried it before: only memory can be short.
      Log(LogLevel::kError, "tls_reload_failed", {{"error", status.ToString()}});
    }
  }
  inner_.Dispatch();
  bench_.timers.Run(bench_.clock.Now());
  RunSteps();
  RunTells();
  graves_.clear();
  if (contexts_.size() > 1) DropUnusedContexts();
}

void TlsIo::RunSteps() {
  for (int i = 0; i < kStepsPerTurn && !steps_.empty(); ++i) {
    TlsConnection* const connection = Find(steps_.front());
    steps_.pop_front();
    // Closed meanwhile, and its number perhaps another's.
    if (connection == nullptr || !std::exchange(connection->is_stepping, false)) continue;
    connection->Step();
  }
}

void TlsIo::RunTells() {
  const std::vector<Socket> tells = std::move(tells_);
  tells_.clear();
  for (const Socket socket : tells) {
    if (Listener* const listener = FindListener(socket)) {
      if (std::exchange(listener->is_telling, false)) listener->handler.OnIo({.readable = true});
    } else if (TlsConnection* const connection = Find(socket)) {
      if (std::exchange(connection->is_telling, false)) connection->Tell();
    }
  }
}

}  // namespace spawner::proxy
