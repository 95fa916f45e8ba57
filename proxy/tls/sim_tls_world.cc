#include "proxy/tls/sim_tls_world.h"

#include "absl/strings/str_cat.h"
#include "base/check.h"

namespace spawner::proxy {

SimTlsPeer::SimTlsPeer(Io& io, Accepted the_accepted)
    : accepted(std::move(the_accepted)), stream(io) {
  SPAWNER_CHECK(io.Register(accepted.socket, *this));
  stream.Adopt(accepted.socket);
}

void SimTlsPeer::OnIo(IoEvents events) {
  stream.OnIo(events);
  if (!stream.Flush()) has_failed = true;
  if (reads) Read();
}

void SimTlsPeer::Read() {
  std::string bytes(read_size, '\0');
  while (stream.is_open() && !is_over()) {
    const IoResult read = stream.Read(bytes.data(), bytes.size());
    if (read.kind == IoResult::Kind::kBlocked) return;
    has_end = read.kind == IoResult::Kind::kEnd;
    has_failed = has_failed || read.kind == IoResult::Kind::kFailed;
    received.append(bytes, 0, read.size);
    if (on_data && read.is_bytes()) on_data(*this);
  }
}

SimTlsWorld::SimTlsWorld(uint64_t seed, SimIo::Options options, TlsIo::Options tls, bool is_plain)
    : random(seed),
      network(clock, random, options),
      io(network, clock, std::move(tls)),
      authority(MakeTestCertificate({.common_name = "authority"})) {
  const TestCertificate first = Issue("first", "DNS:app.test");
  material.certificates = {{"first", first.cert_pem, first.key_pem}};
  material.ticket_keys = {TicketKeyFromSecret("a secret of this test, 32 bytes....")};
  SPAWNER_CHECK(io.Apply(material).ok());
  const Address wanted = {"10.0.0.9", 443};
  absl::StatusOr<Socket> bound = is_plain ? io.Listen(wanted, *this) : io.ListenTls(wanted, *this);
  SPAWNER_CHECK(bound.ok());
  listener = *bound;
  address = *io.LocalAddress(listener);
}

SimTlsWorld::~SimTlsWorld() {
  peers.clear();
  clients.clear();
}

TestCertificate SimTlsWorld::Issue(absl::string_view name, absl::string_view dns,
                                   bool is_rsa) const {
  return MakeTestCertificate({.common_name = std::string(name),
                              .names = std::string(dns),
                              .issuer = &authority,
                              .is_rsa = is_rsa});
}

SimTlsClient& SimTlsWorld::NewClient(SimTlsClientOptions options) {
  if (options.authority_pem.empty()) options.authority_pem = authority.cert_pem;
  clients.push_back(std::make_unique<SimTlsClient>(network, std::move(options)));
  clients.back()->Connect(address);
  return *clients.back();
}

void SimTlsWorld::OnIo(IoEvents) {
  while (accepts) {
    Accepted accepted = io.Accept(listener);
    if (accepted.kind == Accepted::Kind::kEmpty) return;
    if (accepted.kind == Accepted::Kind::kRefused) continue;
    peers.push_back(std::make_unique<SimTlsPeer>(io, std::move(accepted)));
  }
}

bool SimTlsWorld::RunUntil(absl::FunctionRef<bool()> done, absl::Duration limit) {
  const Instant end = clock.Now() + limit;
  while (!done()) {
    if (clock.Now() >= end) return false;
    io.Wait(end - clock.Now());
    io.Dispatch();
  }
  return true;
}

void SimTlsWorld::Run(absl::Duration duration) {
  RunUntil([] { return false; }, duration);
}

}  // namespace spawner::proxy
