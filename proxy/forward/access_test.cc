// Tokens, origins, caps and revocations through a worker in a simulated network.
#include <memory>
#include <string>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "base/clock.h"
#include "base/crypto.h"
#include "base/token.h"
#include "gtest/gtest.h"
#include "proxy/forward/sim_world.h"
#include "proxy/route/grant_check.h"
#include "proxy/route/revocation.h"
#include "proxy/route/route.h"
#include "proxy/shared_caps.h"

namespace spawner::proxy {
namespace {

const absl::Time kNow = absl::FromUnixSeconds(1'800'000'000);
constexpr char kSwitch[] =
    "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n";
constexpr char kOk[] =
    "HTTP/1.1 200 OK\r\nAccess-Control-Allow-Origin: *\r\nContent-Length: 2\r\n\r\nok";

class AccessTest : public testing::Test {
 protected:
  AccessTest()
      : world_(1, {}, std::make_unique<GrantCheck>(), &caps_),
        backend_(world_.io, [this](SimPeer& peer) {
          if (!absl::StrContains(peer.received, "\r\n\r\n")) return;
          seen_ = std::exchange(peer.received, {});
          if (absl::StrContains(seen_, "/slow")) return;
          peer.Send(absl::StrContains(seen_, "Upgrade:") ? kSwitch : kOk);
        }) {
    const Address address = backend_.Listen({"10.0.1.1", 8080});
    route_.ip = address.ip;
    route_.port = address.port;
    world_.worker->Post(LinkState{.is_up = true,
                                  .has_routes = true,
                                  .time = {kNow, world_.clock.Now()},
                                  .keys = {{key_.id, key_.pair.public_key, RenewalSecret(key_)}}});
    Publish();
  }
  void Publish() {
    world_.SetRoute(route_);
    world_.Run(absl::Milliseconds(20));
  }
  std::string OneTime(std::string id) const {
    return *SignGrant({.id = std::move(id),
                       .ns = "team",
                       .session = {"a"},
                       .user = "ada",
                       .issued_at = kNow,
                       .expires_at = kNow + kOneTimeTtlMax,
                       .one_time_in = 7},
                      key_);
  }
  void AnswerUse(size_t index, UseVerdict verdict) {
    world_.worker->Post(TokenUseAnswer{world_.reports.uses.at(index).first, verdict});
    world_.Run(absl::Milliseconds(50));
  }
  std::string Token(std::string id, std::string user = "ada") const {
    return *SignGrant({.id = std::move(id),
                       .ns = "team",
                       .session = {"a"},
                       .user = std::move(user),
                       .issued_at = kNow,
                       .expires_at = kNow + absl::Hours(1)},
                      key_);
  }
  static std::string Bearer(absl::string_view token) {
    return absl::StrCat("Authorization: Bearer ", token, "\r\n");
  }
  SimPeer& Ask(absl::string_view path, absl::string_view fields, absl::string_view method = "GET") {
    SimPeer& client = world_.NewClient();
    client.Send(absl::StrCat(method, " ", path, " HTTP/1.1\r\nHost: a.test\r\n", fields, "\r\n"));
    world_.Run(absl::Milliseconds(50));
    return client;
  }
  SimPeer& Open(absl::string_view fields) {
    return Ask("/ws", absl::StrCat("Upgrade: websocket\r\nConnection: Upgrade\r\n"
                                   "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n",
                                   fields));
  }

  const SigningKey key_{"k", *Ed25519FromSeed(std::string(32, 'k'))};
  SharedCaps caps_;
  SimWorld world_;
  SimBackend backend_;
  std::string seen_;  // the last head that the backend got
  Route route_{.session_id = "a", .ns = "team", .epoch = 1, .state = RouteState::kOpen};
};

TEST_F(AccessTest, ARevocationClosesThatGrantsConnectionsAndNoOthers) {
  SimPeer& ada = Open(Bearer(Token("g-ada")));
  SimPeer& ben = Open(Bearer(Token("g-ben")));
  SimPeer& slow = Ask("/slow", Bearer(Token("g-ada")));
  ASSERT_TRUE(absl::StrContains(ada.received, "101 "));
  ada.received.clear();
  ben.received.clear();
  // Within a frame of the backend's: "hello" has come in part.
  for (const auto& peer : backend_.connections) peer->Send(absl::string_view("\x81\x05he", 4));
  world_.Run(absl::Milliseconds(20));
  route_.revoked = {HashOfGrant("g-ada")};
  Publish();
  EXPECT_EQ(ada.received, std::string("\x81\x05he", 4));
  EXPECT_TRUE(absl::StrContains(slow.received, "401 Unauthorized")) << slow.received;
  for (const auto& peer : backend_.connections) peer->Send("llo");
  ASSERT_TRUE(world_.RunUntil([&ada] { return ada.has_ended(); }, absl::Seconds(1)));
  EXPECT_EQ(ada.received, std::string("\x81\x05hello\x88\x02\x0f\xa3", 11));  // 4003
  world_.Run(absl::Milliseconds(20));
  EXPECT_EQ(ben.received, std::string("\x81\x05hello", 7));
  EXPECT_FALSE(ben.has_ended());
  EXPECT_TRUE(absl::StrContains(Open(Bearer(Token("g-ada"))).received, "401 "));
  EXPECT_TRUE(absl::StrContains(Open(Bearer(Token("g-ben"))).received, "101 "));
}

TEST_F(AccessTest, ATimeRevokesWhatWasIssuedBeforeIt) {
  SimPeer& ada = Open(Bearer(Token("g-ada")));
  ada.received.clear();
  route_.not_issued_before = SecondOf(kNow + absl::Seconds(1));
  Publish();
  EXPECT_EQ(ada.received, std::string("\x88\x02\x0f\xa3", 4));
}

TEST_F(AccessTest, ARevokedUserIsClosedAndNoOther) {
  SimPeer& ada = Open(Bearer(Token("g-1", "ada")));
  SimPeer& ben = Open(Bearer(Token("g-2", "ben")));
  SimPeer& none = Open(Bearer(Token("g-3", "")));
  for (SimPeer* peer : {&ada, &ben, &none}) peer->received.clear();
  route_.revoked_users = {{HashOfUser("ada"), SecondOf(kNow + absl::Seconds(1))}};
  Publish();
  EXPECT_EQ(ada.received, std::string("\x88\x02\x0f\xa3", 4));  // 4003
  EXPECT_EQ(ben.received, "");
  EXPECT_EQ(none.received, "");
  EXPECT_TRUE(absl::StrContains(Open(Bearer(Token("g-4", "ada"))).received, "401 "));
  EXPECT_TRUE(absl::StrContains(Open(Bearer(Token("g-5", "ben"))).received, "101 "));
}

TEST_F(AccessTest, AOneTimeTokenLetsInOnceWhenTheLeaderSaysSo) {
  const std::string enter = absl::StrCat("/p?spawner_token=", OneTime("g"));
  SimPeer& first = Ask(enter, "Accept: text/html\r\n");
  EXPECT_EQ(first.received, "");
  ASSERT_EQ(world_.reports.uses.size(), 1u);
  EXPECT_EQ(world_.reports.uses[0].second.grant_id, "g");
  EXPECT_EQ(world_.reports.uses[0].second.leadership, 7u);
  Publish();  // a change of the route in between asks nobody again
  EXPECT_EQ(world_.reports.uses.size(), 1u);
  AnswerUse(0, UseVerdict::kFirst);
  ASSERT_TRUE(absl::StrContains(first.received, "302 Found")) << first.received;
  const size_t at = first.received.find("Set-Cookie: ") + 12;
  const std::string cookie = first.received.substr(at, first.received.find(';', at) - at);
  EXPECT_TRUE(
      absl::StrContains(Ask("/p", absl::StrCat("Cookie: ", cookie, "\r\n")).received, "200 OK"));
  SimPeer& second = Ask(enter, "Accept: text/html\r\n");
  ASSERT_EQ(world_.reports.uses.size(), 2u);
  AnswerUse(1, UseVerdict::kUsed);
  EXPECT_TRUE(absl::StrContains(second.received, "401 Unauthorized")) << second.received;
  EXPECT_TRUE(absl::StrContains(second.received, "good for one use")) << second.received;
  world_.Run(absl::Seconds(2));
  EXPECT_EQ(world_.reports.Last("a", 1).open, 0);
}

TEST_F(AccessTest, AOneTimeTokenLetsNobodyInWithoutTheLeadersWord) {
  SimPeer& unknown = Open(Bearer(OneTime("g1")));
  AnswerUse(0, UseVerdict::kUnknown);
  EXPECT_TRUE(absl::StrContains(unknown.received, "503 ")) << unknown.received;
  EXPECT_TRUE(absl::StrContains(unknown.received, "Retry-After: ")) << unknown.received;
  SimPeer& silent = Open(Bearer(OneTime("g2")));
  world_.Run(absl::Seconds(2));
  EXPECT_EQ(silent.received, "");
  world_.Run(absl::Seconds(2));
  EXPECT_TRUE(absl::StrContains(silent.received, "503 ")) << silent.received;
  AnswerUse(1, UseVerdict::kFirst);  // too late: nobody waits any more
  SimPeer& gone = Open(Bearer(OneTime("g3")));
  gone.Abort();
  world_.Run(absl::Milliseconds(50));
  AnswerUse(2, UseVerdict::kFirst);
  // A tunnel opens as soon as the answer is there.
  SimPeer& good = Open(Bearer(OneTime("g4")));
  AnswerUse(3, UseVerdict::kFirst);
  EXPECT_TRUE(absl::StrContains(good.received, "101 ")) << good.received;
  // While the session starts it waits on behind its answer.
  route_.state = RouteState::kHold;
  route_.epoch = 2;
  Publish();
  SimPeer& held = Ask("/", Bearer(OneTime("g5")));
  AnswerUse(4, UseVerdict::kFirst);
  world_.Run(absl::Seconds(10));
  EXPECT_EQ(held.received, "");
  route_.state = RouteState::kOpen;
  Publish();
  EXPECT_TRUE(absl::StrContains(held.received, "200 OK")) << held.received;
  EXPECT_EQ(world_.reports.uses.size(), 5u);
  // With the link down nobody is asked at all.
  world_.worker->Post(LinkState{.is_up = false,
                                .has_routes = true,
                                .time = {kNow, world_.clock.Now()},
                                .keys = {{key_.id, key_.pair.public_key, RenewalSecret(key_)}}});
  world_.Run(absl::Milliseconds(10));
  EXPECT_TRUE(absl::StrContains(Ask("/", Bearer(OneTime("g6"))).received, "503 "));
  EXPECT_EQ(world_.reports.uses.size(), 5u);
}

// The answer that is under way by then is nobody's.
TEST_F(AccessTest, AOneTimeTokenThatIsRevokedWhileTheLeaderIsAskedIsAskedForNoMore) {
  route_.token_required = false;
  Publish();
  SimPeer& user = Ask("/", Bearer(OneTime("g1")));
  ASSERT_EQ(world_.reports.uses.size(), 1u);
  EXPECT_EQ(user.received, "");
  route_.revoked = {HashOfGrant("g1")};
  world_.SetRoute(route_);
  AnswerUse(0, UseVerdict::kFirst);  // it has not reached its backend yet
  EXPECT_TRUE(absl::StrContains(user.received, "200 OK")) << user.received;
  EXPECT_TRUE(absl::StrContains(Ask("/", "").received, "200 OK"));
}

TEST_F(AccessTest, WhatIsOverTheCapGets429AndAWebSocketACloseCode) {
  route_.token_required = false;
  route_.max_connections = 2;
  Publish();
  SimPeer& first = Open("");
  Ask("/slow", "");
  EXPECT_TRUE(absl::StrContains(Ask("/", "").received, "429 Too Many Requests"));
  const std::string over = Open("Sec-WebSocket-Protocol: chat, other\r\n").received;
  EXPECT_TRUE(absl::StartsWith(over, "HTTP/1.1 101 ")) << over;
  EXPECT_TRUE(absl::StrContains(over, "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"));
  EXPECT_TRUE(absl::StrContains(over, "Sec-WebSocket-Protocol: chat\r\n"));
  EXPECT_TRUE(absl::EndsWith(over, absl::string_view("\r\n\r\n\x88\x02\x03\xf5", 8)));  // 1013
  world_.Run(absl::Seconds(2));
  EXPECT_EQ(world_.reports.Last("a", 1).open, 2);
  first.Abort();
  world_.Run(absl::Milliseconds(50));
  EXPECT_TRUE(absl::StrContains(Ask("/", "").received, "200 OK"));
  for (const auto& client : world_.clients) client->Abort();
  world_.Run(absl::Seconds(5));
  EXPECT_EQ(caps_.sessions(), 0u);
}

TEST_F(AccessTest, APreflightIsAnsweredWhileTheSessionStartsAndAnswersCarryCors) {
  route_.allowed_origins = {"https://app.example.com"};
  route_.state = RouteState::kHold;
  Publish();
  const std::string origin = "Origin: https://app.example.com\r\n";
  const std::string preflight =
      Ask("/api", origin + "Access-Control-Request-Method: PUT\r\n", "OPTIONS").received;
  EXPECT_TRUE(absl::StartsWith(preflight, "HTTP/1.1 204 No Content\r\n")) << preflight;
  EXPECT_TRUE(absl::EndsWith(preflight, "\r\n\r\n"));
  EXPECT_FALSE(absl::StrContains(preflight, "Content-Length"));
  EXPECT_TRUE(absl::StrContains(preflight, "Access-Control-Allow-Methods: PUT\r\n"));
  route_.state = RouteState::kOpen;
  Publish();
  const std::string allowed =
      "Access-Control-Allow-Origin: https://app.example.com\r\n"
      "Access-Control-Allow-Credentials: true\r\nVary: Origin\r\n";
  const std::string good = Ask("/api", origin + Bearer(Token("g"))).received;
  EXPECT_TRUE(absl::StrContains(good, "200 OK"));
  EXPECT_TRUE(absl::StrContains(good, allowed)) << good;
  EXPECT_FALSE(absl::StrContains(good, "Allow-Origin: *")) << good;
  const std::string bad = Ask("/api", origin).received;
  EXPECT_TRUE(absl::StrContains(bad, "401 "));
  EXPECT_TRUE(absl::StrContains(bad, allowed)) << bad;
  EXPECT_TRUE(absl::StrContains(Open("Origin: https://evil.test\r\n" + Bearer(Token("g"))).received,
                                "403 "));
}

TEST_F(AccessTest, TheBackendSeesTheUserAndNeitherTokenNorForgeries) {
  const std::string token = Token("g");
  const std::string entered =
      Ask(absl::StrCat("/p?x=1&spawner_token=", token), "Accept: text/html\r\n").received;
  ASSERT_TRUE(absl::StrContains(entered, "302 Found")) << entered;
  const size_t at = entered.find("Set-Cookie: ") + 12;
  const std::string cookie = entered.substr(at, entered.find(';', at) - at);
  const std::string answer =
      Ask("/p?x=1", absl::StrCat("Cookie: a=b; ", cookie,
                                 "\r\nSpawner-User: root\r\nx_verified_username: root\r\n"))
          .received;
  EXPECT_TRUE(absl::StrContains(answer, "200 OK")) << answer;
  EXPECT_TRUE(absl::StrContains(seen_, "\r\nSpawner-User: ada\r\n")) << seen_;
  EXPECT_TRUE(absl::StrContains(seen_, "\r\nCookie: a=b\r\n")) << seen_;
  EXPECT_FALSE(absl::StrContains(seen_, "root")) << seen_;
  EXPECT_FALSE(absl::StrContains(seen_, token.substr(token.size() - 20))) << seen_;
}

}  // namespace
}  // namespace spawner::proxy
