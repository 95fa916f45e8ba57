#include "proxy/h2/server_connection.h"

#include <nghttp2/nghttp2.h>

#include <algorithm>
#include <cstring>
#include <map>
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
#include "proxy/h2/stream_io.h"
#include "proxy/io/io.h"
#include "proxy/io/sim_io.h"
#include "proxy/io/stream.h"
#include "proxy/io/timers.h"

namespace spawner::proxy::h2 {
namespace {

// Who serves a stream, as text over its socket.
class Peer final : public IoHandler {
 public:
  Peer(StreamIo& io, Socket socket) : stream(io) {
    io.Register(socket, *this);
    stream.Adopt(socket);
  }
  void OnIo(IoEvents events) override {
    stream.OnIo(events);
    stream.Flush();
    Send();
    if (reads) Read();
  }
  void Read() {
    char bytes[4096];
    while (stream.is_open()) {
      const IoResult read = stream.Read(bytes, sizeof(bytes));
      if (read.kind == IoResult::Kind::kBlocked) return;
      has_end |= read.kind == IoResult::Kind::kEnd;
      has_failed |= read.kind == IoResult::Kind::kFailed;
      if (!read.is_bytes()) return stream.Close();
      got.append(bytes, read.size);
    }
  }
  void Answer(absl::string_view text) {
    to_send.append(text.data(), text.size());
    Send();
  }
  void Send() {
    while (stream.is_open() && !stream.is_blocked() && !to_send.empty()) {
      const std::string piece = to_send.substr(0, 16 * 1024);
      if (!stream.Write({piece})) return;
      most_kept = std::max(most_kept, stream.kept());
      to_send.erase(0, piece.size());
    }
  }

  Stream stream;
  std::string got;
  std::string to_send;
  size_t most_kept = 0;
  bool reads = true;
  bool has_end = false;
  bool has_failed = false;
};

struct Reply {
  std::string head;  // "name: value\n", interim ones too
  std::string body;
  bool has_end = false;  // END_STREAM
  bool is_over = false;
  uint32_t code = 0;
};

// nghttp2's client on a simulated socket.
class Client final : public IoHandler {
 public:
  Client(SimIo& io, const Address& address) : stream(io) {
    nghttp2_session_callbacks* callbacks = nullptr;
    nghttp2_session_callbacks_new(&callbacks);
    nghttp2_session_callbacks_set_on_header_callback(
        callbacks,
        [](nghttp2_session*, const nghttp2_frame* frame, const uint8_t* name, size_t name_size,
           const uint8_t* value, size_t value_size, uint8_t, void* user) {
          std::string& head = static_cast<Client*>(user)->replies[frame->hd.stream_id].head;
          head.append(reinterpret_cast<const char*>(name), name_size).append(": ");
          head.append(reinterpret_cast<const char*>(value), value_size).append("\n");
          return 0;
        });
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(
        callbacks, [](nghttp2_session* session, uint8_t, int32_t id, const uint8_t* bytes,
                      size_t size, void* user) {
          auto* client = static_cast<Client*>(user);
          client->replies[id].body.append(reinterpret_cast<const char*>(bytes), size);
          if (client->consumes) nghttp2_session_consume(session, id, size);
          return 0;
        });
    nghttp2_session_callbacks_set_on_frame_recv_callback(
        callbacks, [](nghttp2_session*, const nghttp2_frame* frame, void* user) {
          auto* client = static_cast<Client*>(user);
          if (frame->hd.type == NGHTTP2_GOAWAY) {
            client->goaways.push_back(frame->goaway.error_code);
          }
          if ((frame->hd.type == NGHTTP2_DATA || frame->hd.type == NGHTTP2_HEADERS) &&
              (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0) {
            client->replies[frame->hd.stream_id].has_end = true;
          }
          return 0;
        });
    nghttp2_session_callbacks_set_on_stream_close_callback(
        callbacks, [](nghttp2_session*, int32_t id, uint32_t code, void* user) {
          Reply& reply = static_cast<Client*>(user)->replies[id];
          reply.is_over = true;
          reply.code = code;
          return 0;
        });
    nghttp2_option* option = nullptr;
    nghttp2_option_new(&option);
    nghttp2_option_set_no_auto_window_update(option, 1);
    nghttp2_option_set_no_http_messaging(option, 1);  // to send what is malformed
    nghttp2_session_client_new2(&session, callbacks, this, option);
    nghttp2_option_del(option);
    nghttp2_session_callbacks_del(callbacks);
    nghttp2_submit_settings(session, NGHTTP2_FLAG_NONE, nullptr, 0);
    stream.Adopt(io.Connect(address, *this).value());
  }
  ~Client() override { nghttp2_session_del(session); }

  using Fields = std::vector<std::pair<std::string, std::string>>;
  int32_t Request(Fields fields, const std::string* body = nullptr) {
    std::vector<nghttp2_nv> block;
    for (auto& [name, value] : fields) {
      block.push_back({reinterpret_cast<uint8_t*>(name.data()),
                       reinterpret_cast<uint8_t*>(value.data()), name.size(), value.size(),
                       NGHTTP2_NV_FLAG_NONE});
    }
    nghttp2_data_provider data{};
    if (body != nullptr) {
      data.source.ptr = new absl::string_view(*body);
      data.read_callback = [](nghttp2_session*, int32_t, uint8_t* bytes, size_t size,
                              uint32_t* flags, nghttp2_data_source* source, void*) -> ssize_t {
        auto* left = static_cast<absl::string_view*>(source->ptr);
        size = std::min(size, left->size());
        std::memcpy(bytes, left->data(), size);
        left->remove_prefix(size);
        if (left->empty()) {
          *flags |= NGHTTP2_DATA_FLAG_EOF;
          delete left;
        }
        return static_cast<ssize_t>(size);
      };
    }
    const int32_t id = nghttp2_submit_request(session, nullptr, block.data(), block.size(),
                                              body != nullptr ? &data : nullptr, nullptr);
    Pump();
    return id;
  }
  int32_t Get(absl::string_view path) {
    return Request({{":method", "GET"},
                    {":scheme", "http"},
                    {":authority", "a"},
                    {":path", std::string(path)}});
  }
  void OnIo(IoEvents events) override {
    stream.OnIo(events);
    char bytes[4096];
    while (stream.is_open()) {
      const IoResult read = stream.Read(bytes, sizeof(bytes));
      if (read.kind == IoResult::Kind::kBlocked) break;
      if (!read.is_bytes()) {
        is_closed = true;
        return stream.Close();
      }
      nghttp2_session_mem_recv(session, reinterpret_cast<const uint8_t*>(bytes), read.size);
    }
    Pump();
  }
  void Pump() {
    stream.Flush();
    const uint8_t* bytes = nullptr;
    while (stream.is_open() && !stream.is_blocked()) {
      const ssize_t size = nghttp2_session_mem_send(session, &bytes);
      if (size <= 0) return;
      stream.Write(
          {absl::string_view(reinterpret_cast<const char*>(bytes), static_cast<size_t>(size))});
    }
  }

  Stream stream;
  nghttp2_session* session = nullptr;
  std::map<int32_t, Reply> replies;
  std::vector<uint32_t> goaways;
  bool consumes = true;
  bool is_closed = false;
};

// A listener whose connections speak HTTP/2, in virtual time.
class World final : public IoHandler, public ServerConnection::Owner {
 public:
  explicit World(uint64_t seed = 1) : random_(seed), network(clock_, random_, {.fragments = true}) {
    listener_ = network.Listen({"10.0.0.1", 80}, *this).value();
    client = std::make_unique<Client>(network, Address{"10.0.0.1", 80});
  }
  ~World() override {
    peers.clear();
    server.reset();
    EXPECT_EQ(streams.open_sockets(), 0u);
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
        ServerConnection::Bench{streams, timers_, now_, scratch_}, *this, std::move(stream));
    server->Start("");
    server->OnIo({.readable = true, .writable = true});
  }
  void OnStream(ServerConnection&, Socket socket) override {
    peers.push_back(std::make_unique<Peer>(streams, socket));
  }
  void WantsTurn(ServerConnection&) override { wants_turn_ = true; }
  void OnClosed(ServerConnection&) override { is_closed = true; }

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

 public:
  SimIo network;
  StreamIo streams;
  std::vector<std::unique_ptr<Peer>> peers;
  std::unique_ptr<ServerConnection> server;
  std::unique_ptr<Client> client;
  bool is_closed = false;
};

TEST(ServerConnection, ServesARequestAsText) {
  for (uint64_t seed = 1; seed <= 20; ++seed) {
    World world(seed);
    const int32_t id = world.client->Get("/b");
    ASSERT_TRUE(world.WaitForPeers(1));
    Peer& peer = *world.peers[0];
    ASSERT_TRUE(world.RunUntil([&] { return absl::EndsWith(peer.got, "\r\n\r\n"); }));
    EXPECT_EQ(peer.got, "GET /b HTTP/1.1\r\nhost: a\r\n\r\n");
    EXPECT_FALSE(peer.has_end);  // before its response
    peer.Answer("HTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\nHTTP/1.1 200 OK\r\n");
    peer.Answer("Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\nSum: 5\r\n\r\n");
    ASSERT_TRUE(world.RunUntil([&] { return world.IsOver(id) && peer.has_end; }));
    const Reply& reply = world.client->replies[id];
    EXPECT_EQ(reply.head, ":status: 103\nlink: x\n:status: 200\nsum: 5\n");
    EXPECT_EQ(reply.body, "abcde");
    EXPECT_TRUE(reply.has_end);
    EXPECT_EQ(reply.code, static_cast<uint32_t>(NGHTTP2_NO_ERROR));
  }
}

TEST(ServerConnection, MovesLargeBodiesBothWaysWithinTheirWindows) {
  const std::string body(1 << 20, 'x');
  World world;
  const int32_t id = world.client->Request({{":method", "POST"},
                                            {":scheme", "http"},
                                            {":authority", "a"},
                                            {":path", "/"},
                                            {"content-length", absl::StrCat(body.size())}},
                                           &body);
  world.client->consumes = false;
  ASSERT_TRUE(world.WaitForPeers(1));
  Peer& peer = *world.peers[0];
  peer.reads = false;
  EXPECT_FALSE(world.RunUntil([&] { return world.server->is_closed(); }, absl::Seconds(5)));
  // Nobody reads: no more than a window came.
  const size_t unread =
      static_cast<size_t>(nghttp2_session_get_stream_remote_window_size(world.client->session, id));
  EXPECT_EQ(unread, 0u);
  peer.reads = true;
  peer.Read();
  ASSERT_TRUE(world.RunUntil([&] { return peer.got.size() > body.size(); }));
  ASSERT_TRUE(world.RunUntil([&] { return absl::EndsWith(peer.got, body); }));
  peer.Answer(absl::StrCat("HTTP/1.1 200 OK\r\ncontent-length: ", body.size(), "\r\n\r\n"));
  peer.Answer(body);
  EXPECT_FALSE(world.RunUntil([&] { return world.IsOver(id); }, absl::Seconds(5)));
  const size_t received = world.client->replies[id].body.size();
  EXPECT_EQ(received, 65535u);  // the window of a client that consumes nothing
  EXPECT_GT(peer.to_send.size(), body.size() - 65535 - 2 * kStreamOutBytesMax);
  EXPECT_LE(peer.most_kept, 16u * 1024);
  world.client->consumes = true;
  nghttp2_session_consume(world.client->session, id, received);
  world.client->Pump();
  ASSERT_TRUE(world.RunUntil([&] { return world.IsOver(id); }));
  EXPECT_EQ(world.client->replies[id].body, body);
  EXPECT_TRUE(world.client->replies[id].has_end);
}

TEST(ServerConnection, ServesStreamsAtOnceAndInAnyOrder) {
  World world;
  std::vector<int32_t> ids;
  for (int i = 0; i < 50; ++i) ids.push_back(world.client->Get(absl::StrCat("/", i)));
  ASSERT_TRUE(world.WaitForPeers(50));
  for (size_t i = 50; i-- > 0;) {
    const std::string body = absl::StrCat("answer ", i);
    world.peers[i]->Answer(
        absl::StrCat("HTTP/1.1 200 OK\r\ncontent-length: ", body.size(), "\r\n\r\n", body));
  }
  for (size_t i = 0; i < 50; ++i) {
    ASSERT_TRUE(world.RunUntil([&] { return world.IsOver(ids[i]); }));
    EXPECT_EQ(world.client->replies[ids[i]].body, absl::StrCat("answer ", i));
  }
}

TEST(ServerConnection, NeverEndsAnIncompleteResponse) {
  for (const bool aborts : {false, true}) {
    World world;
    const int32_t id = world.client->Get("/");
    ASSERT_TRUE(world.WaitForPeers(1));
    Peer& peer = *world.peers[0];
    peer.Answer("HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nab");
    ASSERT_TRUE(world.RunUntil([&] { return world.client->replies[id].body == "ab"; }));
    if (aborts) {
      peer.stream.Abort();
    } else {
      peer.stream.Close();
    }
    ASSERT_TRUE(world.RunUntil([&] { return world.IsOver(id); }));
    EXPECT_FALSE(world.client->replies[id].has_end);
    EXPECT_EQ(world.client->replies[id].code, static_cast<uint32_t>(NGHTTP2_INTERNAL_ERROR));
    EXPECT_FALSE(world.is_closed);
  }
}

TEST(ServerConnection, TellsAResetAsAFailedConnection) {
  World world;
  const int32_t id = world.client->Get("/");
  ASSERT_TRUE(world.WaitForPeers(1));
  nghttp2_submit_rst_stream(world.client->session, NGHTTP2_FLAG_NONE, id, NGHTTP2_CANCEL);
  world.client->Pump();
  ASSERT_TRUE(world.RunUntil([&] { return world.peers[0]->has_failed; }));
  EXPECT_FALSE(world.peers[0]->stream.Write({"HTTP/1.1 200 OK\r\n\r\n"}));
  EXPECT_EQ(world.server->open_streams(), 0u);
}

TEST(ServerConnection, GivesTheWindowBackOfABodyThatNobodyReads) {
  // More in sum than the connection's window: it must not run dry.
  const std::string body(200 * 1024, 'x');
  World world;
  for (size_t i = 0; i < 12; ++i) {
    const int32_t id = world.client->Request(
        {{":method", "POST"}, {":scheme", "http"}, {":authority", "a"}, {":path", "/"}}, &body);
    ASSERT_TRUE(world.WaitForPeers(i + 1));
    Peer& peer = *world.peers[i];
    peer.reads = false;
    peer.Answer("HTTP/1.1 413 Too Large\r\ncontent-length: 0\r\n\r\n");
    ASSERT_TRUE(world.RunUntil([&] { return world.client->replies[id].has_end; }));
    peer.stream.Close();
    ASSERT_TRUE(world.RunUntil([&] { return world.IsOver(id); }));
    EXPECT_EQ(world.client->replies[id].code, static_cast<uint32_t>(NGHTTP2_NO_ERROR));
  }
}

TEST(ServerConnection, ResetsWhatIsMalformedAndAnswersWhatIsTooLarge) {
  World world;
  const Client::Fields get = {
      {":method", "GET"}, {":scheme", "http"}, {":authority", "a"}, {":path", "/"}};
  Client::Fields bad = get;
  bad.emplace_back("connection", "close");
  const int32_t malformed = world.client->Request(bad);
  Client::Fields large = get;
  for (int i = 0; i < 40; ++i) large.emplace_back("x", std::string(1000, 'y'));
  const int32_t too_large = world.client->Request(large);
  ASSERT_TRUE(world.RunUntil([&] { return world.IsOver(malformed) && world.IsOver(too_large); }));
  EXPECT_EQ(world.client->replies[malformed].code, static_cast<uint32_t>(NGHTTP2_PROTOCOL_ERROR));
  EXPECT_TRUE(absl::StartsWith(world.client->replies[too_large].head, ":status: 431\n"));
  EXPECT_TRUE(world.peers.empty());
  EXPECT_FALSE(world.is_closed);
}

TEST(ServerConnection, CallsForCalmAfterAFloodOfResets) {
  World world;
  for (int i = 0; i < 3 * kResetBurst && world.client->goaways.empty(); ++i) {
    const int32_t id = world.client->Get("/");
    nghttp2_submit_rst_stream(world.client->session, NGHTTP2_FLAG_NONE, id, NGHTTP2_CANCEL);
    world.client->Pump();
    world.RunUntil([] { return false; }, absl::Milliseconds(1));
  }
  ASSERT_TRUE(world.RunUntil([&] { return world.client->is_closed; }));
  ASSERT_EQ(world.client->goaways.size(), 1u);
  EXPECT_EQ(world.client->goaways[0], static_cast<uint32_t>(NGHTTP2_ENHANCE_YOUR_CALM));
}

TEST(ServerConnection, CallsForCalmAfterAFloodOfPings) {
  World world;
  for (int i = 0; i < 3 * kIdleFrameBurst && world.client->goaways.empty(); ++i) {
    nghttp2_submit_ping(world.client->session, NGHTTP2_FLAG_NONE, nullptr);
    world.client->Pump();
    world.RunUntil([] { return false; }, absl::Microseconds(100));
  }
  ASSERT_TRUE(world.RunUntil([&] { return world.client->is_closed; }));
  ASSERT_EQ(world.client->goaways.size(), 1u);
  EXPECT_EQ(world.client->goaways[0], static_cast<uint32_t>(NGHTTP2_ENHANCE_YOUR_CALM));
}

TEST(ServerConnection, ClosesWhenIdleAndAfterADrainOnceItsStreamsAreOver) {
  World idle;
  EXPECT_FALSE(idle.RunUntil([&] { return idle.is_closed; }, kIdleTimeout - absl::Seconds(1)));
  EXPECT_TRUE(idle.RunUntil([&] { return idle.is_closed; }));
  World draining;
  const int32_t id = draining.client->Get("/");
  ASSERT_TRUE(draining.WaitForPeers(1));
  draining.server->Drain();
  EXPECT_FALSE(draining.RunUntil([&] { return draining.is_closed; }, absl::Seconds(10)));
  EXPECT_EQ(draining.client->goaways.size(), 2u);  // the notice, then the last
  draining.peers[0]->Answer("HTTP/1.1 204 No Content\r\n\r\n");
  ASSERT_TRUE(draining.RunUntil([&] { return draining.is_closed; }));
  EXPECT_TRUE(draining.client->replies[id].has_end);
}

}  // namespace
}  // namespace spawner::proxy::h2
