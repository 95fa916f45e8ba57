#include "cli/why_page.h"

#include <gtest/gtest.h>

#include "cli/times.h"

namespace spawner::cli {
namespace {

const absl::Time kNow = absl::FromUnixSeconds(1'000'000);

google::protobuf::Timestamp At(int64_t seconds) {
  google::protobuf::Timestamp stamp;
  stamp.set_seconds(1'000'000 + seconds);
  return stamp;
}

v1::ExplainSessionResponse InUse() {
  v1::ExplainSessionResponse e;
  e.set_verdict("In use by 2 connections; ends as IDLE 5m after the last one leaves.");
  e.add_reasons_alive("2 connections are open");
  v1::Session& s = *e.mutable_session();
  s.set_name("namespaces/default/sessions/abc");
  s.mutable_key()->set_name("document-42");
  s.mutable_key()->set_tag("v7");
  s.set_state(v1::READY);
  s.set_epoch(7);
  s.set_pod("s-abc-7");
  s.set_node("worker-1");
  *s.mutable_create_time() = At(-3700);
  *s.mutable_spec()->mutable_idle()->mutable_grace() = DurationProto(absl::Minutes(5));
  v1::Hold& hold = *s.add_holds();
  hold.set_owner("backend");
  hold.set_reason("importing");
  *hold.mutable_expire_time() = At(250);
  auto& proxy = *e.add_proxies();
  proxy.set_proxy("proxy-a");
  proxy.set_open(2);
  proxy.set_held(1);
  proxy.set_opened_total(120);
  proxy.set_bytes_total(13'000'000);
  *proxy.mutable_idle_for() = DurationProto(absl::Seconds(1));
  v1::Connection& c = *proxy.add_connections();
  c.set_kind(v1::Connection::WEBSOCKET);
  *c.mutable_age() = DurationProto(absl::Hours(3));
  *c.mutable_idle_for() = DurationProto(absl::Seconds(1));
  c.set_bytes(512);
  c.set_peer("10.0.0.7:5511");
  c.set_user("ada\x1b[31m");
  auto& lost = *e.add_proxies();
  lost.set_proxy("proxy-b");
  lost.set_open(3);
  lost.set_lost(true);
  auto& step = *e.add_transitions();
  *step.mutable_time() = At(-3690);
  step.set_from(v1::STARTING);
  step.set_to(v1::READY);
  step.set_cause("every proxy knows the route");
  v1::PodEvent& event = *e.add_events();
  *event.mutable_time() = At(-3695);
  event.set_type("Warning");
  event.set_reason("BackOff");
  event.set_message("back-off pulling image");
  event.set_count(3);
  return e;
}

TEST(WhyPage, IsAPageForAPersonInTrouble) {
  EXPECT_EQ(
      WhyPage(InUse(), kNow, false),
      "In use by 2 connections; ends as IDLE 5m after the last one leaves.\n"
      "  - 2 connections are open\n"
      "\n"
      "SESSION\n"
      "  Name     namespaces/default/sessions/abc\n"
      "  Key      document-42, tag v7\n"
      "  State    READY\n"
      "  Epoch    7\n"
      "  Pod      s-abc-7\n"
      "  Node     worker-1\n"
      "  Created  1970-01-12T12:45:00.000Z (1h1m ago)\n"
      "\n"
      "CONNECTIONS\n"
      "  PROXY    OPEN  WAITING  SINCE START  BYTES     LAST BYTE\n"
      "  proxy-a  2     1        120          12.4 MiB  1s ago\n"
      "  proxy-b  3     0        0            0 B       -          LOST: what it said last\n"
      "\n"
      "  PROXY    KIND       AGE  LAST BYTE  BYTES  PEER           USER\n"
      "  proxy-a  WEBSOCKET  3h   1s ago     512 B  10.0.0.7:5511  ada\\x1b[31m\n"
      "\n"
      "HOLDS\n"
      "  OWNER    UNTIL                                REASON\n"
      "  backend  1970-01-12T13:50:50.000Z (in 4m10s)  importing\n"
      "\n"
      "DEADLINES\n"
      "  Ends as idle   5m after the last connection or hold\n"
      "  Lifetime ends  never (no limit)\n"
      "\n"
      "HISTORY\n"
      "  1970-01-12T12:45:10.000Z (1h1m ago)  STARTING -> READY  every proxy knows the route\n"
      "\n"
      "WHAT KUBERNETES SAYS OF THE POD\n"
      "  1970-01-12T12:45:05.000Z (1h1m ago)  Warning  BackOff  back-off pulling image (3 "
      "times)\n");
}

TEST(WhyPage, AnEndedSessionHasNoDeadlinesAndNothingIsMadeUp) {
  v1::ExplainSessionResponse e;
  e.set_verdict("Ended as CRASHED 5m ago: exit code 3.");
  e.mutable_session()->set_name("namespaces/x/sessions/y");
  e.mutable_session()->set_state(v1::TERMINATED);
  e.mutable_session()->set_reason(v1::CRASHED);
  e.mutable_session()->set_exit_code(3);
  EXPECT_EQ(WhyPage(e, kNow, false),
            "Ended as CRASHED 5m ago: exit code 3.\n\n"
            "SESSION\n"
            "  Name   namespaces/x/sessions/y\n"
            "  State  TERMINATED, CRASHED, exit code 3\n"
            "  Epoch  0\n");
}

TEST(WhyPage, ColourIsForTerminals) {
  EXPECT_EQ(WhyPage(InUse(), kNow, true).rfind("\x1b[1mIn use", 0), 0u);
  EXPECT_EQ(WhyPage(InUse(), kNow, false).find('\x1b'), std::string::npos);
}

}  // namespace
}  // namespace spawner::cli
