// Pods as real processes, seen through the API.
#include "controller/local/process_runtime.h"

#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include <thread>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "controller/local/limits.h"
#include "controller/local/local_kubernetes.h"
#include "controller/local/test_client.h"
#include "gtest/gtest.h"

namespace spawner::local {
namespace {

constexpr char kPods[] = "/api/v1/namespaces/a/pods";
constexpr char kPod[] = "/api/v1/namespaces/a/pods/p";
constexpr absl::Duration kPatience = absl::Seconds(30);

class ProcessRuntimeTest : public testing::Test {
 protected:
  ProcessRuntimeTest() : runtime_(*ProcessRuntime::Create(clock_, {})) {}

  Recorder Do(const std::string& method, const std::string& path, const Json& body = nullptr) {
    Recorder recorder;
    kubernetes_.Start({.method = method,
                       .path = path,
                       .content_type = method == "PATCH" ? "application/merge-patch+json" : "",
                       .body = body.is_null() ? "" : body.dump()},
                      &recorder);
    while (!recorder.status.has_value()) kubernetes_.Poll(absl::ZeroDuration());
    return recorder;
  }
  void CreateShell(const std::string& script) {
    Json pod = MakePod("p");
    pod["spec"]["containers"][0]["command"] = {"/bin/sh", "-c", script};
    const Recorder created = Do("POST", kPods, pod);
    EXPECT_EQ(created.code, 201) << created.data;
  }
  Json Get() { return Do("GET", kPod).Body(); }
  // Polls until `is_so` of the pod, and returns it.
  template <typename Predicate>
  Json WaitFor(Predicate is_so) {
    const Instant end = clock_.Now() + kPatience;
    Json pod = Get();
    while (!is_so(pod) && clock_.Now() < end) {
      kubernetes_.Poll(end - clock_.Now());
      pod = Get();
    }
    EXPECT_TRUE(is_so(pod)) << pod.dump(1);
    return pod;
  }
  Json WaitForPhase(const std::string& phase) {
    return WaitFor([phase](const Json& pod) { return pod["status"]["phase"] == phase; });
  }
  void WaitForLog(const std::string& text) {
    WaitFor([this, text](const Json&) { return absl::StrContains(Log(), text); });
  }
  std::string Log() { return Do("GET", absl::StrCat(kPod, "/log")).data; }
  Json Terminated(const Json& pod) {
    return pod["status"]["containerStatuses"][0]["state"].value("terminated", Json());
  }

  SystemClock clock_;
  SeededRandom random_{7};
  std::unique_ptr<ProcessRuntime> runtime_;
  LocalKubernetes kubernetes_{clock_, random_, *runtime_};
};

bool IsReady(const Json& pod) {
  for (const Json& condition : pod["status"].value("conditions", Json::array())) {
    if (condition["type"] == "Ready") return condition["status"] == "True";
  }
  return false;
}

TEST_F(ProcessRuntimeTest, ReportsExitCodesAndSignals) {
  struct Case {
    const char* script;
    const char* phase;
    int code;
    const char* reason;
  };
  for (const Case& test :
       {Case{"exit 0", "Succeeded", 0, "Completed"}, Case{"exit 7", "Failed", 7, "Error"},
        Case{"kill -SEGV $$$$", "Failed", 139, "Error"}}) {
    CreateShell(test.script);
    const Json pod = WaitForPhase(test.phase);
    EXPECT_EQ(Terminated(pod)["exitCode"], test.code);
    EXPECT_EQ(Terminated(pod)["reason"], test.reason);
    Do("DELETE", kPod);
    EXPECT_EQ(Do("GET", kPod).code, 404);
  }
}

TEST_F(ProcessRuntimeTest, GivesAnAddressAndNothingElseOfItsOwn) {
  ASSERT_EQ(setenv("SPAWNER_TEST_SECRET", "leaked", 1), 0);
  CreateShell("env; ls /proc/self/fd | wc -l; echo end");
  const Json pod = WaitForPhase("Succeeded");
  const std::string log = Log();
  const std::string ip = pod["status"]["podIP"].get<std::string>();
  EXPECT_TRUE(absl::StartsWith(ip, "127.")) << ip;
  EXPECT_TRUE(absl::StrContains(log, absl::StrCat("HOST=", ip, "\n"))) << log;
  EXPECT_FALSE(absl::StrContains(log, "leaked")) << log;
  EXPECT_TRUE(absl::StrContains(log, "\n4\nend")) << "0, 1, 2 and ls's own: " << log;
}

TEST_F(ProcessRuntimeTest, IsReadyOnceItsPortAcceptsAConnection) {
  Json pod = MakePod("p");
  Json& container = pod["spec"]["containers"][0];
  container["ports"] = {{{"containerPort", 8080}}};
  container["command"] = {"/usr/bin/python3", "-c",
                          "import os, socket, sys\n"
                          "sys.stdin.read()\n"
                          "s = socket.create_server((os.environ['HOST'],"
                          " int(os.environ['PORT'])))\n"
                          "print('listening', flush=True)\n"
                          "while True: s.accept()[0].close()\n"};
  ASSERT_EQ(Do("POST", kPods, pod).code, 201);
  EXPECT_FALSE(IsReady(Get()));
  const Json ready = WaitFor(IsReady);
  EXPECT_EQ(ready["status"]["phase"], "Running");
  EXPECT_EQ(Log(), "listening\n");
  Do("DELETE", kPod);
  const Instant end = clock_.Now() + kPatience;
  while (Do("GET", kPod).code == 200 && clock_.Now() < end) kubernetes_.Poll(kPatience);
  EXPECT_EQ(Do("GET", kPod).code, 404);
}

// A backend that listens on every address takes the port from all others, and would even answer for
// them. Those must not be ready by its answers, and must hear why they failed.
TEST_F(ProcessRuntimeTest, AProgramOnEveryAddressNeverAnswersForAnotherPod) {
  const auto create = [this](const std::string& name, const std::string& begin) {
    Json pod = MakePod(name);
    Json& container = pod["spec"]["containers"][0];
    container["ports"] = {{{"containerPort", 18080}}};
    container["terminationMessagePolicy"] = "FallbackToLogsOnError";
    container["command"] = {"/usr/bin/python3", "-c",
                            begin +
                                "\nimport os, socket\n"
                                "s = socket.create_server(('0.0.0.0', int(os.environ['PORT'])))\n"
                                "while True: s.accept()[0].close()\n"};
    ASSERT_EQ(Do("POST", kPods, pod).code, 201);
  };
  const auto get = [this](const std::string& name) {
    return Do("GET", absl::StrCat(kPods, "/", name)).Body();
  };
  const auto until = [this](const auto& holds) {
    const Instant end = clock_.Now() + kPatience;
    while (!holds() && clock_.Now() < end) kubernetes_.Poll(absl::Milliseconds(20));
    return holds();
  };
  create("first", "");
  ASSERT_TRUE(until([&] { return IsReady(get("first")); })) << get("first").dump(1);
  create("second", "import time; time.sleep(0.3)");
  bool was_ready = false;
  ASSERT_TRUE(until([&] {
    const Json second = get("second");
    was_ready |= IsReady(second);
    return second["status"]["phase"] == "Failed";
  })) << get("second").dump(1);
  EXPECT_FALSE(was_ready);
  const Json second = get("second");
  const std::string message = Terminated(second)["message"];
  EXPECT_TRUE(absl::StartsWith(
      message,
      absl::StrCat("port 18080 is taken by another session or program: every backend must "
                   "listen on the address in HOST (here ",
                   second["status"]["podIP"].get<std::string>(), "), none on 0.0.0.0; it said: ")))
      << message;
  EXPECT_TRUE(absl::StrContains(message, "Address already in use")) << message;
}

TEST_F(ProcessRuntimeTest, TheEndingWriteSendsSigtermAndKeepsCodeAndLog) {
  CreateShell("trap 'echo bye; exit 3' TERM; echo up; while :; do sleep 0.01; done");
  WaitForLog("up");
  ASSERT_EQ(Do("PATCH", kPod, {{"spec", {{"activeDeadlineSeconds", 1}}}}).code, 200);
  const Json pod = WaitForPhase("Failed");
  EXPECT_EQ(pod["status"]["reason"], "DeadlineExceeded");
  EXPECT_EQ(Terminated(pod)["exitCode"], 3);
  EXPECT_TRUE(absl::EndsWith(Log(), "bye\n")) << Log();
}

TEST_F(ProcessRuntimeTest, AGroupThatIgnoresSigtermIsKilledAtItsGrace) {
  Json pod = MakePod("p");
  pod["metadata"]["finalizers"] = {"example.dev/record"};
  pod["spec"]["terminationGracePeriodSeconds"] = 1;
  pod["spec"]["containers"][0]["command"] = {
      "/bin/sh", "-c", "trap '' TERM; sleep 1000 & echo child $!; while :; do sleep 0.01; done"};
  ASSERT_EQ(Do("POST", kPods, pod).code, 201);
  WaitForLog("child ");
  int child = 0;
  const std::string word = std::string(absl::StripAsciiWhitespace(Log().substr(6)));
  ASSERT_TRUE(absl::SimpleAtoi(word, &child)) << Log();
  EXPECT_EQ(kill(child, 0), 0);
  Do("DELETE", kPod);
  const Json ended = WaitForPhase("Failed");
  EXPECT_EQ(Terminated(ended)["exitCode"], 137);
  EXPECT_EQ(ended["metadata"]["deletionGracePeriodSeconds"], 0);
  // The grandchild died with its group; the kernel gives it to init, which may take a moment.
  const Instant end = clock_.Now() + kPatience;
  std::string state = "R";
  while (state != "gone" && state != "Z" && clock_.Now() < end) {
    state = "gone";
    if (FILE* file = fopen(absl::StrCat("/proc/", child, "/stat").c_str(), "r")) {
      char letter = 'R';
      if (fscanf(file, "%*d (%*[^)]) %c", &letter) == 1) state = std::string(1, letter);
      fclose(file);
    }
    kubernetes_.Poll(absl::Milliseconds(1));
  }
  EXPECT_TRUE(state == "gone" || state == "Z") << state;
}

TEST_F(ProcessRuntimeTest, ACommandThatIsNotThereIsAStartErrorWithItsName) {
  Json pod = MakePod("p");
  pod["spec"]["containers"][0]["command"] = {"no-such-command"};
  ASSERT_EQ(Do("POST", kPods, pod).code, 201);
  const Json ended = WaitForPhase("Failed");
  EXPECT_EQ(Terminated(ended)["exitCode"], 128);
  EXPECT_EQ(Terminated(ended)["reason"], "StartError");
  EXPECT_TRUE(absl::StrContains(Terminated(ended)["message"].get<std::string>(),
                                "\"no-such-command\": executable file not found in $PATH"));
}

TEST_F(ProcessRuntimeTest, AnImageWithoutACommandWaitsWithAnExplanation) {
  ASSERT_EQ(Do("POST", kPods, MakePod("p")).code, 201);
  const Json pod =
      WaitFor([](const Json& found) { return found["status"].contains("containerStatuses"); });
  const Json waiting = pod["status"]["containerStatuses"][0]["state"]["waiting"];
  EXPECT_EQ(waiting["reason"], "ErrImageNeverPull");
  EXPECT_EQ(waiting["message"], "local mode runs commands, not images: give spec.command");
  Do("DELETE", kPod);
  Do("GET", "/readyz");
  EXPECT_EQ(Do("GET", kPod).code, 404);
}

TEST_F(ProcessRuntimeTest, RefusesAFieldThatItDoesNotSupport) {
  Json pod = MakePod("p");
  pod["spec"]["volumes"] = {{{"name", "v"}, {"emptyDir", Json::object()}}};
  const Recorder refused = Do("POST", kPods, pod);
  EXPECT_EQ(refused.code, 422);
  EXPECT_EQ(refused.Body()["details"]["causes"][0]["field"], "spec.volumes");
}

TEST_F(ProcessRuntimeTest, FailuresCarryTheEndOfTheLogIfThePodAsksForIt) {
  Json pod = MakePod("p");
  pod["spec"]["containers"][0]["command"] = {"/bin/sh", "-c", "echo out of paper >&2; exit 1"};
  pod["spec"]["containers"][0]["terminationMessagePolicy"] = "FallbackToLogsOnError";
  ASSERT_EQ(Do("POST", kPods, pod).code, 201);
  EXPECT_EQ(Terminated(WaitForPhase("Failed"))["message"], "out of paper\n");
}

TEST_F(ProcessRuntimeTest, AFloodOfOutputIsBoundedAndLosesNoExit) {
  CreateShell("head -c 3000000 /dev/zero | tr '\\0' x | fold -w 100; echo last");
  WaitForPhase("Succeeded");
  const std::string log = Log();
  EXPECT_LE(log.size(), kLogBytesMax);
  EXPECT_TRUE(absl::EndsWith(log, "last\n"));
}

TEST_F(ProcessRuntimeTest, WakeEndsAWait) {
  std::thread waker([this] { kubernetes_.Wake(); });
  const Instant begin = clock_.Now();
  kubernetes_.Poll(kPatience);
  EXPECT_LT(clock_.Now() - begin, kPatience);
  waker.join();
}

TEST_F(ProcessRuntimeTest, ItsEndKillsAllPods) {
  CreateShell("echo $$$$; while :; do sleep 0.01; done");
  WaitForLog("\n");
  int pid = 0;
  ASSERT_TRUE(absl::SimpleAtoi(std::string(absl::StripAsciiWhitespace(Log())), &pid)) << Log();
  EXPECT_EQ(kill(pid, 0), 0);
  runtime_.reset();
  EXPECT_EQ(kill(pid, 0), -1);
}

}  // namespace
}  // namespace spawner::local
