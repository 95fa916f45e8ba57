// Bytes through a TlsIo come whole and in order whatever the network does, both ways, with blocked
// writers and readers of any appetite; nothing is left open.
#include <algorithm>
#include <string>

#include "gtest/gtest.h"
#include "proxy/tls/sim_tls_world.h"

namespace spawner::proxy {
namespace {

constexpr size_t kTotal = 300'000;

std::string Pattern(uint64_t seed, size_t size) {
  SeededRandom random(seed);
  std::string bytes(size, '\0');
  for (char& byte : bytes) byte = static_cast<char>(random.Next());
  return bytes;
}

// Writes `bytes` as Exchange does: some at a time, in parts, never while blocked.
class Writer {
 public:
  Writer(SimTlsPeer& peer, std::string bytes, Random& random)
      : peer_(peer), bytes_(std::move(bytes)), random_(random) {}
  void Go() {
    while (sent_ < bytes_.size() && !peer_.stream.is_blocked() && !peer_.is_over()) {
      const size_t size = std::min<size_t>(1 + random_.Below(random_.OneIn(2) ? 200 : 150'000),
                                           bytes_.size() - sent_);
      const size_t head = random_.Below(size + 1);
      const absl::string_view piece = absl::string_view(bytes_).substr(sent_, size);
      peer_.stream.Write({piece.substr(0, head), piece.substr(head)});
      sent_ += size;
    }
    if (sent_ == bytes_.size()) peer_.stream.FinishWriting();
  }
  bool is_done() const { return sent_ == bytes_.size() && !peer_.stream.is_blocked(); }

 private:
  SimTlsPeer& peer_;
  const std::string bytes_;
  Random& random_;
  size_t sent_ = 0;
};

void RunOne(uint64_t seed) {
  SCOPED_TRACE(testing::Message() << "seed " << seed);
  SeededRandom random(seed);
  SimTlsWorld world(
      seed, {.fragments = random.OneIn(2), .window_bytes = random.OneIn(2) ? 4096u : 64u * 1024});
  const std::string up = Pattern(seed + 1, kTotal);
  const std::string down = Pattern(seed + 2, kTotal);
  SimTlsClient& client =
      world.NewClient({.version = random.OneIn(2) ? TLS1_2_VERSION : TLS1_3_VERSION});
  client.Send(up);
  ASSERT_TRUE(world.RunUntil([&] { return !world.peers.empty(); }));
  SimTlsPeer& peer = *world.peers[0];
  peer.read_size = 1 + random.Below(random.OneIn(2) ? 300 : 140'000);
  Writer writer(peer, down, random);
  const bool aborts = random.OneIn(4);
  const size_t until = random.Below(kTotal);
  for (int round = 0; round < 1'000'000; ++round) {
    if (aborts && client.received.size() > until) break;
    if (writer.is_done() && client.received.size() == kTotal && peer.received.size() == kTotal) {
      break;
    }
    if (random.OneIn(40)) client.StopReading();
    if (random.OneIn(10)) client.GoOnReading();
    if (random.OneIn(40)) peer.reads = false;
    if (random.OneIn(10)) {
      peer.reads = true;
      peer.Read();
    }
    writer.Go();
    world.io.Wait(absl::Milliseconds(50));
    world.io.Dispatch();
  }
  if (aborts) {
    client.Abort();
    peer.reads = true;
    peer.Read();
    EXPECT_TRUE(world.RunUntil([&] { return peer.is_over(); }));
    EXPECT_EQ(up.compare(0, peer.received.size(), peer.received), 0);
  } else {
    EXPECT_TRUE(peer.received == up) << peer.received.size();
    EXPECT_TRUE(client.received == down) << client.received.size();
    client.GoOnReading();
    EXPECT_TRUE(world.RunUntil([&] { return client.has_clean_end(); }));
    client.Finish();
    peer.reads = true;
    peer.Read();
    EXPECT_TRUE(world.RunUntil([&] { return peer.has_end; }));
  }
  client.Close();
  peer.stream.Close();
  world.Run(absl::Seconds(1));
  EXPECT_EQ(world.network.open_sockets(), 1u);  // the listener
  EXPECT_EQ(world.io.counters().open.value(), 0);
}

TEST(TlsIo, BytesComeWholeAndInOrderWhateverTheNetworkDoes) {
  for (uint64_t seed = 1; seed <= 40; ++seed) {
    RunOne(seed);
    if (HasFailure()) return;
  }
}

// A client that breaks off, or says something else, at any byte of a handshake.
TEST(TlsIo, HandshakesEndAnywhereWithoutATrace) {
  {
    SimTlsWorld world;
    SimTlsClient& client = world.NewClient();
    ASSERT_TRUE(world.RunUntil([&] { return client.is_connected(); }));
  }
  for (uint64_t seed = 1; seed <= 150; ++seed) {
    SCOPED_TRACE(testing::Message() << "seed " << seed);
    SeededRandom random(seed);
    SimTlsWorld world(seed, {.fragments = true});
    SimTlsClient& client = world.NewClient();
    world.Run(absl::Microseconds(static_cast<int64_t>(random.Below(12'000))));
    switch (random.Below(4)) {
      case 0:
        client.Abort();
        break;
      case 1:
        client.Finish(/*with_notify=*/false);
        break;
      case 2:
        client.SendRaw(Pattern(seed, 1 + random.Below(3000)));
        break;
      default:
        client.Close();
    }
    world.RunUntil([&] { return !world.peers.empty() && world.peers[0]->is_over(); },
                   absl::Seconds(15));
    world.peers.clear();
    client.Close();
    world.Run(absl::Seconds(1));
    EXPECT_EQ(world.network.open_sockets(), 1u);
    EXPECT_EQ(world.io.counters().arrivals.value(), 0);
    EXPECT_EQ(world.io.counters().open.value(), 0);
    if (HasFailure()) return;
  }
}

}  // namespace
}  // namespace spawner::proxy
