// What a client must not do, or not so often, and what it costs if it does.
#include <nghttp2/nghttp2.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "gtest/gtest.h"
#include "proxy/h2/limits.h"
#include "proxy/h2/sim_h2_client.h"
#include "proxy/h2/sim_h2_world.h"

namespace spawner::proxy::h2 {
namespace {

// The GOAWAY that a flood gets.
void ExpectCalm(World& world) {
  ASSERT_TRUE(world.RunUntil([&] { return world.client->is_closed; }));
  ASSERT_EQ(world.client->goaways.size(), 1u);
  EXPECT_EQ(world.client->goaways[0], static_cast<uint32_t>(NGHTTP2_ENHANCE_YOUR_CALM));
}

std::string Frame(uint8_t type, uint8_t flags, uint8_t stream, absl::string_view payload) {
  const char head[] = {static_cast<char>(payload.size() >> 16),
                       static_cast<char>(payload.size() >> 8),
                       static_cast<char>(payload.size()),
                       static_cast<char>(type),
                       static_cast<char>(flags),
                       0,
                       0,
                       0,
                       static_cast<char>(stream)};
  return absl::StrCat(absl::string_view(head, sizeof(head)), payload);
}

TEST(ServerFloods, CallsForCalmAfterAFloodOfResets) {
  World world;
  for (int i = 0; i < 3 * kResetBurst && world.client->goaways.empty(); ++i) {
    const int32_t id = world.client->Get("/");
    world.client->Reset(id);
    world.RunUntil([] { return false; }, absl::Milliseconds(1));
  }
  ExpectCalm(world);
}

// Slowloris: the head of a request that comes byte by byte, or not at all.
TEST(ServerFloods, GivesUpAHeaderBlockThatDoesNotEnd) {
  const std::string field("\x40\x01x\x01y", 5);
  for (const bool dribbles : {false, true}) {
    World world;
    ASSERT_TRUE(world.Greet());
    world.client->SendRaw(Frame(NGHTTP2_HEADERS, NGHTTP2_FLAG_END_STREAM, 1, "\x82"));
    for (int i = 0; i < 9; ++i) {
      world.RunUntil([] { return false; }, absl::Seconds(1));
      if (dribbles && i % 3 == 0) {
        world.client->SendRaw(Frame(NGHTTP2_CONTINUATION, 0, 1, field));
      }
    }
    EXPECT_FALSE(world.client->is_closed);
    EXPECT_EQ(world.server->open_streams(), 1u);
    world.RunUntil([&] { return world.client->is_closed; }, absl::Seconds(4));
    ExpectCalm(world);
    EXPECT_EQ(world.head_timeouts, 1);
    EXPECT_TRUE(world.RunUntil([&] { return world.is_closed; }));
    EXPECT_EQ(world.server->open_streams(), 0u);
  }
}

TEST(ServerFloods, AHeaderBlockThatEndsInTimeCostsNoTime) {
  World world;
  ASSERT_TRUE(world.Greet());
  // A GET of "/" over "http", of "a": the last field comes late.
  world.client->SendRaw(Frame(NGHTTP2_HEADERS, NGHTTP2_FLAG_END_STREAM, 1, "\x82\x84\x86"));
  world.RunUntil([] { return false; }, absl::Seconds(8));
  world.client->SendRaw(Frame(NGHTTP2_CONTINUATION, NGHTTP2_FLAG_END_HEADERS, 1,
                              absl::string_view("\x41\x01\x61", 3)));
  ASSERT_TRUE(world.WaitForPeers(1));
  world.RunUntil([] { return false; }, kIdleTimeout);
  EXPECT_FALSE(world.client->is_closed);
  EXPECT_EQ(world.head_timeouts, 0);
}

TEST(ServerFloods, CallsForCalmAfterAFloodOfPings) {
  World world;
  for (int i = 0; i < 3 * kIdleFrameBurst && world.client->goaways.empty(); ++i) {
    nghttp2_submit_ping(world.client->session(), NGHTTP2_FLAG_NONE, nullptr);
    world.client->Pump();
    world.RunUntil([] { return false; }, absl::Microseconds(100));
  }
  ExpectCalm(world);
}

TEST(ServerFloods, EndsFloodsOfSettingsAndEmptyData) {
  World settings;
  ASSERT_TRUE(settings.Greet());
  for (int i = 0; i < 3 * kIdleFrameBurst; ++i) {
    settings.client->SendRaw(Frame(NGHTTP2_SETTINGS, 0, 0, ""));
  }
  // Its acknowledgements are more than it may make us keep: no word goes through any more.
  ASSERT_TRUE(settings.RunUntil([&] { return settings.client->is_closed; }));
  World data;
  data.client->Open(
      {{":method", "POST"}, {":scheme", "http"}, {":authority", "a"}, {":path", "/"}});
  ASSERT_TRUE(data.WaitForPeers(1));
  for (int i = 0; i < 3 * kIdleFrameBurst; ++i) {
    data.client->SendRaw(Frame(NGHTTP2_DATA, 0, 1, ""));
  }
  ExpectCalm(data);
}

TEST(ServerFloods, EndsAHeaderBlockThatNeverEnds) {
  // CVE-2024-28182: CONTINUATION frames, each a small field.
  World world;
  ASSERT_TRUE(world.Greet());
  const std::string field("\x40\x01x\x01y", 5);
  world.client->SendRaw(Frame(NGHTTP2_HEADERS, NGHTTP2_FLAG_END_STREAM, 1, field));
  for (int i = 0; i < 100; ++i) {
    world.client->SendRaw(Frame(NGHTTP2_CONTINUATION, 0, 1, field));
  }
  ASSERT_TRUE(world.RunUntil([&] { return world.client->is_closed; }));
  EXPECT_TRUE(world.peers.empty());
}

TEST(ServerFloods, CallsForCalmWhenASmallBlockBecomesALargeOne) {
  // A field of the dynamic table costs its sender a byte.
  World world;
  ASSERT_TRUE(world.Greet());
  std::string name = "x";
  std::string value(3000, 'y');
  const nghttp2_nv field = {reinterpret_cast<uint8_t*>(name.data()),
                            reinterpret_cast<uint8_t*>(value.data()), name.size(), value.size(),
                            NGHTTP2_NV_FLAG_NONE};
  const std::vector<nghttp2_nv> fields(1000, field);
  nghttp2_hd_deflater* deflater = nullptr;
  ASSERT_EQ(nghttp2_hd_deflate_new(&deflater, kHpackTableBytes), 0);
  std::vector<uint8_t> block(16 * 1024);
  const ssize_t size =
      nghttp2_hd_deflate_hd(deflater, block.data(), block.size(), fields.data(), fields.size());
  nghttp2_hd_deflate_del(deflater);
  ASSERT_GT(size, 1000);
  ASSERT_LT(size, 8000);
  const uint8_t ends = NGHTTP2_FLAG_END_STREAM | NGHTTP2_FLAG_END_HEADERS;
  world.client->SendRaw(
      Frame(NGHTTP2_HEADERS, ends, 1,
            {reinterpret_cast<const char*>(block.data()), static_cast<size_t>(size)}));
  ExpectCalm(world);
  EXPECT_TRUE(world.peers.empty());
}

TEST(ServerFloods, KeepsNoMoreForAClientThatReadsNothingThanItsBound) {
  World world;
  world.client->consumes = false;
  std::vector<int32_t> ids;
  for (size_t i = 0; i < 100; ++i) ids.push_back(world.client->Get("/"));
  ASSERT_TRUE(world.WaitForPeers(100));
  const std::string body(200 * 1024, 'x');
  for (const auto& peer : world.peers) {
    peer->Answer(absl::StrCat("HTTP/1.1 200 OK\r\ncontent-length: ", body.size(), "\r\n\r\n"));
    peer->Answer(body);
  }
  world.RunUntil([] { return false; }, absl::Seconds(5));
  EXPECT_GE(world.server->out_bytes(), int64_t{kConnectionOutBytesMax});
  EXPECT_LE(world.server->out_bytes(),
            int64_t{kConnectionOutBytesMax + kStreamOutBytesMax + 100 * kStreamOutBytesFloor});
  // What the client has received and kept to itself: its connection's window.
  world.client->consumes = true;
  for (const int32_t id : ids) world.client->Consume(id, world.client->replies[id].body.size());
  for (const int32_t id : ids) {
    ASSERT_TRUE(world.RunUntil([&] { return world.IsOver(id); }));
    EXPECT_EQ(world.client->replies[id].body, body);
  }
  EXPECT_EQ(world.server->out_bytes(), 0);
}

TEST(ServerFloods, EndsAConnectionThatUsesAStreamAgain) {
  const std::string get(
      "\x82\x84\x86\x41\x01"
      "a",
      6);  // GET http://a/ of the static table
  const uint8_t ends = NGHTTP2_FLAG_END_STREAM | NGHTTP2_FLAG_END_HEADERS;
  const std::vector<std::pair<std::string, uint32_t>> again = {
      {Frame(NGHTTP2_DATA, 0, 5, "x"), NGHTTP2_STREAM_CLOSED},
      {Frame(NGHTTP2_HEADERS, ends, 5, get), NGHTTP2_STREAM_CLOSED},
      // 5 has closed it, unopened.
      {Frame(NGHTTP2_HEADERS, ends, 3, get), NGHTTP2_PROTOCOL_ERROR}};
  for (const auto& [frame, code] : again) {
    World world;
    ASSERT_TRUE(world.Greet());
    ASSERT_EQ(nghttp2_session_set_next_stream_id(world.client->session(), 5), 0);
    const int32_t id = world.client->Get("/");
    ASSERT_EQ(id, 5);
    ASSERT_TRUE(world.WaitForPeers(1));
    world.peers[0]->Answer("HTTP/1.1 204 No Content\r\n\r\n");
    ASSERT_TRUE(world.RunUntil([&] { return world.IsOver(id); }));
    world.client->SendRaw(frame);
    ASSERT_TRUE(world.RunUntil([&] { return world.client->is_closed; }));
    ASSERT_EQ(world.client->goaways.size(), 1u);
    EXPECT_EQ(world.client->goaways[0], code);
  }
}

}  // namespace
}  // namespace spawner::proxy::h2
