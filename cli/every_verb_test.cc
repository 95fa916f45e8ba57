// Each verb against a controller whose answers are set: what is asked, what is written where, and
// how it ends.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "cli/fake_controller.h"
#include "cli/times.h"
#include "google/rpc/error_details.pb.h"

namespace spawner::cli {
namespace {

using testing::TempDir;

constexpr char kName[] = "namespaces/default/sessions/abc";

grpc::Status Refusal(grpc::StatusCode code, const std::string& message, const std::string& reason) {
  google::rpc::ErrorInfo info;
  info.set_reason(reason);
  google::rpc::Status details;
  details.add_details()->PackFrom(info);
  return {code, message, details.SerializeAsString()};
}

void ExpectHas(const std::string& text, const std::string& part) {
  EXPECT_TRUE(absl::StrContains(text, part)) << "no \"" << part << "\" in:\n" << text;
}

v1::Session Live() {
  v1::Session session;
  session.set_name(kName);
  session.mutable_key()->set_name("doc");
  session.set_state(v1::READY);
  session.set_epoch(7);
  session.set_connections(3);
  session.mutable_create_time()->set_seconds(1'700'000'000 - 60);
  return session;
}

TEST(EveryReason, EndsWithItsExitCodeAndIsSaidWithItsName) {
  using Code = grpc::StatusCode;
  const std::tuple<Code, const char*, int> reasons[] = {
      {Code::INVALID_ARGUMENT, "INVALID_FIELD", kUsage},
      {Code::INVALID_ARGUMENT, "REQUEST_ID_REUSED", kUsage},
      {Code::UNAUTHENTICATED, "TOKEN_INVALID", kNotAllowed},
      {Code::UNAUTHENTICATED, "TOKEN_EXPIRED", kNotAllowed},
      {Code::PERMISSION_DENIED, "NAMESPACE_FORBIDDEN", kNotAllowed},
      {Code::NOT_FOUND, "SESSION_NOT_FOUND", kNotFound},
      {Code::NOT_FOUND, "KEY_NOT_HELD", kNotFound},
      {Code::NOT_FOUND, "TEMPLATE_NOT_FOUND", kNotFound},
      {Code::FAILED_PRECONDITION, "KEY_TAG_MISMATCH", kConflict},
      {Code::FAILED_PRECONDITION, "NOT_IDLE", kConflict},
      {Code::FAILED_PRECONDITION, "SESSION_ENDING", kConflict},
      {Code::FAILED_PRECONDITION, "LOG_UNAVAILABLE", kConflict},
      {Code::ABORTED, "ETAG_MISMATCH", kConflict},
      {Code::ABORTED, "EPOCH_FENCED", kConflict},
      {Code::RESOURCE_EXHAUSTED, "QUOTA_SESSIONS", kQuota},
      {Code::RESOURCE_EXHAUSTED, "RATE_LIMITED", kQuota},
      {Code::RESOURCE_EXHAUSTED, "POOL_EMPTY", kQuota},
      {Code::RESOURCE_EXHAUSTED, "NO_CAPACITY", kQuota},
      {Code::UNAVAILABLE, "NO_LEADER", kUnavailable},
      {Code::UNAVAILABLE, "KUBERNETES_UNREACHABLE", kUnavailable},
      {Code::DEADLINE_EXCEEDED, "START_TIMEOUT", kTimeout},
      {Code::DEADLINE_EXCEEDED, "WAIT_TIMEOUT", kTimeout},
      {Code::OUT_OF_RANGE, "VERSION_EXPIRED", kUsage},
  };
  FakeController fake;
  for (const auto& [code, reason, exit_code] : reasons) {
    fake.terminate.status = Refusal(code, "terminate: why it was refused", reason);
    fake.get.response = Live();
    const Written written = fake.Run({"terminate", "abc"});
    EXPECT_EQ(written.code, exit_code) << reason;
    EXPECT_EQ(written.out, "");
    EXPECT_TRUE(absl::StartsWith(written.err,
                                 absl::StrCat("terminate: why it was refused [", reason, "]\n")))
        << written.err;
  }
}

TEST(EveryReason, AMethodThatThisControllerLacksIsSaidToBeThat) {
  FakeController fake;
  fake.keep_alive.status = {grpc::StatusCode::UNIMPLEMENTED, "KeepAlive: not there yet"};
  const Written written = fake.Run({"hold", "abc", "--for=1m"});
  EXPECT_EQ(written.code, kFailed);
  EXPECT_EQ(written.err,
            "hold: KeepAlive: not there yet\n"
            "  this controller cannot do that: `spawnctl version` says how old it is\n");
}

TEST(Hold, AsksForAsLongAsIsSaidAndTellsUntilWhen) {
  FakeController fake;
  fake.keep_alive.response.mutable_expire_time()->set_seconds(1'700'001'800);
  Written written = fake.Run({"hold", "abc", "--for=30m", "--reason=export"});
  EXPECT_EQ(written.code, kOk) << written.err;
  EXPECT_EQ(written.out, "held by spawnctl/ada until 2023-11-14T22:43:20.000Z (in 30m)\n");
  EXPECT_EQ(fake.keep_alive.request.name(), kName);
  EXPECT_EQ(fake.keep_alive.request.ttl().seconds(), 1800);
  EXPECT_EQ(fake.keep_alive.request.reason(), "export");
  fake.keep_alive.response.set_capped(true);
  ExpectHas(fake.Run({"hold", "abc", "--for=30m"}).err, "hold_max");
  written = fake.Run({"release", "abc", "--owner=night"});
  EXPECT_EQ(written.out, absl::StrCat("night holds ", kName, " no longer\n"));
  EXPECT_EQ(fake.keep_alive.request.ttl().seconds(), 0);
  EXPECT_EQ(fake.Run({"hold", "abc"}).code, kUsage);
}

TEST(Get, AWordThatLooksLikeNoIdMayBeAKey) {
  FakeController fake;
  fake.get.status =
      Refusal(grpc::StatusCode::NOT_FOUND, "session doc: there is none", "SESSION_NOT_FOUND");
  EXPECT_EQ(fake.Run({"get", "session", "doc"}).err,
            "get session: session doc: there is none [SESSION_NOT_FOUND]\n"
            "  `spawnctl get sessions` lists what there is; is \"doc\" a key? --key=doc\n");
  EXPECT_EQ(fake.Run({"get", "session", "abcdefghijklmnopqrstuvwxyz"}).err,
            "get session: session doc: there is none [SESSION_NOT_FOUND]\n"
            "  `spawnctl get sessions` lists what there is\n");
}

TEST(Describe, AProxyThatIsNotThereIsSaidByItsOwnVerb) {
  FakeController fake;
  const Written written = fake.Run({"describe", "proxy", "x"});
  EXPECT_EQ(written.code, kNotFound);
  EXPECT_EQ(written.err,
            "describe proxy: no proxy has the id or the pod \"x\" [PROXY_NOT_FOUND]\n"
            "  `spawnctl proxies` lists them\n");
}

TEST(DrainNode, ANodeWithoutSessionsMayBeMisspelt) {
  FakeController fake;
  const Written written = fake.Run({"drain", "node", "nodee"});
  EXPECT_EQ(written.code, kOk);
  ExpectHas(written.err, "no session is on a node \"nodee\"");
}

TEST(Wait, SendsStatesAndTimeout) {
  FakeController fake;
  fake.wait.response = Live();
  const Written written = fake.Run({"wait", "abc", "--for=ready,TERMINATED", "--timeout=5s"});
  EXPECT_EQ(written.code, kOk) << written.err;
  ExpectHas(written.out, "abc  doc  READY");
  EXPECT_EQ(fake.wait.request.states_size(), 2);
  EXPECT_EQ(fake.wait.request.timeout().seconds(), 5);
  fake.Run({"wait", "abc"});
  EXPECT_EQ(fake.wait.request.timeout().seconds(), 600);
  EXPECT_EQ(fake.Run({"wait", "abc", "--for=gone"}).code, kUsage);
}

TEST(Why, PrintsThePageAndOtherFormats) {
  FakeController fake;
  fake.explain.response.set_verdict("In use.");
  *fake.explain.response.mutable_session() = Live();
  EXPECT_EQ(fake.Run({"why", "abc", "--epoch=7"}).out.rfind("In use.\n\nSESSION\n", 0), 0u);
  EXPECT_EQ(fake.explain.request.epoch(), 7u);
  ExpectHas(fake.Run({"why", "abc", "-o", "json"}).out, "\"verdict\": \"In use.\"");
  EXPECT_EQ(fake.Run({"why", "abc", "-o", "name"}).out, absl::StrCat(kName, "\n"));
}

TEST(Sessions, OfAKeyAreFoundByAFilterWhereTheKeyFitsOne) {
  FakeController fake;
  *fake.list.response.add_sessions() = Live();
  EXPECT_EQ(fake.Run({"why", "--key=doc"}).code, kOk);
  EXPECT_EQ(fake.list.request.filter(), "key:doc");
  EXPECT_EQ(fake.explain.request.name(), kName);
  EXPECT_EQ(fake.Run({"why", "--key=a AND b"}).code, kNotFound);
  EXPECT_EQ(fake.list.request.filter(), "");
}

TEST(Grants, AreMadeAndRevoked) {
  FakeController fake;
  fake.create_grant.response.set_url("http://x/?t");
  fake.create_grant.response.set_grant_id("g1");
  Written written = fake.Run({"grant", "create", "abc", "--user=grace", "--ttl=15m", "--one-time",
                              "--claims={\"role\":\"viewer\"}"});
  EXPECT_EQ(written.out, "http://x/?t\n") << written.err;
  const v1::GrantSpec& grant = fake.create_grant.request.grant();
  EXPECT_EQ(grant.user(), "grace");
  EXPECT_EQ(grant.ttl().seconds(), 900);
  EXPECT_TRUE(grant.one_time());
  EXPECT_EQ(grant.claims().fields().at("role").string_value(), "viewer");
  EXPECT_NE(fake.create_grant.request.request_id(), "");
  EXPECT_EQ(fake.Run({"grant", "create", "abc", "--user=x", "--claims=["}).code, kUsage);
  EXPECT_EQ(fake.Run({"grant", "create", "abc"}).code, kUsage);

  written = fake.Run({"grant", "revoke", "abc", "--user=grace"});
  EXPECT_EQ(written.out, "revoked at every proxy\n");
  fake.revoke_grant.response.add_pending_proxies("proxy-b");
  written = fake.Run({"grant", "revoke", "abc", "--all"});
  EXPECT_TRUE(fake.revoke_grant.request.all());
  EXPECT_EQ(written.out, "revoked; not yet everywhere\n");
  ExpectHas(written.err, "connected again: proxy-b\n");
  EXPECT_EQ(fake.Run({"grant", "revoke", "abc"}).code, kUsage);
  EXPECT_EQ(fake.Run({"grant", "revoke", "abc", "--all", "--user=x"}).code, kUsage);
}

TEST(Keys, AreRotatedAndTheDangerousWayIsAskedFor) {
  FakeController fake;
  fake.rotate.response.set_key_id("k2");
  EXPECT_EQ(fake.Run({"keys", "rotate"}).out, "new tokens are signed with key k2\n");
  EXPECT_FALSE(fake.rotate.request.has_overlap());
  EXPECT_EQ(fake.Run({"keys", "rotate", "--overlap=0s"}).code, kFailed);
  EXPECT_EQ(fake.rotate.calls, 1);
  EXPECT_EQ(fake.Run({"keys", "rotate", "--overlap=0s", "--yes"}).code, kOk);
  fake.typed = "yes";
  EXPECT_EQ(fake.Run({"keys", "rotate", "--overlap=0s"}).code, kOk);
  EXPECT_TRUE(fake.rotate.request.has_overlap());
  EXPECT_EQ(fake.rotate.calls, 3);
}

TEST(Proxies, AreListedAndDrained) {
  FakeController fake;
  v1::ProxyStatus& proxy = *fake.proxies.response.add_proxies();
  proxy.set_id("p1");
  proxy.set_connected(true);
  proxy.set_connections(5);
  proxy.set_version("0.1.0");
  v1::ProxyStatus& lost = *fake.proxies.response.add_proxies();
  lost.set_id("p2");
  lost.mutable_lost_for()->set_seconds(70);
  EXPECT_EQ(fake.Run({"proxies"}).out,
            "PROXY  LINK        CONNECTIONS  VERSION  ROUTES  POD\n"
            "p1     connected   5            0.1.0    0       -\n"
            "p2     lost 1m10s  0                     0       -\n");
  EXPECT_EQ(fake.Run({"get", "proxies", "-o", "name"}).out, "p1\np2\n");
  ExpectHas(fake.Run({"get", "proxy", "p2"}).out, "p2     lost 1m10s");
  EXPECT_EQ(fake.Run({"get", "proxy", "p3"}).code, kNotFound);
  EXPECT_EQ(fake.Run({"drain", "proxy", "p1", "--deadline=5m"}).out, "proxy p1 drains\n");
  EXPECT_EQ(fake.drain_proxy.request.deadline().seconds(), 300);
  fake.drain_node.response.set_ended(2);
  fake.drain_node.response.set_waiting(1);
  EXPECT_EQ(fake.Run({"drain", "node", "n1"}).out,
            "node n1: 2 sessions ended, 1 in use are left: ask again, or with --wait\n");
  EXPECT_EQ(fake.Run({"drain", "node", "n1", "--wait=1ms"}).code, kTimeout);
  fake.drain_node.response.set_waiting(0);
  EXPECT_EQ(fake.Run({"drain", "node", "n1", "--wait=1h"}).out,
            "node n1: 2 sessions ended, 0 left\n");
  const Written alone = fake.Run({"drain"});
  EXPECT_EQ(alone.code, kUsage);
  ExpectHas(alone.err, "spawnctl drain proxy");
}

TEST(Templates, AreAppliedShownAndDeleted) {
  FakeController fake;
  const std::string path = absl::StrCat(TempDir(), "/t.yaml");
  std::ofstream(path) << "kind: PodTemplate\nmetadata: {name: editor}\ntemplate: {spec: "
                         "{containers: [{image: \"e:7\"}]}}\n";
  Written written = fake.Run({"apply", "-f", path, "--validate-only"});
  EXPECT_EQ(written.out, "namespaces/default/templates/editor is valid\n") << written.err;
  EXPECT_TRUE(fake.apply.request.validate_only());
  EXPECT_EQ(fake.Run({"apply", "-f", path}).out, "namespaces/default/templates/editor applied\n");
  v1::Template& one = *fake.templates.response.add_templates();
  one = fake.apply.request.template_();
  one.mutable_pool()->set_size(4);
  one.mutable_pool()->set_ready(3);
  one.mutable_pool()->set_hit_ratio(0.97);
  *fake.templates.response.add_templates() = fake.apply.request.template_();
  const std::string row =
      "TEMPLATE  IMAGE  POOL  READY  CLAIMED  HITS\neditor    e:7    4     3      0        97 %\n";
  EXPECT_EQ(fake.Run({"get", "templates"}).out, row + "editor    e:7    0     0      0        -\n");
  EXPECT_EQ(fake.Run({"pools"}).out, row);
  EXPECT_EQ(fake.Run({"delete", "template", "editor", "--etag=7"}).code, kOk);
  EXPECT_EQ(fake.delete_template.request.etag(), "7");
  EXPECT_EQ(fake.Run({"apply", "-f", "/nowhere"}).code, kFailed);
  EXPECT_EQ(fake.Run({"apply"}).code, kUsage);
}

TEST(Quotas, AreShown) {
  FakeController fake;
  auto& quota = *fake.quotas.response.add_quotas();
  quota.set_resource("sessions");
  quota.set_used(3);
  EXPECT_EQ(fake.Run({"get", "quotas"}).out,
            "RESOURCE  USER  USED  ALLOWED\nsessions  -     3     no limit\n");
}

TEST(Doctor, CountsAndEndsWith1IfAnythingFails) {
  FakeController fake;
  fake.findings.emplace_back();
  fake.findings[0].set_check("controller.version");
  fake.findings[0].set_ok(true);
  fake.findings[0].set_message("0.1.0");
  fake.findings[0].mutable_time()->set_seconds(1'700'000'000);
  Written written = fake.Run({"doctor"});
  EXPECT_EQ(written.code, kOk) << written.out;
  ExpectHas(written.out,
            "ok      clock.spawnctl: this machine's clock and the controller's differ by 0\n");
  EXPECT_EQ(written.err, "doctor: all 3 checks are fine\n");
  fake.findings[0].mutable_time()->set_seconds(1'700'000'060);
  fake.findings.emplace_back();
  fake.findings[1].set_check("rbac.pods.create");
  fake.findings[1].set_message("not allowed");
  fake.findings[1].set_remedy("apply the manifests");
  written = fake.Run({"doctor"});
  EXPECT_EQ(written.code, kFailed);
  ExpectHas(written.out,
            "FAILED  clock.spawnctl: this machine's clock and the controller's differ by 1m");
  ExpectHas(written.out, "FAILED  rbac.pods.create: not allowed\n        -> apply the manifests\n");
  EXPECT_EQ(written.err, "doctor: 2 of 4 checks failed\n");
  EXPECT_EQ(fake.Run({"doctor", "-o", "name"}).out, "clock.spawnctl\nrbac.pods.create\n");
}

TEST(Doctor, LooksAtTheNameOfSessionsFromHere) {
  FakeController fake;
  fake.findings.emplace_back();
  fake.findings[0].set_ok(true);
  fake.findings[0].set_check("controller.urls");
  fake.findings[0].set_probe_url("http://doctor.invalid/");
  const Written written = fake.Run({"doctor"});
  EXPECT_EQ(written.code, kFailed);
  ExpectHas(written.out, "FAILED  dns.sessions: doctor.invalid does not resolve");
  ExpectHas(written.out, "-> make a wildcard record");
  fake.findings[0].set_probe_url(absl::StrCat("http://", fake.address(), "/"));
  ExpectHas(fake.Run({"doctor"}).out,
            absl::StrCat("proxies.reachable: ", fake.address(), " answers"));
  // It is no TLS server: that is said, not waited for.
  fake.findings[0].set_probe_url(absl::StrCat("https://", fake.address(), "/"));
  ExpectHas(fake.Run({"doctor"}).out, "FAILED  proxies.certificate: the TLS handshake with");
}

TEST(Uninstall, SaysFirstAndAsks) {
  FakeController fake;
  EXPECT_EQ(fake.Run({"uninstall"}).code, kFailed);
  EXPECT_EQ(fake.uninstalls, std::vector<bool>({false}));
  EXPECT_EQ(fake.Run({"uninstall", "--dry-run"}).code, kOk);
  fake.typed = "no";
  EXPECT_EQ(fake.Run({"uninstall"}).code, kFailed);
  EXPECT_EQ(fake.uninstalls, std::vector<bool>({false, false, false}));
  fake.typed = "yes";
  EXPECT_EQ(fake.Run({"uninstall"}).out, "would delete 2 sessions\ndeleted 2 sessions\n");
  fake.typed.clear();
  EXPECT_EQ(fake.Run({"uninstall", "--yes"}).code, kOk);
  EXPECT_EQ(fake.uninstalls.back(), true);
}

TEST(Top, OnceListsTheBusiestFirstWithoutTheEnded) {
  FakeController fake;
  v1::Session& idle = *fake.list.response.add_sessions();
  idle = Live();
  idle.set_connections(0);
  idle.mutable_idle_deadline()->set_seconds(1'700'000'030);
  idle.set_name("namespaces/default/sessions/idle");
  v1::Session& busy = *fake.list.response.add_sessions();
  busy = Live();
  busy.mutable_usage()->set_cpu_cores(0.1196);
  busy.mutable_usage()->set_memory_bytes(34 << 20);
  v1::Session& ended = *fake.list.response.add_sessions();
  ended = Live();
  ended.set_state(v1::TERMINATED);
  const Written written = fake.Run({"top", "--once"});
  EXPECT_EQ(written.code, kOk) << written.err;
  EXPECT_EQ(written.out.rfind("2 sessions live, 1 of them without connections; 3 connections\n", 0),
            0u)
      << written.out;
  EXPECT_LT(written.out.find("abc "), written.out.find("idle  doc"));
  ExpectHas(written.out, "idle end in 30s");
  ExpectHas(written.out, "120m  34Mi");
  EXPECT_TRUE(fake.list.request.with_usage());
  EXPECT_EQ(written.out.find("no CPU and memory"), std::string::npos);
  fake.list.response.set_usage_error("install metrics-server");
  ExpectHas(fake.Run({"top", "--once"}).out, "no CPU and memory: install metrics-server\n");
}

TEST(Bench, LoadsConnectsAndEndsWhatItStarted) {
  FakeController fake;
  *fake.connect.response.mutable_session() = Live();
  const Written written = fake.Run({"bench", "--connects=40", "--concurrency=4", "--", "echo"});
  EXPECT_EQ(written.code, kOk) << written.err;
  EXPECT_EQ(fake.connect.calls, 41);
  EXPECT_EQ(fake.terminate.calls, 1);
  ExpectHas(written.out, "40 Connects to 1 live sessions, 4 at a time: ");
  ExpectHas(written.out, "latency in ms: p50 ");
  EXPECT_EQ(fake.Run({"bench", "--connects=1000000", "--", "echo"}).code, kUsage);
  EXPECT_EQ(fake.Run({"bench"}).code, kUsage);
}

TEST(Connect, SendsEveryFieldThatAFlagNames) {
  FakeController fake;
  const Written written =
      fake.Run({"connect", "-k", "doc", "--image=i", "--warn-before=30s", "--ignore-path=/healthz",
                "--ignore-path=/poll/*", "--hold-max=0s", "--max-connections=3",
                "--allow-origin=https://a", "--embed-origin=https://b", "--path-prefix=keep",
                "--volume=data:/data:1Gi:keep", "--arg=-v", "--pod-overrides={\"spec\":{}}",
                "--on-mismatch=replace", "--request-id=r", "--one-time", "--public"});
  EXPECT_EQ(written.code, kOk) << written.err;
  const v1::ConnectRequest& request = fake.connect.request;
  const v1::SessionSpec& spec = request.spec();
  EXPECT_EQ(spec.idle().warn_before().seconds(), 30);
  EXPECT_EQ(spec.idle().ignore_paths_size(), 2);
  EXPECT_TRUE(spec.idle().has_hold_max());
  EXPECT_EQ(spec.access().max_connections(), 3);
  EXPECT_EQ(spec.access().allowed_origins(0), "https://a");
  EXPECT_EQ(spec.access().embed_origins(0), "https://b");
  EXPECT_EQ(spec.access().path_prefix(), v1::PATH_PREFIX_KEEP);
  EXPECT_EQ(spec.access().mode(), v1::PUBLIC);
  EXPECT_EQ(spec.volume_claims(0).policy(), v1::CLAIM_POLICY_KEEP);
  EXPECT_EQ(spec.args(0), "-v");
  EXPECT_TRUE(spec.pod_overrides().fields().contains("spec"));
  EXPECT_EQ(request.on_mismatch(), v1::ON_MISMATCH_REPLACE);
  EXPECT_EQ(request.request_id(), "r");
  EXPECT_TRUE(request.grant().one_time());
  EXPECT_EQ(request.grant().user(), "ada");
  EXPECT_EQ(fake.Run({"connect", "-k", "d", "--on-mismatch=x"}).code, kUsage);
  EXPECT_EQ(fake.Run({"connect", "-k", "d", "--volume=data"}).code, kUsage);
}

TEST(Terminate, SendsTheEtag) {
  FakeController fake;
  fake.get.response = Live();
  // Which incarnation lives by now is the controller's to judge (EPOCH_FENCED): none is looked for.
  EXPECT_EQ(fake.Run({"terminate", "abc", "--epoch=7"}).code, kOk);
  EXPECT_EQ(fake.get.request.epoch(), 0u);
  EXPECT_EQ(fake.terminate.request.epoch(), 7u);
  EXPECT_EQ(fake.Run({"terminate", "abc", "--etag=e1"}).code, kOk);
  EXPECT_EQ(fake.terminate.request.etag(), "e1");
}

TEST(Logs, OfThePreviousSessionNameNoEpoch) {
  FakeController fake;
  fake.get.response = Live();
  fake.logs.response.set_content("boom\n");
  EXPECT_EQ(fake.Run({"logs", "abc", "-p"}).out, "boom\n");
  EXPECT_TRUE(fake.logs.request.previous());
  EXPECT_EQ(fake.logs.request.epoch(), 0u);
  fake.Run({"logs", "abc"});
  EXPECT_EQ(fake.logs.request.epoch(), 7u);
  EXPECT_EQ(fake.Run({"logs", "abc", "-p", "--epoch=7"}).code, kUsage);
}

TEST(Names, OfOthersCannotMoveTheTerminalsCursor) {
  FakeController fake;
  v1::Session& session = *fake.list.response.add_sessions();
  session = Live();
  session.mutable_key()->set_name("a\x1b[2Jb");
  const Written written = fake.Run({"get", "sessions"});
  EXPECT_EQ(written.out.find('\x1b'), std::string::npos);
  ExpectHas(written.out, "a\\x1b[2Jb");
}

// --- contexts -----------------------------------------------------------------------------------

class Contexts : public testing::Test {
 protected:
  Contexts() {
    static int number = 0;
    path_ = absl::StrCat(TempDir(), "/contexts-", ++number, ".yaml");
    fake_.environment = [this](const std::string& name) {
      return name == "SPAWNER_CONFIG" ? path_ : set_[name];
    };
  }
  FakeController fake_;
  std::string path_;
  std::map<std::string, std::string> set_;
};

TEST_F(Contexts, AreSetUsedShownListedAndDeleted) {
  EXPECT_EQ(fake_.Run({"context", "set", "a", "--address=a:1", "--token=secret"}).err,
            "made a, which is in use\n");
  EXPECT_EQ(fake_.Run({"context", "set", "b", "--address=b:1", "-n", "team"}).err, "made b\n");
  EXPECT_EQ(fake_.Run({"context", "use", "b"}).err, "in use: b\n");
  EXPECT_EQ(fake_.Run({"context", "list"}).out,
            "   CONTEXT  ADDRESS  NAMESPACE  AUTH\n"
            "   a        a:1      -          token\n"
            "*  b        b:1      team       -\n");
  EXPECT_EQ(fake_.Run({"context", "list", "-o", "name"}).out, "a\nb\n");
  const Written shown = fake_.Run({"context", "show", "a"});
  EXPECT_FALSE(absl::StrContains(shown.out, "secret"));
  ExpectHas(shown.out, "address: a:1\n");
  EXPECT_EQ(fake_.Run({"context", "delete", "b"}).code, kOk);
  EXPECT_EQ(fake_.Run({"context", "use", "b"}).code, kNotFound);
  EXPECT_EQ(fake_.Run({"context", "show"}).code, kNotFound);
  EXPECT_EQ(fake_.Run({"context", "set", "c"}).code, kUsage);
}

TEST_F(Contexts, AreCheckedWhenTheyAreMadeAndTheirFilesAreFoundFromAnyFolder) {
  const Written url = fake_.Run({"context", "set", "a", "--address=http://a:1"});
  EXPECT_EQ(url.code, kUsage);
  ExpectHas(url.err, "--address: \"http://a:1\" is not HOST:PORT");
  const Written missing = fake_.Run({"context", "set", "a", "--address=a:1", "--ca=misspelt.pem"});
  EXPECT_EQ(missing.code, kOk);
  const std::string whole = (std::filesystem::current_path() / "misspelt.pem").string();
  ExpectHas(missing.err, absl::StrCat("there is no file ", whole, " yet"));
  ExpectHas(fake_.Run({"context", "show"}).out, absl::StrCat("ca: ", whole, "\n"));
  const Written used = fake_.Run({"get", "sessions"});
  EXPECT_EQ(used.code, kUsage);
  ExpectHas(used.err, absl::StrCat("context a: ca: read ", whole));
}

TEST_F(Contexts, AFileThatCannotBeReadSaysWhatToDo) {
  std::ofstream(path_) << "contexts: [";
  for (const std::vector<std::string>& line :
       std::vector<std::vector<std::string>>{{"get", "sessions"}, {"context", "list"}}) {
    ExpectHas(fake_.Run(line).err, "; mend it, or delete it and make contexts anew\n");
  }
}

TEST_F(Contexts, AFlagBeatsTheEnvironmentBeatsTheContextBeatsTheDefault) {
  fake_.Run(
      {"context", "set", "c", absl::StrCat("--address=", fake_.address()), "-n", "of-context"});
  EXPECT_EQ(fake_.Run({"get", "sessions"}).code, kOk);
  EXPECT_EQ(fake_.list.request.parent(), "namespaces/of-context");
  set_["SPAWNER_NAMESPACE"] = "of-environment";
  fake_.Run({"get", "sessions"});
  EXPECT_EQ(fake_.list.request.parent(), "namespaces/of-environment");
  fake_.Run({"get", "sessions", "-n", "of-flag"});
  EXPECT_EQ(fake_.list.request.parent(), "namespaces/of-flag");
  EXPECT_EQ(fake_.Run({"-n", "before-the-verb", "get", "sessions"}).code, kOk);
  EXPECT_EQ(fake_.list.request.parent(), "namespaces/before-the-verb");
  set_.clear();
  const Written unknown = fake_.Run({"get", "sessions", "--context=nobody"});
  EXPECT_EQ(unknown.code, kUsage);
  ExpectHas(unknown.err, "there is no context \"nobody\" in ");
  ExpectHas(unknown.err, "; there are: c\n");
}

TEST_F(Contexts, WithoutAnyTheDefaultNamespaceIsAsked) {
  fake_.Run({"get", "sessions"});
  EXPECT_EQ(fake_.list.request.parent(), "namespaces/default");
}

// --- completion ---------------------------------------------------------------------------------

std::string Completed(FakeController& fake, std::vector<std::string> words) {
  words.insert(words.begin(), "__complete");
  return fake.Run(words).out;
}

TEST(Completion, KnowsVerbsFlagsValuesAndNames) {
  FakeController fake;
  *fake.list.response.add_sessions() = Live();
  EXPECT_EQ(Completed(fake, {"wa"}), "wait\nwatch\n");
  EXPECT_EQ(Completed(fake, {"grant", ""}), "create\nrevoke\n");
  EXPECT_EQ(Completed(fake, {"get", "s"}), "session\nsessions\n");
  EXPECT_EQ(Completed(fake, {"get", "session", ""}), "abc\n");
  EXPECT_EQ(Completed(fake, {"why", "a"}), "abc\n");
  EXPECT_EQ(Completed(fake, {"why", "abc", ""}), "");
  EXPECT_EQ(Completed(fake, {"connect", "--path"}), "--path-prefix=\n");
  EXPECT_EQ(Completed(fake, {"connect", "--path-prefix="}),
            "--path-prefix=keep\n--path-prefix=strip\n");
  EXPECT_EQ(Completed(fake, {"get", "sessions", "-o", "j"}), "json\n");
  EXPECT_EQ(Completed(fake, {"apply", "-f", "x"}), ":files\n");
  EXPECT_EQ(Completed(fake, {"completion", ""}), "bash\nfish\nzsh\n");
  EXPECT_EQ(Completed(fake, {"bogus", ""}), "");
  EXPECT_EQ(fake.Run({"completion", "bash"}).out.rfind("# bash completion", 0), 0u);
  EXPECT_EQ(fake.Run({"completion", "tcsh"}).code, kUsage);
}

TEST(Token, OverAnUnencryptedWayIsWarnedOfUnlessItStaysOnThisMachine) {
  FakeController fake;
  fake.environment = [](const std::string& name) {
    return name == "SPAWNER_TOKEN" ? "secret" : "";
  };
  EXPECT_EQ(fake.Run({"get", "sessions", "-o", "json"}).err.find("unencrypted"), std::string::npos);
  const Written far = fake.Run({"status", "--address=nowhere.invalid:1", "--timeout=1s"});
  ExpectHas(far.err, "spawnctl: the token goes to nowhere.invalid:1 unencrypted: use TLS (--ca)\n");
  EXPECT_FALSE(absl::StrContains(far.err, "secret"));
}

}  // namespace
}  // namespace spawner::cli
