#ifndef SPAWNER_PROXY_H2_SIM_H2_WORLD_H_
#define SPAWNER_PROXY_H2_SIM_H2_WORLD_H_

#include <nghttp2/nghttp2.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "absl/time/time.h"
#include "base/check.h"
#include "base/clock.h"
#include "base/random.h"
#include "proxy/h2/limits.h"
#include "proxy/h2/server_connection.h"
#include "proxy/h2/sim_h2_client.h"
#include "proxy/h2/sim_h2_peer.h"
#include "proxy/h2/stream_io.h"
#include "proxy/h2/workspace.h"
#include "proxy/io/io.h"
#include "proxy/io/sim_io.h"
#include "proxy/io/stream.h"
#include "proxy/io/timers.h"

namespace spawner::proxy::h2 {

// A listener whose connections speak HTTP/2, in virtual time.
class World final : public IoHandler, public ServerConnection::Owner {
 public:
  explicit World(uint64_t seed = 1) : random_(seed), network(clock_, random_, {.fragments = true}) {
    listener_ = network.Listen({"10.0.0.1", 80}, *this).value();
    client = std::make_unique<SimH2Client>(network);
    client->Connect({"10.0.0.1", 80});
  }
  ~World() override {
    peers.clear();
    server.reset();
    SPAWNER_CHECK(streams.open_sockets() == 0);
    client.reset();
    network.Close(listener_);
  }

  void OnIo(IoEvents) override {
    const Accepted accepted = network.Accept(listener_);
    if (accepted.kind != Accepted::Kind::kSocket) return;
    Stream stream(network);
    network.Register(accepted.socket, *this);
    stream.Adopt(accepted.socket);
    server = std::make_unique<ServerConnection>(
        ServerConnection::Bench{streams, timers_, now_, scratch_, workspace_, absl::Seconds(10)},
        *this, std::move(stream));
    server->Start("");
    server->OnIo({.readable = true, .writable = true});
  }
  void OnStream(ServerConnection&, Socket socket) override {
    peers.push_back(std::make_unique<Peer>(streams, socket));
  }
  void WantsTurn(ServerConnection&) override { wants_turn_ = true; }
  void OnClosed(ServerConnection&) override { is_closed = true; }
  void OnHeadTimeout() override { ++head_timeouts; }

  template <typename Done>
  bool RunUntil(Done done, absl::Duration limit = absl::Seconds(30)) {
    const Instant end = clock_.Now() + limit;
    while (!done()) {
      if (clock_.Now() >= end) return false;
      const Instant next = std::min(timers_.Next(), end);
      const bool is_busy = wants_turn_ || streams.has_events();
      network.Wait(is_busy ? absl::ZeroDuration()
                           : std::max(absl::ZeroDuration(), next - clock_.Now()));
      now_ = clock_.Now();
      network.Dispatch();
      timers_.Run(now_);
      streams.Dispatch();
      if (std::exchange(wants_turn_, false)) server->RunTurn();
    }
    return true;
  }
  bool IsOver(int32_t id) { return client->replies[id].is_over; }
  // The client has the settings: what it sends from now on comes behind its preface.
  bool Greet() {
    return RunUntil(
        [&] { return client->Setting(NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS) == kStreamsMax; });
  }
  bool WaitForPeers(size_t count) {
    return RunUntil([&] { return peers.size() == count; });
  }

 private:
  FakeClock clock_;
  SeededRandom random_;
  Timers timers_;
  Instant now_ = clock_.Now();
  Socket listener_;
  bool wants_turn_ = false;
  char scratch_[kReadBytes];
  Workspace workspace_;

 public:
  SimIo network;
  StreamIo streams;
  std::vector<std::unique_ptr<Peer>> peers;
  std::unique_ptr<ServerConnection> server;
  std::unique_ptr<SimH2Client> client;
  bool is_closed = false;
  int head_timeouts = 0;
};

}  // namespace spawner::proxy::h2

#endif  // SPAWNER_PROXY_H2_SIM_H2_WORLD_H_
