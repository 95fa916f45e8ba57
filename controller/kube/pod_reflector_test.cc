#include "controller/kube/pod_reflector.h"

#include <gtest/gtest.h>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/status.h"
#include "controller/kube/fake_http_transport.h"
#include "controller/kube/limits.h"

namespace spawner::kube {
namespace {

std::string PodJson(absl::string_view name, int version) {
  return absl::StrCat(R"({"metadata":{"namespace":"a","uid":"u","name":")", name,
                      R"(","creationTimestamp":"2026-01-02T03:04:05Z","resourceVersion":")",
                      version, R"("}})");
}

std::string ListJson(int version, const std::vector<std::string>& pods,
                     absl::string_view continue_token = "") {
  return absl::StrCat(R"({"kind":"PodList","metadata":{"resourceVersion":")", version,
                      R"(","continue":")", continue_token, R"("},"items":[)",
                      absl::StrJoin(pods, ","), "]}");
}

std::string Event(absl::string_view type, absl::string_view object) {
  return absl::StrCat(R"({"type":")", type, R"(","object":)", object, "}\n");
}

std::string Bookmark(int version) {
  return Event("BOOKMARK",
               absl::StrCat(R"({"kind":"Pod","metadata":{"resourceVersion":")", version, R"("}})"));
}

std::string ErrorEvent(int code) {
  return Event("ERROR", absl::StrCat(R"({"kind":"Status","message":"m","code":)", code, "}"));
}

// Writes what it is told as words: "listed a b", "changed a@7", "gone a@8", "view OK".
class Recorder final : public PodHandler {
 public:
  void OnPodsListed(std::vector<Pod> pods) override {
    calls.push_back("listed");
    for (const Pod& pod : pods) absl::StrAppend(&calls.back(), " ", pod.name);
  }
  void OnPodChanged(Pod pod) override {
    calls.push_back(absl::StrCat("changed ", pod.name, "@", pod.resource_version));
  }
  void OnPodGone(Pod pod) override {
    calls.push_back(absl::StrCat("gone ", pod.name, "@", pod.resource_version));
  }
  void OnPodViewStatus(const absl::Status& status) override {
    calls.push_back(absl::StrCat("view ", status.ok() ? "OK" : status.message()));
    view = status;
  }
  // What was told since the last call.
  std::vector<std::string> Take() { return std::exchange(calls, {}); }

  std::vector<std::string> calls;
  absl::Status view = absl::UnknownError("never told");
};

using Calls = std::vector<std::string>;

class PodReflectorTest : public testing::TestWithParam<size_t> {
 protected:
  // The next request, which must not be due before `delay` is over, nor after one and a half of it.
  HttpTransport::RequestId NextAfter(absl::Duration delay) {
    const size_t sent = transport_.sent().size();
    const Instant start = clock_.Now();
    EXPECT_GE(reflector_.NextWake() - start, delay);
    EXPECT_LE(reflector_.NextWake() - start, delay * 1.5);
    if (delay > absl::ZeroDuration()) {
      reflector_.Step(clock_.Now());
      EXPECT_EQ(transport_.sent().size(), sent);
      clock_.AdvanceTo(reflector_.NextWake());
    }
    reflector_.Step(clock_.Now());
    EXPECT_EQ(transport_.sent().size(), sent + 1);
    return transport_.last();
  }
  void Advance(absl::Duration d) {
    clock_.Advance(d);
    reflector_.Step(clock_.Now());
  }
  // Listed at version 5 and watching, the view whole.
  void Settle() {
    reflector_.Step(clock_.Now());
    transport_.Answer(transport_.last(), 200, ListJson(5, {PodJson("p", 3)}));
    transport_.Head(transport_.last(), 200);
    ASSERT_EQ(handler_.Take(), (Calls{"listed p", "view OK"}));
  }
  const std::string& LastPath() const { return transport_.sent().back().path; }
  bool LastIsWatchFrom(int version) const {
    return absl::StrContains(LastPath(), absl::StrCat("watch=true&allowWatchBookmarks=true")) &&
           absl::StrContains(LastPath(), absl::StrCat("&resourceVersion=", version, "&"));
  }
  bool LastIsList() const { return absl::StrContains(LastPath(), "?limit="); }

  FakeHttpTransport transport_{GetParam()};
  FakeClock clock_;
  SeededRandom random_{1};
  Recorder handler_;
  PodReflector reflector_{transport_, clock_, random_, "a", "x=y", handler_};
};

INSTANTIATE_TEST_SUITE_P(ChunkSize, PodReflectorTest,
                         testing::Values(1, 2, 3, 4, 5, 6, 7, 8, 16, 31, 100'000));

TEST_P(PodReflectorTest, ListsThenWatchesFromTheListsVersion) {
  EXPECT_LE(reflector_.NextWake(), clock_.Now());
  reflector_.Step(clock_.Now());
  ASSERT_EQ(transport_.sent().size(), 1u);
  EXPECT_EQ(LastPath(), "/api/v1/namespaces/a/pods?limit=250&labelSelector=x%3Dy");
  transport_.Answer(1, 200, ListJson(5, {PodJson("p", 3), PodJson("q", 4)}));
  EXPECT_EQ(handler_.Take(), (Calls{"listed p q"}));
  ASSERT_EQ(transport_.sent().size(), 2u);
  EXPECT_TRUE(LastIsWatchFrom(5)) << LastPath();
  EXPECT_TRUE(absl::StrContains(LastPath(), "&labelSelector=x%3Dy"));
  EXPECT_TRUE(transport_.sent().back().is_stream);
  transport_.Head(2, 200);
  EXPECT_EQ(handler_.Take(), (Calls{"view OK"}));
  transport_.Data(2, Event("ADDED", PodJson("r", 6)) + Event("MODIFIED", PodJson("p", 7)) +
                         Bookmark(9) + Event("DELETED", PodJson("q", 10)));
  EXPECT_EQ(handler_.Take(), (Calls{"changed r@6", "changed p@7", "gone q@10"}));
}

TEST_P(PodReflectorTest, ListsPageByPage) {
  reflector_.Step(clock_.Now());
  transport_.Answer(1, 200, ListJson(5, {PodJson("p", 3)}, "to+ken"));
  EXPECT_EQ(LastPath(),
            "/api/v1/namespaces/a/pods?limit=250&continue=to%2Bken&labelSelector=x%3Dy");
  EXPECT_EQ(handler_.Take(), Calls{});
  transport_.Answer(2, 200, ListJson(5, {PodJson("q", 3)}));
  EXPECT_EQ(handler_.Take(), (Calls{"listed p q"}));
}

TEST_P(PodReflectorTest, StartsTheListAnewWhenAPageExpired) {
  reflector_.Step(clock_.Now());
  transport_.Answer(1, 200, ListJson(5, {PodJson("p", 3)}, "token"));
  transport_.Answer(2, 410, "{}");
  NextAfter(absl::ZeroDuration());
  EXPECT_EQ(LastPath(), "/api/v1/namespaces/a/pods?limit=250&labelSelector=x%3Dy");
  transport_.Answer(3, 200, ListJson(6, {PodJson("q", 3)}));
  EXPECT_EQ(handler_.Take(), (Calls{"view list pods in namespace a: HTTP 410: {}", "listed q"}));
}

TEST_P(PodReflectorTest, ResumesFromTheLastVersionWhenTheServerEndsAWatch) {
  Settle();
  transport_.Data(2, Event("ADDED", PodJson("r", 6)) + Bookmark(9) + "{\"type\":\"ADD");
  Advance(absl::Minutes(2));
  transport_.End(2);
  NextAfter(absl::ZeroDuration());
  EXPECT_TRUE(LastIsWatchFrom(9)) << LastPath();
  transport_.Head(3, 200);
  transport_.Data(3, Event("ADDED", PodJson("s", 10)));
  EXPECT_EQ(handler_.Take(), (Calls{"changed r@6", "changed s@10"}));
}

TEST_P(PodReflectorTest, BacksOffWhenWatchesEndAtOnce) {
  Settle();
  transport_.End(2);
  NextAfter(absl::Milliseconds(100));
  transport_.Answer(3, 200, "");
  NextAfter(absl::Milliseconds(200));
}

TEST_P(PodReflectorTest, ResumesABrokenWatchAndSaysThatTheViewMayBeOld) {
  Settle();
  Advance(absl::Seconds(30));
  transport_.End(2, absl::UnavailableError("reset"));
  EXPECT_EQ(handler_.Take(), (Calls{"view watch pods in namespace a: reset"}));
  EXPECT_EQ(ReasonOf(handler_.view), "KUBERNETES_UNREACHABLE");
  const auto watch = NextAfter(absl::Milliseconds(100));
  EXPECT_TRUE(LastIsWatchFrom(5)) << LastPath();
  transport_.Head(watch, 200);
  EXPECT_EQ(handler_.Take(), Calls{}) << "the error for an old version may still come";
  Advance(kWatchSettle);
  EXPECT_EQ(handler_.Take(), (Calls{"view OK"}));
}

TEST_P(PodReflectorTest, AnEventProvesAResumedWatch) {
  Settle();
  Advance(absl::Seconds(30));
  transport_.End(2, absl::UnavailableError("reset"));
  handler_.Take();
  const auto watch = NextAfter(absl::Milliseconds(100));
  transport_.Head(watch, 200);
  transport_.Data(watch, Event("MODIFIED", PodJson("p", 6)));
  EXPECT_EQ(handler_.Take(), (Calls{"view OK", "changed p@6"}));
}

TEST_P(PodReflectorTest, ListsAgainWhenItsVersionIsTooOld) {
  for (const bool as_event : {true, false}) {
    SCOPED_TRACE(as_event ? "ERROR event" : "HTTP code");
    FakeHttpTransport transport(GetParam());
    Recorder handler;
    PodReflector reflector(transport, clock_, random_, "", "", handler);
    reflector.Step(clock_.Now());
    EXPECT_EQ(transport.sent()[0].path, "/api/v1/pods?limit=250");
    transport.Answer(1, 200, ListJson(5, {PodJson("p", 3)}));
    if (as_event) {
      transport.Head(2, 200);
      transport.Data(2, ErrorEvent(410) + Event("ADDED", PodJson("never", 9)));
      EXPECT_FALSE(transport.IsOpen(2));
    } else {
      transport.Answer(2, 410, R"({"message":"m"})");
    }
    reflector.Step(clock_.Now());  // at once
    ASSERT_EQ(transport.sent().size(), 3u);
    transport.Answer(3, 200, ListJson(8, {PodJson("q", 7)}));
    transport.Head(4, 200);
    Calls expected = {"listed p", "view watch pods in all namespaces: HTTP 410: m", "listed q",
                      "view OK"};
    if (as_event) expected.insert(expected.begin() + 1, "view OK");
    EXPECT_EQ(handler.Take(), expected);
    // A server that knows no version at all must not make us list in a tight loop.
    transport.Data(4, ErrorEvent(410));
    reflector.Step(clock_.Now());
    EXPECT_EQ(transport.sent().size(), 4u);
    EXPECT_GE(reflector.NextWake() - clock_.Now(), kBackoffMin);
  }
}

TEST_P(PodReflectorTest, BacksOffUpToTheMaximumAndStartsOverAfterAWatchThatHeld) {
  reflector_.Step(clock_.Now());
  transport_.End(1, absl::UnavailableError("connect to x: refused"));
  for (const int ms : {100, 200, 400, 800, 1600, 3200, 6400}) {
    const auto list = NextAfter(absl::Milliseconds(ms));
    EXPECT_TRUE(LastIsList());
    transport_.End(list, absl::UnavailableError("connect to x: refused"));
  }
  NextAfter(kBackoffMax / 1.5);
  EXPECT_EQ(handler_.Take(), (Calls{"view list pods in namespace a: connect to x: refused"}))
      << "told once, not at each try";
  transport_.Answer(transport_.last(), 200, ListJson(5, {}));
  transport_.Head(transport_.last(), 200);
  Advance(kWatchHealthyMin);
  transport_.End(transport_.last(), absl::UnavailableError("reset"));
  NextAfter(absl::Milliseconds(100));
}

TEST_P(PodReflectorTest, HonoursRetryAfter) {
  reflector_.Step(clock_.Now());
  transport_.Head(1, 429, absl::Seconds(7));
  transport_.End(1);
  EXPECT_EQ(handler_.view.code(), absl::StatusCode::kResourceExhausted);
  NextAfter(absl::Seconds(7));
  transport_.Answer(2, 200, ListJson(5, {}));
  transport_.Head(3, 429, absl::Seconds(2));
  transport_.End(3);
  NextAfter(absl::Seconds(2));
  EXPECT_TRUE(LastIsWatchFrom(5)) << "a busy server is not asked for a list";
}

TEST_P(PodReflectorTest, KeepsItsVersionOverServerErrorsButNotOverOneThatDoubtsTheVersion) {
  Settle();
  Advance(absl::Seconds(2));
  transport_.Data(2, ErrorEvent(500));
  auto watch = NextAfter(absl::Milliseconds(100));
  EXPECT_TRUE(LastIsWatchFrom(5));
  transport_.Answer(watch, 403, R"({"message":"cannot watch resource"})");
  EXPECT_EQ(handler_.view.code(), absl::StatusCode::kPermissionDenied);
  EXPECT_TRUE(absl::StrContains(handler_.view.message(), "grant verb \"watch\" on \"pods\""));
  watch = NextAfter(absl::Milliseconds(200));
  EXPECT_TRUE(LastIsWatchFrom(5));
  transport_.Answer(watch, 504, R"({"message":"Too large resource version"})");
  NextAfter(absl::Milliseconds(400));
  EXPECT_TRUE(LastIsList());
}

TEST_P(PodReflectorTest, ResumesASilentWatch) {
  Settle();
  Advance(absl::Seconds(100));
  transport_.Data(2, Bookmark(8));
  EXPECT_EQ(reflector_.NextWake(), clock_.Now() + kWatchSilenceMax);
  Advance(kWatchSilenceMax - absl::Seconds(1));
  EXPECT_TRUE(transport_.IsOpen(2));
  Advance(absl::Seconds(1));
  EXPECT_FALSE(transport_.IsOpen(2));
  EXPECT_EQ(handler_.Take(), (Calls{"view watch pods in namespace a: silent for 2m30s"}));
  NextAfter(absl::Milliseconds(100));
  EXPECT_TRUE(LastIsWatchFrom(8)) << LastPath();
  // No head at all is noticed sooner.
  Advance(kWatchHeadMax);
  EXPECT_FALSE(transport_.IsOpen(3));
  EXPECT_EQ(handler_.Take(), (Calls{"view watch pods in namespace a: no answer for 30s"}));
}

TEST_P(PodReflectorTest, ListsAgainRatherThanSkipWhatItCannotRead) {
  Settle();
  Advance(absl::Seconds(2));
  transport_.Data(2, "{\"type\":\"ADDED\",\"object\":{}}\n" + Event("ADDED", PodJson("r", 6)));
  EXPECT_FALSE(transport_.IsOpen(2));
  EXPECT_EQ(handler_.Take(), (Calls{"view watch pods in namespace a: an event that can't be read: "
                                    "object.metadata: missing"}));
  NextAfter(absl::Milliseconds(100));
  EXPECT_TRUE(LastIsList());
  transport_.Answer(3, 200, "<html>");
  EXPECT_EQ(handler_.Take(), (Calls{"view list pods in namespace a: an answer that can't be read: "
                                    "not JSON: breaks at byte 1 of 6"}));
  NextAfter(absl::Milliseconds(200));
  transport_.Answer(4, 200, ListJson(5, {"{\"metadata\":{}}"}));
  EXPECT_EQ(handler_.Take(), (Calls{"view list pods in namespace a: an answer that can't be read: "
                                    "items[0]: metadata.namespace: missing"}));
}

TEST_P(PodReflectorTest, ItsEndCancelsTheRequest) {
  {
    Recorder handler;
    PodReflector reflector(transport_, clock_, random_, "a", "", handler);
    reflector.Step(clock_.Now());
    EXPECT_TRUE(transport_.IsOpen(1));
  }
  EXPECT_FALSE(transport_.IsOpen(1));
}

TEST(PodReflector, RefusesAnEndlessLine) {
  FakeHttpTransport transport;
  FakeClock clock;
  SeededRandom random(1);
  Recorder handler;
  PodReflector reflector(transport, clock, random, "a", "", handler);
  reflector.Step(clock.Now());
  transport.Answer(1, 200, ListJson(5, {}));
  transport.Head(2, 200);
  const std::string chunk(1 << 20, ' ');
  for (size_t sent = 0; sent <= kWatchLineBytesMax + 2 * chunk.size(); sent += chunk.size()) {
    transport.Data(2, chunk);
  }
  EXPECT_FALSE(transport.IsOpen(2));
  EXPECT_EQ(handler.view.code(), absl::StatusCode::kResourceExhausted);
}

}  // namespace
}  // namespace spawner::kube
