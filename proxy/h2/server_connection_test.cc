#include "proxy/h2/server_connection.h"

#include <nghttp2/nghttp2.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "gtest/gtest.h"
#include "proxy/h2/limits.h"
#include "proxy/h2/request_text.h"
#include "proxy/h2/sim_h2_client.h"
#include "proxy/h2/sim_h2_world.h"

namespace spawner::proxy::h2 {
namespace {

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
    const SimH2Client::Reply& reply = world.client->replies[id];
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
                                           body);
  world.client->consumes = false;
  ASSERT_TRUE(world.WaitForPeers(1));
  Peer& peer = *world.peers[0];
  peer.reads = false;
  EXPECT_FALSE(world.RunUntil([&] { return world.server->is_closed(); }, absl::Seconds(5)));
  // Nobody reads: no more than a window came.
  const size_t unread = static_cast<size_t>(
      nghttp2_session_get_stream_remote_window_size(world.client->session(), id));
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
  world.client->Consume(id, received);
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
  world.client->Reset(id);
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
        {{":method", "POST"}, {":scheme", "http"}, {":authority", "a"}, {":path", "/"}}, body);
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
  const SimH2Client::Fields get = {
      {":method", "GET"}, {":scheme", "http"}, {":authority", "a"}, {":path", "/"}};
  SimH2Client::Fields bad = get;
  bad.emplace_back("connection", "close");
  const int32_t malformed = world.client->Request(bad);
  SimH2Client::Fields large = get;
  for (int i = 0; i < 40; ++i) large.emplace_back("x", std::string(1000, 'y'));
  const int32_t too_large = world.client->Request(large);
  ASSERT_TRUE(world.RunUntil([&] { return world.IsOver(malformed) && world.IsOver(too_large); }));
  EXPECT_EQ(world.client->replies[malformed].code, static_cast<uint32_t>(NGHTTP2_PROTOCOL_ERROR));
  EXPECT_TRUE(absl::StartsWith(world.client->replies[too_large].head, ":status: 431\n"));
  EXPECT_TRUE(world.peers.empty());
  EXPECT_FALSE(world.is_closed);
}

TEST(ServerConnection, CarriesAWebSocketAsAnUpgrade) {
  for (uint64_t seed = 1; seed <= 20; ++seed) {
    World world(seed);
    ASSERT_TRUE(world.Greet());
    const int32_t id = world.client->Open({{":method", "CONNECT"},
                                           {":protocol", "websocket"},
                                           {":scheme", "https"},
                                           {":authority", "a"},
                                           {":path", "/ws"},
                                           {"sec-websocket-version", "13"}});
    ASSERT_TRUE(world.WaitForPeers(1));
    EXPECT_EQ(world.client->Setting(NGHTTP2_SETTINGS_ENABLE_CONNECT_PROTOCOL), 1u);
    Peer& peer = *world.peers[0];
    ASSERT_TRUE(world.RunUntil([&] { return absl::EndsWith(peer.got, "\r\n\r\n"); }));
    EXPECT_EQ(peer.got, absl::StrCat("GET /ws HTTP/1.1\r\nhost: a\r\nconnection: upgrade\r\n"
                                     "upgrade: websocket\r\nsec-websocket-key: ",
                                     kWebSocketKey, "\r\nsec-websocket-version: 13\r\n\r\n"));
    peer.got.clear();
    peer.Answer(
        absl::StrCat("HTTP/1.1 101 Switching\r\nconnection: upgrade\r\n"
                     "upgrade: websocket\r\nsec-websocket-accept: ",
                     kWebSocketAccept, "\r\nsec-websocket-protocol: p\r\n\r\nhi"));
    ASSERT_TRUE(world.RunUntil([&] { return world.client->replies[id].body == "hi"; }));
    EXPECT_EQ(world.client->replies[id].head, ":status: 200\nsec-websocket-protocol: p\n");
    world.client->Append(id, "ho");
    ASSERT_TRUE(world.RunUntil([&] { return peer.got == "ho"; }));
    EXPECT_FALSE(peer.has_end);
    world.client->Finish(id);
    ASSERT_TRUE(world.RunUntil([&] { return peer.has_end; }));
    ASSERT_TRUE(world.RunUntil([&] { return world.IsOver(id); }));
    EXPECT_TRUE(world.client->replies[id].has_end);
  }
}

TEST(ServerConnection, OpensNoWebSocketThatTheBackendDidNotAgreeTo) {
  const std::vector<std::string> answers = {
      "HTTP/1.1 101 S\r\nconnection: upgrade\r\nupgrade: websocket\r\n"
      "sec-websocket-accept: other\r\n\r\n",
      "HTTP/1.1 101 S\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n",
      "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"};
  for (const std::string& answer : answers) {
    World world;
    const int32_t id = world.client->Open({{":method", "CONNECT"},
                                           {":protocol", "websocket"},
                                           {":scheme", "https"},
                                           {":authority", "a"},
                                           {":path", "/ws"}});
    ASSERT_TRUE(world.WaitForPeers(1));
    world.peers[0]->Answer(answer);
    ASSERT_TRUE(world.RunUntil([&] { return world.IsOver(id); }));
    EXPECT_EQ(world.client->replies[id].head, "");
    EXPECT_NE(world.client->replies[id].code, 0u);
  }
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
