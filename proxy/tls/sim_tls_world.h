#ifndef SPAWNER_PROXY_TLS_SIM_TLS_WORLD_H_
#define SPAWNER_PROXY_TLS_SIM_TLS_WORLD_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "base/address.h"
#include "base/clock.h"
#include "base/random.h"
#include "base/test_certificates.h"
#include "proxy/io/io.h"
#include "proxy/io/sim_io.h"
#include "proxy/io/stream.h"
#include "proxy/tls/sim_tls_client.h"
#include "proxy/tls/tls_io.h"

namespace spawner::proxy {

// A connection that a listener of the TlsIo handed over: keeps what it hears.
class SimTlsPeer final : public IoHandler {
 public:
  SimTlsPeer(Io& io, Accepted accepted);

  void OnIo(IoEvents events) override;
  void Read();
  void Send(absl::string_view bytes) { stream.Write({bytes}); }
  bool is_over() const { return has_end || has_failed; }

  Accepted accepted;
  Stream stream;
  std::string received;
  bool reads = true;
  bool has_end = false;
  bool has_failed = false;
  size_t read_size = 4096;
  std::function<void(SimTlsPeer&)> on_data;
};

// A TlsIo over a simulated network, with a listener and certificates, in virtual time.
class SimTlsWorld final : public IoHandler {
 public:
  explicit SimTlsWorld(uint64_t seed = 1, SimIo::Options options = {}, TlsIo::Options tls = {},
                       bool is_plain = false);
  ~SimTlsWorld() override;

  TestCertificate Issue(absl::string_view name, absl::string_view dns, bool is_rsa = false) const;
  SimTlsClient& NewClient(SimTlsClientOptions options = {});  // connected
  bool RunUntil(absl::FunctionRef<bool()> done, absl::Duration limit = absl::Seconds(30));
  void Run(absl::Duration duration);

  void OnIo(IoEvents events) override;  // of the listener

  FakeClock clock;
  SeededRandom random;
  SimIo network;
  TlsIo io;
  const TestCertificate authority;
  TlsMaterial material;
  Socket listener;
  Address address;
  bool accepts = true;
  std::vector<std::unique_ptr<SimTlsPeer>> peers;
  std::vector<std::unique_ptr<SimTlsClient>> clients;
};

}  // namespace spawner::proxy

#endif  // SPAWNER_PROXY_TLS_SIM_TLS_WORLD_H_
