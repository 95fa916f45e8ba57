// Requests as text over a ClientPool, to backends of a simulated network.
#include "proxy/h2/client_pool.h"

#include <nghttp2/nghttp2.h>

#include <algorithm>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "base/address.h"
#include "base/clock.h"
#include "base/random.h"
#include "gtest/gtest.h"
#include "proxy/h2/limits.h"
#include "proxy/h2/sim_h2_backend.h"
#include "proxy/io/io.h"
#include "proxy/io/sim_io.h"
#include "proxy/io/stream.h"
#include "proxy/io/timers.h"

namespace spawner::proxy::h2 {
namespace {

constexpr absl::string_view kGet = "GET /a HTTP/1.1\r\nHost: x\r\n\r\n";
constexpr absl::string_view kPostChunked =
    "POST /p HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n";

// Who asks, as proxy/forward does: writes once connected, reads until the end.
class Asker final : public IoHandler {
 public:
  Asker(StreamIo& io, const Address& address, absl::string_view text) : stream(io), to_send(text) {
    absl::StatusOr<Socket> socket = io.Connect(address, *this);
    status = socket.status();
    if (!socket.ok()) return;
    stream.Adopt(*socket);
    is_connected = io.IsConnected(*socket);
    Send();
  }
  void OnIo(IoEvents events) override {
    stream.OnIo(events);
    if (!is_connected && (events.failed || events.hangup)) return Fail();
    is_connected |= events.writable;
    stream.Flush();
    Send();
    if (reads) Read();
  }
  void Fail() {
    has_failed = true;
    failure_code = stream.failure_code();
    stream.Close();
  }
  void Write(absl::string_view text) {
    to_send.append(text.data(), text.size());
    Send();
  }
  void Send() {
    while (is_connected && stream.is_open() && !stream.is_blocked() && !to_send.empty()) {
      const std::string piece = to_send.substr(0, 16 * 1024);
      if (!stream.Write({piece})) return;
      most_kept = std::max(most_kept, stream.kept());
      to_send.erase(0, piece.size());
    }
  }
  void Read() {
    char bytes[4096];
    while (stream.is_open()) {
      const IoResult read = stream.Read(bytes, sizeof(bytes));
      if (read.kind == IoResult::Kind::kBlocked) return;
      if (read.kind == IoResult::Kind::kFailed) return Fail();
      has_end |= read.kind == IoResult::Kind::kEnd;
      if (!read.is_bytes()) return stream.Close();
      got.append(bytes, read.size);
    }
  }
  void GoOnReading() {
    reads = true;
    Read();
  }

  absl::Status status;
  Stream stream;
  std::string to_send;
  std::string got;
  size_t most_kept = 0;
  uint32_t failure_code = 0;
  bool reads = true;
  bool is_connected = false;
  bool has_end = false;
  bool has_failed = false;
};

class ClientPoolTest : public testing::Test {
 protected:
  explicit ClientPoolTest(SimIo::Options options = {})
      : random_(7), io_(clock_, random_, options), now_(clock_.Now()) {}
  ~ClientPoolTest() override {
    askers_.clear();
    pool_.CutOff();
    EXPECT_EQ(pool_.io().open_sockets(), 0u);
  }

  Asker& Ask(absl::string_view text = kGet) {
    askers_.push_back(std::make_unique<Asker>(pool_.io(), address_, text));
    return *askers_.back();
  }
  void Turn(absl::Duration wait) {
    io_.Wait(pool_.has_more() ? absl::ZeroDuration() : std::min(wait, timers_.Next() - now_));
    now_ = clock_.Now();
    io_.Dispatch();
    timers_.Run(now_);
    pool_.RunTurn();
  }
  void Run(absl::Duration duration) {
    const Instant end = clock_.Now() + duration;
    while (clock_.Now() < end) Turn(end - clock_.Now());
  }
  template <typename Done>
  bool Until(Done done, absl::Duration limit = absl::Seconds(4)) {
    const Instant end = clock_.Now() + limit;
    while (!done()) {
      if (clock_.Now() >= end) return false;
      Turn(end - clock_.Now());
    }
    return true;
  }
  SimH2Backend::Connection& Backend(size_t index = 0) { return *backend_.connections[index]; }
  SimH2Backend::Request& Request(int32_t id = 1, size_t index = 0) {
    return Backend(index).requests[id];
  }

  FakeClock clock_;
  SeededRandom random_;
  SimIo io_;
  Timers timers_;
  Instant now_;
  std::vector<char> scratch_ = std::vector<char>(kReadBytes);
  const Address address_ = {"10.0.1.1", 50051};
  SimH2Backend backend_{io_, address_};
  ClientPool pool_{{io_, timers_, now_, scratch_.data()}};
  std::vector<std::unique_ptr<Asker>> askers_;
};

TEST_F(ClientPoolTest, GetsAResponse) {
  backend_.on_request = Echoing("hello");
  Asker& asker = Ask();
  ASSERT_TRUE(Until([&] { return asker.has_end; }));
  EXPECT_EQ(asker.got,
            "HTTP/1.1 200 \r\nx-id: 1\r\ntransfer-encoding: chunked\r\nconnection: close\r\n\r\n"
            "5\r\nhello\r\n0\r\n\r\n");
  EXPECT_EQ(Request().head,
            ":method: GET\n:scheme: http\n:authority: x\n:path: /a\nte: trailers\n");
  EXPECT_TRUE(Request().is_over);
  EXPECT_EQ(Request().code, 0u);
}

TEST_F(ClientPoolTest, WritesNothingBeforeSettingsProveHttp2) {
  backend_.sends_settings = false;
  Asker& asker = Ask();
  Run(absl::Seconds(1));
  EXPECT_FALSE(asker.is_connected);
  Backend().SendSettings();
  Run(absl::Seconds(1));
  EXPECT_TRUE(asker.is_connected);
  EXPECT_EQ(Request().head.substr(0, 13), ":method: GET\n");
}

TEST_F(ClientPoolTest, FailsIfNobodyListensOrAnswers) {
  backend_.sends_settings = false;
  Asker& silent = Ask();
  ASSERT_TRUE(Until([&] { return silent.has_failed; }, 2 * kBackendConnectTimeout));
  EXPECT_EQ(pool_.size(), 0u);
  backend_.StopListening();
  Asker& refused = Ask();
  ASSERT_TRUE(Until([&] { return refused.has_failed || !refused.status.ok(); }));
  EXPECT_EQ(pool_.size(), 0u);
}

TEST_F(ClientPoolTest, FailsIfHttp1IsSpoken) {
  backend_.StopListening();
  struct Http1 final : IoHandler {
    explicit Http1(SimIo& the_io) : io(the_io) {}
    void OnIo(IoEvents) override {
      const Accepted accepted = io.Accept(listener);
      if (accepted.kind != Accepted::Kind::kSocket) return;
      const absl::string_view text = "HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n";
      const iovec part = {const_cast<char*>(text.data()), text.size()};
      io.Register(accepted.socket, *this);
      io.Write(accepted.socket, absl::MakeConstSpan(&part, 1));
    }
    SimIo& io;
    Socket listener;
  } http1(io_);
  http1.listener = *io_.Listen(address_, http1);
  Asker& asker = Ask();
  ASSERT_TRUE(Until([&] { return asker.has_failed; }, absl::Seconds(1)));
}

TEST_F(ClientPoolTest, SharesOneConnectionWithinThePeersLimit) {
  backend_.streams_max = 3;
  for (int i = 0; i < 20; ++i) Ask();
  Run(absl::Seconds(1));
  // 8 connections of 3 streams each are more than 20 need: one after the other was opened.
  EXPECT_EQ(pool_.size(), 7u);
  for (const auto& connection : backend_.connections) {
    EXPECT_LE(connection->requests.size(), 3u);
  }
  backend_.on_request = Echoing("x");
  for (const auto& connection : backend_.connections) {
    for (auto& [id, request] : connection->requests) backend_.on_request(*connection, id, request);
  }
  Run(absl::Seconds(1));
  for (const auto& asker : askers_) EXPECT_TRUE(asker->has_end);
}

TEST_F(ClientPoolTest, LetsRequestsWaitForAStreamAndNoMoreThanItsBound) {
  backend_.streams_max = 1;
  for (size_t i = 0; i < kBackendConnectionsMax; ++i) Ask();
  Run(absl::Seconds(1));
  EXPECT_EQ(pool_.size(), kBackendConnectionsMax);
  for (size_t i = 0; i < kBackendQueueMax; ++i) EXPECT_TRUE(Ask().status.ok());
  EXPECT_EQ(Ask().status.code(), absl::StatusCode::kResourceExhausted);
  askers_.pop_back();
  // One that goes away makes room; those before it are served in order.
  askers_.erase(askers_.begin() + static_cast<int>(kBackendConnectionsMax));
  EXPECT_TRUE(Ask().status.ok());
  backend_.on_request = Echoing("x");
  for (const auto& connection : backend_.connections) {
    for (auto& [id, request] : connection->requests) backend_.on_request(*connection, id, request);
  }
  ASSERT_TRUE(Until([&] { return askers_.back()->has_end; }, absl::Seconds(60)));
  Run(absl::Seconds(1));
  for (const auto& asker : askers_) EXPECT_TRUE(asker->has_end);
}

TEST_F(ClientPoolTest, StreamsBothWaysAtOnce) {
  Asker& asker = Ask(kPostChunked);
  Run(absl::Milliseconds(50));
  Backend().Head(1, {{":status", "200"}});
  Run(absl::Milliseconds(50));
  EXPECT_TRUE(absl::StrContains(asker.got, "HTTP/1.1 200"));
  for (int i = 0; i < 5; ++i) {
    asker.got.clear();
    asker.Write("4\r\nping\r\n");
    ASSERT_TRUE(Until([&] { return Request().body.size() == 4u * (i + 1); }));
    Backend().Data(1, "pong");
    ASSERT_TRUE(Until([&] { return asker.got == "4\r\npong\r\n"; }));
  }
  EXPECT_FALSE(Request().has_end);
  asker.got.clear();
  asker.Write("0\r\nx-sum: 5\r\n\r\n");
  ASSERT_TRUE(Until([&] { return Request().has_end; }));
  EXPECT_EQ(Request().trailers, "x-sum: 5\n");
  Backend().Data(1, "", true, {{"grpc-status", "0"}, {"grpc-message", "fine"}});
  ASSERT_TRUE(Until([&] { return asker.has_end; }));
  EXPECT_EQ(asker.got, "0\r\ngrpc-status: 0\r\ngrpc-message: fine\r\n\r\n");
}

TEST_F(ClientPoolTest, TellsOfTrailersOnly) {
  Asker& asker = Ask();
  Run(absl::Milliseconds(50));
  Backend().Head(1, {{":status", "200"}, {"grpc-status", "12"}}, true);
  ASSERT_TRUE(Until([&] { return asker.has_end; }));
  EXPECT_EQ(asker.got,
            "HTTP/1.1 200 \r\ngrpc-status: 12\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
}

TEST_F(ClientPoolTest, PassesInterimResponses) {
  Asker& asker = Ask();
  Run(absl::Milliseconds(50));
  Backend().Head(1, {{":status", "103"}, {"link", "</a>"}});
  Backend().Head(1, {{":status", "204"}}, true);
  ASSERT_TRUE(Until([&] { return asker.has_end; }));
  EXPECT_EQ(asker.got,
            "HTTP/1.1 103 \r\nlink: </a>\r\n\r\nHTTP/1.1 204 \r\nconnection: close\r\n\r\n");
}

TEST_F(ClientPoolTest, FailsOnMoreInterimResponsesThanItsBound) {
  Asker& asker = Ask();
  Run(absl::Milliseconds(50));
  for (int i = 0; i <= kInterimsMax; ++i) Backend().Head(1, {{":status", "103"}});
  ASSERT_TRUE(Until([&] { return asker.has_failed && Request().is_over; }));
  EXPECT_EQ(Request().code, static_cast<uint32_t>(NGHTTP2_PROTOCOL_ERROR));
}

// A test's table: what the backend does to stream 1, which had better not pass for a response.
TEST_F(ClientPoolTest, FailsOnBrokenResponses) {
  using Backend = SimH2Backend::Connection;
  const std::vector<std::function<void(Backend&)>> deeds = {
      [](Backend& backend) { backend.Reset(1, NGHTTP2_INTERNAL_ERROR); },
      [](Backend& backend) { backend.Reset(1, NGHTTP2_NO_ERROR); },
      [](Backend& backend) {
        backend.Head(1, {{":status", "200"}, {"content-length", "5"}});
        backend.Data(1, "four", true);
      },
      [](Backend& backend) {
        backend.Head(1, {{":status", "200"}});
        backend.Data(1, "half");
        backend.Reset(1, NGHTTP2_CANCEL);
      },
      [](Backend& backend) {
        backend.Head(1, {{":status", "200"}, {"x", std::string(40 * 1024, 'x')}}, true);
      },
      [](Backend& backend) { backend.Close(); },
  };
  for (size_t i = 0; i < deeds.size(); ++i) {
    Asker& asker = Ask();
    ASSERT_TRUE(
        Until([&] { return !backend_.connections.empty() && !this->Backend().requests.empty(); }));
    deeds[i](this->Backend());
    EXPECT_TRUE(Until([&] { return asker.has_failed; })) << i;
    EXPECT_FALSE(asker.has_end) << i;
    pool_.CutOff();
    Run(absl::Milliseconds(50));
    backend_.connections.clear();
  }
}

TEST_F(ClientPoolTest, ResetsTheStreamOfWhoLeaves) {
  Asker& asker = Ask(kPostChunked);
  Run(absl::Milliseconds(50));
  ASSERT_TRUE(Request().has_head);
  asker.stream.Close();
  ASSERT_TRUE(Until([&] { return Request().is_over; }));
  EXPECT_EQ(Request().code, static_cast<uint32_t>(NGHTTP2_CANCEL));
  // The connection serves on.
  backend_.on_request = Echoing("x");
  Asker& next = Ask();
  ASSERT_TRUE(Until([&] { return next.has_end; }));
  EXPECT_EQ(pool_.size(), 1u);
}

TEST_F(ClientPoolTest, SaysWhyAStreamWasReset) {
  Asker& asker = Ask(kPostChunked);
  ASSERT_TRUE(Until([&] { return !backend_.connections.empty() && Request().has_head; }));
  Backend().Reset(1, NGHTTP2_ENHANCE_YOUR_CALM);
  ASSERT_TRUE(Until([&] { return asker.has_failed; }));
  EXPECT_EQ(asker.failure_code, static_cast<uint32_t>(NGHTTP2_ENHANCE_YOUR_CALM));
  Asker& next = Ask(kPostChunked);
  ASSERT_TRUE(Until([&] { return Request(3).has_head; }));
  next.stream.Abort(NGHTTP2_INTERNAL_ERROR);
  ASSERT_TRUE(Until([&] { return Request(3).is_over; }));
  EXPECT_EQ(Request(3).code, static_cast<uint32_t>(NGHTTP2_INTERNAL_ERROR));
  // A connection that dies says nothing.
  Asker& last = Ask(kPostChunked);
  ASSERT_TRUE(Until([&] { return Request(5).has_head; }));
  Backend().Close();
  ASSERT_TRUE(Until([&] { return last.has_failed; }));
  EXPECT_EQ(last.failure_code, 0u);
}

TEST_F(ClientPoolTest, FreesAStreamThatIsClosedBeforeItBegan) {
  backend_.streams_max = 1;
  Asker& asker = Ask("");
  Run(absl::Milliseconds(50));
  EXPECT_TRUE(asker.is_connected);
  asker.stream.Close();
  backend_.on_request = Echoing("x");
  Asker& next = Ask();
  ASSERT_TRUE(Until([&] { return next.has_end; }));
  EXPECT_EQ(pool_.size(), 1u);
}

TEST_F(ClientPoolTest, HoldsTheBackendUpWhileNobodyReads) {
  Asker& slow = Ask();
  Asker& fast = Ask();
  slow.reads = false;
  Run(absl::Milliseconds(50));
  const std::string big(4 * kStreamWindowBytes, 'x');
  for (const int32_t id : {1, 3}) {
    Backend().Head(id, {{":status", "200"}});
    Backend().Data(id, big, true);
  }
  Run(absl::Seconds(2));
  EXPECT_TRUE(fast.has_end);
  EXPECT_GT(fast.got.size(), big.size());
  // What is left there has not been let through.
  EXPECT_EQ(Request(1).to_send.size(), big.size() - kStreamWindowBytes);
  slow.GoOnReading();
  ASSERT_TRUE(Until([&] { return slow.has_end; }));
  EXPECT_GT(slow.got.size(), big.size());
}

TEST_F(ClientPoolTest, KeepsNoMoreThanItsBoundForABackendThatDoesNotRead) {
  backend_.consumes = false;
  const std::string big(1024 * 1024, 'x');
  Asker& asker = Ask(
      absl::StrCat("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: ", big.size(), "\r\n\r\n", big));
  Run(absl::Seconds(1));
  EXPECT_EQ(Request().body.size(), 65535u);  // RFC 9113 6.9.2
  EXPECT_EQ(asker.to_send.size() + asker.stream.kept(), big.size() - 65535 - kStreamOutBytesMax);
  EXPECT_LE(asker.most_kept, 16u * 1024);
  backend_.consumes = true;
  Backend().Consume(1, 65535);
  ASSERT_TRUE(Until([&] { return Request().has_end; }));
  EXPECT_EQ(Request().body, big);
}

TEST_F(ClientPoolTest, AsksAgainWhatAGoawayLeftOut) {
  backend_.on_request = Echoing("x");
  Asker& first = Ask();
  ASSERT_TRUE(Until([&] { return first.has_end; }));
  // On its way when the backend says that 1 was the last.
  Asker& second = Ask();
  Backend().GoAway(1);
  ASSERT_TRUE(Until([&] { return second.has_end; }));
  EXPECT_EQ(backend_.connections.size(), 2u);
  EXPECT_EQ(Request(1, 1).head,
            ":method: GET\n:scheme: http\n:authority: x\n:path: /a\n"
            "te: trailers\n");
  ASSERT_TRUE(Until([&] { return pool_.size() == 1; }));
}

TEST_F(ClientPoolTest, LetsStreamsFinishAfterAGoaway) {
  Asker& asker = Ask();
  Run(absl::Milliseconds(50));
  Backend().GoAway(1);
  Run(absl::Milliseconds(50));
  Asker& next = Ask();
  Run(absl::Milliseconds(50));
  EXPECT_EQ(pool_.size(), 2u);
  Backend().Head(1, {{":status", "204"}}, true);
  Backend(1).Head(1, {{":status", "204"}}, true);
  ASSERT_TRUE(Until([&] { return asker.has_end && next.has_end; }));
  ASSERT_TRUE(Until([&] { return pool_.size() == 1; }));
}

TEST_F(ClientPoolTest, AsksOnceMoreAfterRefusedStream) {
  int refused = 0;
  backend_.on_request = [&](SimH2Backend::Connection& connection, int32_t id,
                            SimH2Backend::Request&) {
    if (refused++ < 1) return connection.Reset(id, NGHTTP2_REFUSED_STREAM);
    connection.Head(id, {{":status", "204"}}, true);
  };
  Asker& asker = Ask();
  ASSERT_TRUE(Until([&] { return asker.has_end; }));
  EXPECT_EQ(refused, 2);
  backend_.on_request = [&](SimH2Backend::Connection& connection, int32_t id,
                            SimH2Backend::Request&) {
    ++refused;
    connection.Reset(id, NGHTTP2_REFUSED_STREAM);
  };
  Asker& again = Ask();
  ASSERT_TRUE(Until([&] { return again.has_failed; }));
  EXPECT_EQ(refused, 4);
}

TEST_F(ClientPoolTest, ReplaysNoBody) {
  int asked = 0;
  backend_.on_request = [&](SimH2Backend::Connection& connection, int32_t id,
                            SimH2Backend::Request& request) {
    if (request.body.empty()) return;
    ++asked;
    connection.Reset(id, NGHTTP2_REFUSED_STREAM);
  };
  Asker& asker = Ask(absl::StrCat(kPostChunked, "1\r\nx\r\n"));
  ASSERT_TRUE(Until([&] { return asker.has_failed; }));
  EXPECT_EQ(asked, 1);
}

TEST_F(ClientPoolTest, DoesNotAskAgainWhatADeadConnectionHadTaken) {
  Asker& asker = Ask();
  Run(absl::Milliseconds(50));
  Backend().Close();
  ASSERT_TRUE(Until([&] { return asker.has_failed; }));
  EXPECT_EQ(backend_.connections.size(), 1u);
}

TEST_F(ClientPoolTest, ClosesAnIdleConnectionWithAGoaway) {
  backend_.on_request = Echoing("x");
  Asker& asker = Ask();
  ASSERT_TRUE(Until([&] { return asker.has_end; }));
  Run(kBackendIdleTimeout - absl::Seconds(1));
  EXPECT_EQ(pool_.size(), 1u);
  ASSERT_TRUE(Until([&] { return pool_.size() == 0; }, absl::Seconds(2)));
  Run(absl::Milliseconds(50));
  EXPECT_TRUE(Backend().has_goaway);
}

TEST_F(ClientPoolTest, UsesAConnectionNoMoreThatIsSilent) {
  Asker& asker = Ask();
  Run(kBackendSilence + absl::Seconds(1));
  asker.stream.Close();
  Ask();
  Run(absl::Milliseconds(50));
  EXPECT_EQ(backend_.connections.size(), 2u);
}

TEST_F(ClientPoolTest, StaysWithAConnectionThatIsMerelySlow) {
  Asker& slow = Ask();
  Run(kBackendSilence / 2);
  backend_.on_request = Echoing("x");
  Asker& quick = Ask();
  ASSERT_TRUE(Until([&] { return quick.has_end; }));
  Run(kBackendSilence - absl::Seconds(1));
  slow.stream.Close();
  Asker& next = Ask();
  ASSERT_TRUE(Until([&] { return next.has_end; }));
  EXPECT_EQ(backend_.connections.size(), 1u);
}

TEST_F(ClientPoolTest, AnswersPings) {
  Asker& asker = Ask();
  Run(absl::Milliseconds(50));
  for (int i = 0; i < 100; ++i) {
    nghttp2_submit_ping(Backend().session, NGHTTP2_FLAG_NONE, nullptr);
  }
  Backend().Flush();
  Run(absl::Milliseconds(50));
  EXPECT_EQ(Backend().pings, 100u);
  EXPECT_FALSE(asker.has_failed);
}

// Pieces of any size, writes taken in part: whatever the network does, each gets its own answer.
class FragmentedPoolTest : public ClientPoolTest {
 protected:
  FragmentedPoolTest() : ClientPoolTest({.fragments = true, .window_bytes = 8 * 1024}) {}
};

TEST_F(FragmentedPoolTest, KeepsMessagesWholeAndApart) {
  backend_.streams_max = 20;
  backend_.on_request = Echoing("");
  std::vector<std::string> bodies;
  for (int i = 0; i < 60; ++i) {
    bodies.push_back(std::string(random_.Below(40'000) + 1, static_cast<char>('a' + i % 26)));
    Ask(absl::StrCat("POST /", i, " HTTP/1.1\r\nHost: x\r\nContent-Length: ", bodies.back().size(),
                     "\r\n\r\n", bodies.back()));
  }
  ASSERT_TRUE(Until(
      [&] {
        return std::all_of(askers_.begin(), askers_.end(),
                           [](const auto& asker) { return asker->has_end; });
      },
      absl::Seconds(60)));
  for (size_t i = 0; i < bodies.size(); ++i) {
    const char letter = bodies[i].front();
    const std::string& got = askers_[i]->got;
    const std::string body = got.substr(got.find("\r\n\r\n") + 4);
    EXPECT_EQ(static_cast<size_t>(std::count(body.begin(), body.end(), letter)) >= bodies[i].size(),
              true);
    EXPECT_TRUE(absl::EndsWith(got, "\r\n0\r\n\r\n"));
  }
}

}  // namespace
}  // namespace spawner::proxy::h2
