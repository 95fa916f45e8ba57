#include "cli/verbs.h"

#include <gtest/gtest.h>

namespace spawner::cli {
namespace {

// What one command line wrote; Surroundings takes plain functions.
struct Written {
  int code = 0;
  std::string out;
  std::string err;
};
Written* written = nullptr;

// No line here gets as far as asking a controller.
Written Try(const std::vector<std::string>& words, const char* address = "") {
  static const char* environment_address = nullptr;
  environment_address = address;
  Written result;
  written = &result;
  InterruptFlag interrupted{false};
  result.code =
      Run(words, {.environment = [](const char* name) -> std::string {
                    return std::string(name) == "SPAWNER_ADDRESS" ? environment_address : "";
                  },
                  .out = [](const std::string& text) { written->out += text; },
                  .err = [](const std::string& text) { written->err += text; },
                  .interrupted = &interrupted,
                  .now = [] { return absl::UnixEpoch(); }});
  written = nullptr;
  return result;
}

TEST(Run, EveryVerbHasAHelpWithItsFlagsAndAnExample) {
  const Written all = Try({"--help"});
  EXPECT_EQ(all.code, kOk);
  for (const char* verb :
       {"connect", "run", "get", "describe", "watch", "terminate", "status", "version"}) {
    EXPECT_NE(all.out.find(std::string("\n  ") + verb + " "), std::string::npos) << all.out;
    const Written help = Try({verb, "--help"});
    EXPECT_EQ(help.code, kOk);
    EXPECT_EQ(help.out.rfind(std::string("usage: spawnctl ") + verb, 0), 0u) << help.out;
    EXPECT_NE(help.out.find("\n  -n, --namespace=NAME "), std::string::npos) << help.out;
    EXPECT_NE(help.out.find(std::string("Such as:\n  spawnctl ") + verb), std::string::npos);
    EXPECT_EQ(help.err, "");
  }
}

TEST(Run, WithoutAVerbTheHelpIsAnError) {
  EXPECT_EQ(Try({}).code, kUsage);
  EXPECT_EQ(Try({}).err, Try({"help"}).out);
}

TEST(Run, EachUsageErrorIsSaidAndEndsWith2) {
  const std::tuple<std::vector<std::string>, std::string> lines[] = {
      {{"bogus"}, "spawnctl: unknown verb \"bogus\"\n  `spawnctl --help` says more\n"},
      {{"-o", "json", "get"},
       "spawnctl: the verb comes first, then -o\n  `spawnctl --help` says more\n"},
      {{"status", "x"},
       "status: \"x\" is one word too many; it is: status\n  `spawnctl status --help` says more\n"},
      {{"get", "sessions", "--", "x"},
       "get: no command may follow `--` here\n  `spawnctl get --help` says more\n"},
      {{"get", "sessions", "-oxml"},
       "get: -o: \"xml\" is not one of table, wide, json, yaml, name\n"
       "  `spawnctl get --help` says more\n"},
      {{"get", "sessions", "--timeout=-1s"},
       "get: --timeout: must be above zero\n  `spawnctl get --help` says more\n"},
      {{"get", "sessions", "--address=localhost"},
       "get: --address: \"localhost\" is not HOST:PORT\n  `spawnctl get --help` says more\n"},
      {{"get"},
       "get: say `get sessions`, `get session ID` or `get session --key=KEY`\n"
       "  `spawnctl get --help` says more\n"},
      {{"connect"},
       "connect: name a session by --key=KEY, and what to run by --image=IMAGE or -- COMMAND if it "
       "may not be live\n  `spawnctl connect --help` says more\n"},
      {{"run"},
       "run: say what to run by --image=IMAGE or -- COMMAND\n  `spawnctl run --help` says more\n"},
      {{"connect", "--key=x", "--port=70000"},
       "connect: --port: 70000 is not in 1..65535\n  `spawnctl connect --help` says more\n"},
      {{"describe"},
       "describe: name one session: its ID, or --key=KEY\n"
       "  `spawnctl describe --help` says more\n"},
      {{"terminate", "x", "--key=y"},
       "terminate: name one session: its ID, or --key=KEY\n"
       "  `spawnctl terminate --help` says more\n"},
      {{"describe", "x", "--epoch=-1"},
       "describe: --epoch: must not be negative\n  `spawnctl describe --help` says more\n"},
      {{"watch", "x", "y"},
       "watch: name one session by ID or --key=KEY, or none for all\n"
       "  `spawnctl watch --help` says more\n"},
  };
  for (const auto& [words, text] : lines) {
    const Written line = Try(words);
    EXPECT_EQ(line.code, kUsage) << text;
    EXPECT_EQ(line.err, text);
    EXPECT_EQ(line.out, "");
  }
}

TEST(Run, AWrongAddressInTheEnvironmentIsNamedAsThat) {
  const Written line = Try({"status"}, "9090");
  EXPECT_EQ(line.code, kUsage);
  EXPECT_EQ(line.err,
            "status: SPAWNER_ADDRESS: \"9090\" is not HOST:PORT\n"
            "  `spawnctl status --help` says more\n");
}

TEST(Run, ItsOwnVersionNeedsNoController) {
  const Written line = Try({"--version"});
  EXPECT_EQ(line.code, kOk);
  EXPECT_EQ(line.out, Try({"version", "--client"}).out);
  EXPECT_EQ(Try({"version", "--client", "-o", "json"}).out.rfind("{\n  \"spawnctl\": \"", 0), 0u);
}

}  // namespace
}  // namespace spawner::cli
