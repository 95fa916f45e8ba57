// Random clients, backends, routes and faults from a seed, in a network that fragments everything.
// Whatever happens: each request has one outcome, no byte is lost or reordered, a response that is
// not whole never looks whole, and counts return to zero.
#include <cstdio>
#include <cstdlib>
#include <deque>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "gtest/gtest.h"
#include "proxy/forward/sim_world.h"
#include "proxy/http/body_scanner.h"
#include "proxy/http/head.h"
#include "proxy/http/head_scanner.h"

namespace spawner::proxy {
namespace {

constexpr char kSwitch[] =
    "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n";

// Takes the first whole message off `bytes`. False: there is none yet, or it is malformed.
template <typename Head, typename... Args>
bool TakeMessage(std::string& bytes, Head& head, std::string& kept_head, std::string& payload,
                 Args... args) {
  HeadScanner scanner;
  if (scanner.Scan(bytes) != HeadScanner::State::kComplete) return false;
  kept_head = bytes.substr(0, scanner.size());
  if (head.Parse(kept_head, args...).is_error()) return false;
  BodyScanner body(head.body);
  payload.clear();
  const BodyScanner::Result result =
      body.Scan(absl::string_view(bytes).substr(scanner.size()), &payload);
  if (!result.is_valid || !body.is_done()) return false;
  bytes.erase(0, scanner.size() + result.taken);
  return true;
}

// Echoes "{path}:{body}" in a random framing, and now and then breaks.
class Echo {
 public:
  explicit Echo(Random& random) : random_(random) {}

  void operator()(SimPeer& peer) {
    while (TakeMessage(peer.received, head_, kept_, payload_)) {
      if (!head_.upgrade.empty()) {
        peer.Send(kSwitch);
        peer.on_data = [](SimPeer& tunnel) {
          tunnel.Send(tunnel.received);
          tunnel.received.clear();
          if (tunnel.has_ended()) tunnel.Finish();
        };
        return peer.on_data(peer);
      }
      Answer(peer, head_.is_head() ? "" : absl::StrCat(head_.path, ":", payload_));
      if (!peer.is_open()) return;
    }
  }

 private:
  void Answer(SimPeer& peer, const std::string& body) {
    const std::string with_length =
        absl::StrCat("HTTP/1.1 200 OK\r\nContent-Length: ", body.size(), "\r\n\r\n", body);
    switch (random_.Below(20)) {
      case 0:  // not whole
        peer.Send(with_length.substr(0, 1 + random_.Below(with_length.size())));
        return peer.Close();
      case 1:
        return peer.Abort();
      case 2:
        peer.Send("HTTP/1.1 200 OK\r\nContent-Length: +1\r\n\r\n");
        return;
      case 3:
        peer.Send(with_length);
        return peer.Finish();  // may die while idle
      case 4:
      case 5:
        peer.Send(absl::StrFormat(
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n%s0\r\n\r\n",
            body.empty() ? "" : absl::StrFormat("%x\r\n%s\r\n", body.size(), body)));
        return;
      case 6:
        peer.Send(absl::StrCat("HTTP/1.0 200 OK\r\n\r\n", body));
        return peer.Finish();
      default:
        peer.Send(with_length);
    }
  }

  Random& random_;
  RequestHead head_;
  std::string kept_;
  std::string payload_;
};

struct Asked {
  std::string echo;
  bool is_head = false;
};

// A client that asks and checks what it is told.
class Client {
 public:
  Client(SimWorld& world, Random& random, int number)
      : random_(random), peer_(world.NewClient()), number_(number) {
    is_tunnel_ = random_.OneIn(4);
    if (!is_tunnel_) return;
    peer_.Send(
        "GET /ws HTTP/1.1\r\nHost: a.test\r\nUpgrade: websocket\r\n"
        "Connection: Upgrade\r\n\r\n");
    ++asked_total_;
  }

  void Act() {
    Check();
    if (!peer_.is_open() || has_left_) return;
    if (random_.OneIn(40)) return random_.OneIn(2) ? peer_.Abort() : peer_.Close();
    if (is_tunnel_ && absl::StartsWith(peer_.received, "HTTP/1.1 101 ")) return SendFrame();
    if (is_tunnel_) return;
    if (asked_.size() < 4 && random_.OneIn(2)) Ask();
  }

  // Takes in whole responses; anything left when the connection ends cleanly is a false end.
  void Check() {
    if (is_tunnel_) return CheckTunnel();
    while (!asked_.empty() &&
           TakeMessage(peer_.received, response_, kept_, payload_, asked_.front().is_head)) {
      const Asked asked = asked_.front();
      asked_.pop_front();
      if (response_.status == 200) {
        EXPECT_EQ(payload_, asked.is_head ? "" : asked.echo) << number_;
      } else {
        // Never 400: what the client sent was well-formed.
        EXPECT_TRUE(response_.status > 400 && response_.status < 505) << response_.status;
      }
      if (!response_.is_persistent) has_left_ = true;
    }
    // A body until close is whole only now.
    if (peer_.has_ended() && !asked_.empty() && !peer_.received.empty()) {
      EXPECT_TRUE(absl::EndsWith(peer_.received, absl::StrCat("\r\n\r\n", asked_.front().echo)) ||
                  asked_.front().is_head)
          << number_ << ": a clean end after " << peer_.received;
      peer_.received.clear();
    }
  }

  void Leave() {
    if (peer_.is_open()) peer_.Close();
  }
  int64_t asked_total() const { return asked_total_; }

 private:
  void Ask() {
    const std::string path = absl::StrCat("/", number_, "/", asked_total_++);
    const std::string body(random_.Below(random_.OneIn(8) ? 300'000 : 50), 'b');
    std::string head = absl::StrCat(path, " HTTP/1.1\r\nHost: a.test\r\n");
    switch (random_.Below(4)) {
      case 0:
        peer_.Send(absl::StrCat("GET ", head, "\r\n"));
        return asked_.push_back({absl::StrCat(path, ":")});
      case 1:
        peer_.Send(absl::StrCat("HEAD ", head, "\r\n"));
        return asked_.push_back({absl::StrCat(path, ":"), true});
      case 2:
        peer_.Send(absl::StrCat("PUT ", head, "Content-Length: ", body.size(), "\r\n\r\n", body));
        return asked_.push_back({absl::StrCat(path, ":", body)});
      default:
        peer_.Send(absl::StrFormat(
            "POST %sTransfer-Encoding: chunked\r\n\r\n%s0\r\n\r\n", head,
            body.empty() ? "" : absl::StrFormat("%x\r\n%s\r\n", body.size(), body)));
        return asked_.push_back({absl::StrCat(path, ":", body)});
    }
  }

  void SendFrame() {
    const size_t length = random_.Below(126);
    std::string frame = {'\x82', static_cast<char>(length)};
    for (size_t i = 0; i < length; ++i) frame.push_back(static_cast<char>('a' + sent_.size() % 26));
    sent_ += frame;
    peer_.Send(frame);
    if (random_.OneIn(30)) {
      peer_.Finish();
      has_left_ = true;
    }
  }

  void CheckTunnel() {
    const size_t head_end = peer_.received.find("\r\n\r\n");
    if (!absl::StartsWith(peer_.received, "HTTP/1.1 101 ") || head_end == std::string::npos) return;
    absl::string_view echoed = absl::string_view(peer_.received).substr(head_end + 4);
    const size_t close = echoed.find('\x88');
    if (close == absl::string_view::npos) {
      EXPECT_TRUE(absl::StartsWith(sent_, echoed)) << number_;
      return;
    }
    EXPECT_LE(echoed.size() - close, 4u) << number_;
    EXPECT_TRUE(absl::StartsWith(sent_, echoed.substr(0, close))) << number_;
    // Our close frame stands between two frames of the backend's.
    size_t boundary = 0;
    while (boundary < close) boundary += 2 + static_cast<uint8_t>(sent_[boundary + 1]);
    EXPECT_EQ(boundary, close) << number_;
  }

  Random& random_;
  SimPeer& peer_;
  const int number_;
  bool is_tunnel_ = false;
  bool has_left_ = false;
  std::deque<Asked> asked_;
  int64_t asked_total_ = 0;
  std::string sent_;
  ResponseHead response_;
  std::string kept_;
  std::string payload_;
};

// How often each status came out, over all seeds: the test must reach all of these.
using Outcomes = std::map<int, int64_t>;
constexpr int kSplices = -1;  // bodies that nobody read, in parts

void RunOnce(uint64_t seed, Outcomes* outcomes) {
  SCOPED_TRACE(absl::StrCat("SEED=", seed));
  SeededRandom random(seed * 7919);
  SimWorld world(seed,
                 {.delay_max = absl::Microseconds(1 + static_cast<int64_t>(random.Below(5000))),
                  .fragments = true,
                  .window_bytes = size_t{1} << (8 + random.Below(9)),
                  .splices = seed % 2 == 0});
  Echo echo(random);
  SimBackend backend(world.io, [&echo](SimPeer& peer) { echo(peer); });
  const Address address = backend.Listen({"10.0.1.1", 8080});
  uint64_t epoch = 1;
  const auto set = [&](RouteState state) {
    world.SetRoute({.session_id = "a",
                    .epoch = epoch,
                    .state = state,
                    .ip = address.ip,
                    .port = address.port,
                    .hold_timeout = absl::Milliseconds(300)});
  };
  set(RouteState::kOpen);
  std::vector<std::unique_ptr<Client>> clients;
  for (int step = 0; step < 400; ++step) {
    if (clients.size() < 12 && random.OneIn(10)) {
      clients.push_back(std::make_unique<Client>(world, random, static_cast<int>(clients.size())));
    }
    for (const auto& client : clients) client->Act();
    if (random.OneIn(25)) {
      const uint64_t kind = random.Below(6);
      if (kind == 0) ++epoch;
      set(kind == 1   ? RouteState::kEnded
          : kind == 2 ? RouteState::kGated
          : kind == 3 ? RouteState::kHold
                      : RouteState::kOpen);
    }
    if (random.OneIn(50)) backend.StopListening();
    if (random.OneIn(10)) {
      backend.StopListening();
      backend.Listen(address);
    }
    world.Run(absl::Milliseconds(random.Below(20)));
  }
  set(RouteState::kOpen);
  world.Run(absl::Seconds(60));
  int64_t asked = 0;
  for (const auto& client : clients) {
    client->Check();
    client->Leave();
    asked += client->asked_total();
  }
  world.Run(absl::Seconds(120));
  const Counters& counters = world.worker->counters();
  EXPECT_EQ(world.reports.Last("a", epoch).open, 0);
  EXPECT_EQ(world.reports.Last("a", epoch).held, 0);
  EXPECT_EQ(counters.held.value(), 0);
  EXPECT_EQ(counters.tunnels.value(), 0);
  EXPECT_EQ(counters.clients.value(), 0);
  EXPECT_EQ(counters.upstreams.value(), 0);
  int64_t finished = 0;
  for (size_t status = 0; status < counters.requests.size(); ++status) {
    const int64_t count = counters.requests[status].value();
    finished += count;
    if (count > 0) (*outcomes)[static_cast<int>(status)] += count;
  }
  EXPECT_LE(finished, asked);  // a client may have left before its request came
  EXPECT_GT(finished, 0);
  (*outcomes)[kSplices] += static_cast<int64_t>(world.io.splices_made());
  EXPECT_EQ(counters.requests[400].value(), 0);
}

TEST(ForwardProperty, EachRequestHasOneOutcomeAndCountsReturnToZero) {
  Outcomes outcomes;
  const char* chosen = std::getenv("SEED");
  if (uint64_t seed = 0; chosen != nullptr && absl::SimpleAtoi(chosen, &seed)) {
    return RunOnce(seed, &outcomes);
  }
  for (uint64_t seed = 1; seed <= 60 && !HasFailure(); ++seed) RunOnce(seed, &outcomes);
  for (const auto& [status, count] : outcomes) {
    std::printf("status %d: %lld\n", status, static_cast<long long>(count));
  }
  for (int status : {kSplices, 101, 200, 410, 499, 502, 504})
    EXPECT_GT(outcomes[status], 0) << status;
}

}  // namespace
}  // namespace spawner::proxy
