#ifndef SPAWNER_PROXY_TLS_TLS_IO_H_
#define SPAWNER_PROXY_TLS_TLS_IO_H_

#include <cstddef>
#include <deque>
#include <memory>
#include <optional>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "base/address.h"
#include "base/clock.h"
#include "base/ip_ranges.h"
#include "base/mailbox.h"
#include "proxy/io/address_caps.h"
#include "proxy/io/io.h"
#include "proxy/tls/material.h"
#include "proxy/tls/tls_bench.h"
#include "proxy/tls/tls_connection.h"
#include "proxy/tls/tls_context.h"

namespace spawner::proxy {

// An Io in front of another one (EpollIo, SimIo) whose listeners hand over connections once they
// are ready for HTTP: the PROXY header is read, the TLS handshake is done. What is read from and
// written to such a socket is plain. Every other socket is the inner Io's own.
//   TlsIo io(epoll, clock, {});
//   RETURN_IF_ERROR(io.Apply(material));
//   ASSIGN_OR_RETURN(Socket listener, io.ListenTls(address, worker));
// Thread: the worker's, except Post and counters(). Owner: main, together with the Worker.
class TlsIo final : public Io, public TlsConnection::Owner {
 public:
  struct Options {
    // Listeners expect a PROXY header, and only from `trusted` peers; others are refused.
    bool has_proxy_header = false;
    IpRanges trusted;
    // What TLS connections count for from before their handshake, but for `trusted` addresses: a
    // balancer's are many clients'. Null: nobody counts. Outlives the connections.
    AddressCaps* addresses = nullptr;
    bool offers_h2 = false;
  };

  // `inner` and `clock` outlive it.
  TlsIo(Io& inner, const Clock& clock, Options options);
  ~TlsIo() override;

  // What handshakes from now on use; those that are done go on. INVALID_ARGUMENT: as TlsContext.
  absl::Status Apply(const TlsMaterial& material);
  // The same from any thread, for a material that Apply took elsewhere.
  void Post(TlsMaterial material) { mailbox_.Post(std::move(material)); }
  const TlsCounters& counters() const { return bench_.counters; }
  // Codes as Io::Listen. After Apply.
  absl::StatusOr<Socket> ListenTls(const Address& address, IoHandler& handler);

  absl::StatusOr<Socket> Listen(const Address& address, IoHandler& handler) override;
  absl::StatusOr<Address> LocalAddress(Socket socket) override;
  Accepted Accept(Socket listener) override;
  bool StopListening(Socket listener) override;
  bool Register(Socket socket, IoHandler& handler) override;
  void SetHandler(Socket socket, IoHandler& handler) override;
  absl::StatusOr<Socket> Connect(const Address& address, IoHandler& handler) override;
  IoResult Read(Socket socket, char* bytes, size_t size) override;
  IoResult Write(Socket socket, absl::Span<const iovec> parts) override;
  std::unique_ptr<Splice> NewSplice(Socket from, Socket to) override;
  void ShutdownWrite(Socket socket) override;
  void Close(Socket socket) override;
  bool ClosesCleanly(Socket socket) override;
  void Abort(Socket socket) override;
  bool IsConnected(Socket socket) override;
  void Wait(absl::Duration timeout) override;
  void Dispatch() override;
  void Wake() override { inner_.Wake(); }

  // ---- for TlsConnection ----
  void WantsStep(TlsConnection& connection) override;
  void WantsTell(TlsConnection& connection) override;
  void OnReady(TlsConnection& connection) override;
  void OnGivenUp(TlsConnection& connection) override;
  std::optional<AddressSlot> Count(absl::string_view ip) override;

 private:
  struct Listener final : IoHandler {
    Listener(TlsIo& the_io, IoHandler& the_handler, bool tls)
        : io(the_io), handler(the_handler), is_tls(tls) {}
    void OnIo(IoEvents) override { io.OnBacklog(*this); }

    TlsIo& io;
    IoHandler& handler;
    const bool is_tls;
    Socket socket;
    bool has_backlog = false;  // the kernel's may hold more
    bool is_stopped = false;
    size_t arriving = 0;  // connections of it that are not ready yet
    bool is_telling = false;
    std::deque<Socket> ready;
  };

  absl::StatusOr<Socket> AddListener(const Address& address, IoHandler& handler, bool is_tls);
  void OnBacklog(Listener& listener);
  void Begin(Listener& listener, Accepted accepted);
  void TellListener(Listener& listener);
  void CloseListener(Socket socket);
  Listener* FindListener(Socket socket) const;
  TlsConnection* Find(Socket socket) const;
  // Out of the table; destroyed at the end of the turn, as it may be on the stack.
  void Bury(TlsConnection& connection);
  void RunSteps();
  void RunTells();
  void DropUnusedContexts();

  Io& inner_;
  const Options options_;
  TlsBench bench_;
  Mailbox<TlsMaterial> mailbox_;
  std::vector<CertificatePem> certificates_;                 // of the newest context
  std::vector<std::unique_ptr<TlsContext>> contexts_;        // the newest last; older: still in use
  std::vector<std::unique_ptr<Listener>> listeners_;         // a few
  std::vector<std::unique_ptr<TlsConnection>> connections_;  // by socket
  size_t arriving_ = 0;                                      // connections not ready yet
  std::deque<Socket> steps_;
  std::vector<Socket> tells_;
  std::vector<std::unique_ptr<TlsConnection>> graves_;
};

}  // namespace spawner::proxy

#endif  // SPAWNER_PROXY_TLS_TLS_IO_H_
