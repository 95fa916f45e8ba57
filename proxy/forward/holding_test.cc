// The progress page and the bounds on what is held, through a worker in a simulated network.
#include <string>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "proxy/forward/sim_world.h"
#include "proxy/shared_caps.h"

namespace spawner::proxy {
namespace {

constexpr char kOk[] = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
constexpr char kBrowser[] = "Accept: text/html,application/xhtml+xml,*/*;q=0.8\r\n";

class HoldingTest : public testing::Test {
 protected:
  explicit HoldingTest(const HoldOptions& hold = {}, ConnectionCaps* held_by_all = nullptr)
      : world_(1, {}, nullptr, nullptr, {.hold = hold}, held_by_all),
        backend_(world_.io, Answering(kOk)) {
    address_ = backend_.Listen({"10.0.1.1", 8080});
  }
  void Set(RouteState state, absl::string_view phase = "PULLING") {
    world_.SetRoute({.session_id = "a",
                     .epoch = 1,
                     .state = state,
                     .ip = address_.ip,
                     .port = address_.port,
                     .reason = "IMAGE_PULL_FAILED",
                     .message = "no such image",
                     .phase = std::string(phase),
                     .hold_timeout = absl::Seconds(30)});
    world_.Run(absl::Milliseconds(20));
  }
  SimPeer& Ask(absl::string_view fields, absl::string_view method = "GET") {
    SimPeer& client = world_.NewClient();
    client.Send(absl::StrCat(method, " /page HTTP/1.1\r\nHost: a.test\r\n", fields, "\r\n"));
    world_.Run(absl::Milliseconds(20));
    return client;
  }
  SimPeer& AskAsPage(absl::string_view phase) {
    return Ask(
        absl::StrCat("Accept: */*\r\nSec-Fetch-Mode: cors\r\nSpawner-Progress: ", phase, "\r\n"));
  }
  bool Received(const SimPeer& peer, absl::string_view what) {
    return world_.RunUntil([&peer, what] { return absl::StrContains(peer.received, what); });
  }
  SessionTotals Usage() { return world_.reports.Last("a", 1); }

  SimWorld world_;
  SimBackend backend_;
  Address address_;
};

TEST_F(HoldingTest, ABrowserIsShownThePageAfterASecond) {
  Set(RouteState::kHold);
  SimPeer& client = Ask(kBrowser);
  world_.Run(absl::Milliseconds(900));
  EXPECT_EQ(client.received, "");
  EXPECT_EQ(Usage().held, 1);
  world_.Run(absl::Milliseconds(200));
  EXPECT_TRUE(absl::StartsWith(client.received, "HTTP/1.1 202 Accepted\r\n"));
  for (const char* field : {"Cache-Control: no-store\r\n", "Retry-After: 2\r\n",
                            "Spawner-Phase: PULLING\r\n", "Connection: keep-alive\r\n"}) {
    EXPECT_TRUE(absl::StrContains(client.received, field)) << field;
  }
  EXPECT_EQ(Usage().held, 0);
  EXPECT_EQ(world_.worker->counters().progress_pages.value(), 1);
  // The connection is good for the next request.
  client.received.clear();
  client.Send(SimWorld::Get("a"));
  Set(RouteState::kOpen);
  EXPECT_TRUE(Received(client, "ok"));
}

TEST_F(HoldingTest, SecFetchModeAloneTellsABrowserToo) {
  Set(RouteState::kHold);
  EXPECT_TRUE(Received(Ask("Accept: text/html\r\nSec-Fetch-Mode: navigate\r\n"), "202 Accepted"));
}

TEST_F(HoldingTest, AShortStartOpensTheApplicationDirectly) {
  Set(RouteState::kHold);
  SimPeer& client = Ask(kBrowser);
  world_.Run(absl::Milliseconds(800));
  Set(RouteState::kHold, "STARTED");
  world_.Run(absl::Milliseconds(100));
  Set(RouteState::kOpen);
  EXPECT_TRUE(Received(client, "ok"));
  EXPECT_TRUE(absl::StartsWith(client.received, "HTTP/1.1 200 OK"));
  EXPECT_EQ(world_.worker->counters().progress_pages.value(), 0);
}

TEST_F(HoldingTest, APhaseThatChangesDoesNotPutThePageOff) {
  Set(RouteState::kHold, "SCHEDULING");
  SimPeer& client = Ask(kBrowser);
  for (int i = 0; i < 6; ++i) {
    Set(RouteState::kHold, i % 2 == 0 ? "PULLING" : "STARTED");
    world_.Run(absl::Milliseconds(200));
  }
  EXPECT_TRUE(absl::StrContains(client.received, "202 Accepted"));
}

TEST_F(HoldingTest, EverythingElseWaitsForTheSessionItself) {
  Set(RouteState::kHold);
  SimPeer* const clients[] = {
      &Ask(""),
      &Ask("Accept: text/html, image/gif, *; q=.2\r\n"),  // Java's HttpURLConnection
      &Ask(absl::StrCat(kBrowser, "Sec-Fetch-Mode: cors\r\n")),
      &Ask("Accept: */*\r\nSec-Fetch-Mode: navigate\r\n"),
      &Ask(kBrowser, "HEAD"),
      &Ask(absl::StrCat(kBrowser, "Content-Length: 0\r\n"), "POST"),
      &Ask(absl::StrCat(kBrowser, "Upgrade: websocket\r\nConnection: Upgrade\r\n")),
  };
  world_.Run(absl::Seconds(20));
  for (const SimPeer* client : clients) EXPECT_EQ(client->received, "");
  Set(RouteState::kOpen);
  for (const SimPeer* client : clients) EXPECT_TRUE(Received(*client, "HTTP/1.1 200 OK"));
}

TEST_F(HoldingTest, AnOpenPageCountsAsAHeldRequestAndHearsOfEachPhase) {
  Set(RouteState::kHold, "PULLING");
  SimPeer& page = AskAsPage("PULLING");
  EXPECT_EQ(Usage().open, 1);
  EXPECT_EQ(Usage().held, 1);
  world_.Run(absl::Seconds(10));
  EXPECT_EQ(page.received, "");
  Set(RouteState::kHold, "STARTED");
  EXPECT_TRUE(absl::StartsWith(page.received, "HTTP/1.1 200 OK\r\n"));
  EXPECT_TRUE(absl::StrContains(page.received, "{\"phase\":\"STARTED\",\"step\":2,"));
  // It came with old news: answered at once.
  EXPECT_TRUE(absl::StrContains(AskAsPage("PULLING").received, "\"phase\":\"STARTED\""));
  // A silent request would be cut off by what stands between: it is told the same again.
  SimPeer& patient = AskAsPage("STARTED");
  world_.Run(absl::Seconds(26));
  EXPECT_TRUE(absl::StrContains(patient.received, "\"phase\":\"STARTED\""));
}

TEST_F(HoldingTest, ThePageIsToldThatTheSessionOpenedAndTheBackendIsNotAsked) {
  Set(RouteState::kHold);
  SimPeer& page = AskAsPage("PULLING");
  Set(RouteState::kOpen);
  EXPECT_TRUE(Received(page, "HTTP/1.1 204 No Content"));
  EXPECT_TRUE(absl::StrContains(AskAsPage("PULLING").received, "HTTP/1.1 204 No Content"));
  EXPECT_TRUE(backend_.connections.empty());
  // Of another method it is no question of the page's; the backend does not see the field.
  SimPeer& post = Ask("Spawner-Progress: PULLING\r\nContent-Length: 0\r\n", "POST");
  EXPECT_TRUE(Received(post, "ok"));
}

TEST_F(HoldingTest, AFailedStartIsToldWithItsReason) {
  Set(RouteState::kHold);
  SimPeer& page = AskAsPage("PULLING");
  SimPeer& waiting = Ask(kBrowser);
  Set(RouteState::kEnded);
  EXPECT_TRUE(Received(page, "HTTP/1.1 410 Gone"));
  EXPECT_TRUE(Received(waiting, "The session could not start"));
  EXPECT_TRUE(absl::StrContains(waiting.received, "No such image"));
  EXPECT_TRUE(absl::StrContains(waiting.received, "Spawner-Reason: IMAGE_PULL_FAILED"));
}

TEST_F(HoldingTest, AnUnknownIdShowsNoPageUntilItsRouteIsThere) {
  SimPeer& client = Ask(kBrowser);
  world_.Run(absl::Seconds(5));
  EXPECT_EQ(client.received, "");
  Set(RouteState::kHold, "SCHEDULING");
  EXPECT_TRUE(Received(client, "Spawner-Phase: SCHEDULING"));
}

TEST_F(HoldingTest, BehindAGateThePageWaitsWithoutCounting) {
  Set(RouteState::kOpen);
  Set(RouteState::kGated);
  SimPeer& client = Ask(kBrowser);
  world_.Run(absl::Seconds(2));
  EXPECT_TRUE(absl::StrContains(client.received, "Spawner-Phase: GATED"));
  SimPeer& page = AskAsPage("GATED");
  EXPECT_EQ(Usage().open, 0);
  Set(RouteState::kOpen);
  EXPECT_TRUE(Received(page, "204 No Content"));
}

class NoPageTest : public HoldingTest {
 protected:
  NoPageTest()
      : HoldingTest({.timeout_max = absl::Seconds(5), .page_after = absl::InfiniteDuration()}) {}
};

TEST_F(NoPageTest, WithoutThePageABrowserWaitsAsLongAsItMay) {
  Set(RouteState::kHold);
  SimPeer& client = Ask(kBrowser);
  world_.Run(absl::Milliseconds(4900));
  EXPECT_EQ(client.received, "");
  world_.Run(absl::Milliseconds(200));
  EXPECT_TRUE(absl::StrContains(client.received, "504 Gateway Timeout"));
}

class HeldBoundsTest : public HoldingTest {
 protected:
  HeldBoundsTest() : HoldingTest({.max = 3, .per_session_max = 2}, &held_) {}
  static SharedCaps held_;
};
SharedCaps HeldBoundsTest::held_;

TEST_F(HeldBoundsTest, AreThoseOfTheWholeProcess) {
  Set(RouteState::kHold);
  SimPeer& first = Ask("");
  ASSERT_TRUE(held_.TryOpen("a", 2));  // another worker's
  ASSERT_TRUE(held_.TryOpen({}, 3));
  EXPECT_TRUE(absl::StrContains(Ask("").received, "TOO_MANY_WAITING"));
  held_.Close("a");
  ASSERT_TRUE(held_.TryOpen("b", 2));  // now of another session: one more fits in all
  SimPeer& second = Ask("");
  EXPECT_EQ(second.received, "");
  world_.SetRoute({.session_id = "c", .epoch = 1, .state = RouteState::kHold});
  SimPeer& third = world_.NewClient();
  third.Send(SimWorld::Get("c"));
  EXPECT_TRUE(Received(third, "TOO_MANY_WAITING"));
  held_.Close("b");
  held_.Close({});
  first.Close();
  Set(RouteState::kOpen);
  EXPECT_TRUE(Received(second, "ok"));
  // Whatever ended the waiting gave its place back.
  EXPECT_EQ(held_.sessions(), 0u);
}

}  // namespace
}  // namespace spawner::proxy
