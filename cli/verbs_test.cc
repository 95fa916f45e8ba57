#include "cli/verbs.h"

#include <gtest/gtest.h>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

namespace spawner::cli {
namespace {

struct Written {
  int code = 0;
  std::string out;
  std::string err;
};

// No line here gets as far as asking a controller.
Written Try(const std::vector<std::string>& words, const std::string& address = "") {
  Written written;
  InterruptFlag interrupted{false};
  written.code = Run(words, {.environment = [&address](const char* name) -> std::string {
                               return std::string(name) == "SPAWNER_ADDRESS" ? address : "";
                             },
                             .out = [&written](const std::string& text) { written.out += text; },
                             .err = [&written](const std::string& text) { written.err += text; },
                             .interrupted = &interrupted,
                             .now = [] { return absl::UnixEpoch(); }});
  return written;
}

TEST(Run, EveryVerbHasAHelpWithItsFlagsAndAnExample) {
  const Written all = Try({"--help"});
  EXPECT_EQ(all.code, kOk);
  int verbs = 0;
  for (absl::string_view line : absl::StrSplit(all.out, '\n')) {
    const std::vector<std::string> parts = absl::StrSplit(line, "  ", absl::SkipEmpty());
    if (!absl::StartsWith(line, "  ") || parts.size() != 2 || parts[0].rfind("spawnctl", 0) == 0) {
      continue;
    }
    ++verbs;
    std::vector<std::string> words = absl::StrSplit(parts[0], ' ');
    words.push_back("--help");
    const Written help = Try(words);
    EXPECT_EQ(help.code, kOk) << parts[0];
    EXPECT_EQ(help.out.rfind("usage: spawnctl " + parts[0], 0), 0u) << help.out;
    EXPECT_NE(help.out.find("\n  -n, --namespace=NAME "), std::string::npos) << help.out;
    EXPECT_NE(help.out.find("Such as:\n  spawnctl " + parts[0]), std::string::npos) << help.out;
    EXPECT_EQ(help.err, "");
    words.pop_back();
    words.insert(words.begin(), "help");
    EXPECT_EQ(Try(words).out, help.out);
    for (absl::string_view help_line : absl::StrSplit(help.out, '\n')) {
      EXPECT_LE(help_line.size(), 132u) << help_line;
    }
  }
  EXPECT_EQ(verbs, 32);
}

TEST(Run, OfTwoWordVerbsTheFirstWordAloneTellsTheOthers) {
  const Written grant = Try({"grant", "--help"});
  EXPECT_EQ(grant.code, kOk);
  EXPECT_NE(grant.out.find("spawnctl grant revoke"), std::string::npos);
  EXPECT_EQ(Try({"grant"}).code, kUsage);
  EXPECT_EQ(Try({"grant"}).err, grant.out);
}

TEST(Run, TheManPageHasEveryVerb) {
  const std::string page = Try({"__man"}).out;
  EXPECT_EQ(page.rfind(".TH SPAWNCTL 1", 0), 0u);
  for (const char* verb : {"why", "grant create", "top", "uninstall"}) {
    EXPECT_NE(page.find(absl::StrCat("\n.SS ", verb, "\n")), std::string::npos) << verb;
  }
}

TEST(Run, WithoutAVerbTheHelpIsAnError) {
  EXPECT_EQ(Try({}).code, kUsage);
  EXPECT_EQ(Try({}).err, Try({"help"}).out);
  EXPECT_EQ(Try({"--help", "get"}).out, Try({"get", "--help"}).out);
}

TEST(Run, EachUsageErrorIsSaidAndEndsWith2) {
  const std::tuple<std::vector<std::string>, std::string> lines[] = {
      {{"bogus"}, "spawnctl: unknown verb \"bogus\"\n  `spawnctl --help` says more\n"},
      {{"conect"},
       "spawnctl: unknown verb \"conect\"; did you mean `connect`?\n"
       "  `spawnctl --help` says more\n"},
      {{"grant", "revok", "-k", "x"},
       "spawnctl: unknown verb \"grant revok\"; did you mean `grant revoke`?\n"
       "  `spawnctl --help` says more\n"},
      {{"delete", "session", "x"},
       "spawnctl: unknown verb \"delete session\"; did you mean `terminate`?\n"
       "  `spawnctl --help` says more\n"},
      {{"get", "sessions", "--address=http://localhost:9090"},
       "get: --address: \"http://localhost:9090\" is not HOST:PORT\n"
       "  `spawnctl get --help` says more\n"},
      {{"get", "sessions", "--ca=/no/such"},
       "get: --ca: read /no/such: No such file or directory\n"
       "  `spawnctl get --help` says more\n"},
      {{"describe", "pod", "x"},
       "describe: \"pod\" is not session, template or proxy\n"
       "  `spawnctl describe --help` says more\n"},
      {{"grant", "create", "x", "--user=ada", "--claims={"},
       "grant create: --claims: not a JSON object: Unexpected end of string. Expected an object "
       "key "
       "or }.\n  `spawnctl grant create --help` says more\n"},
      {{"quotas"},
       "spawnctl: unknown verb \"quotas\"; did you mean `get quotas`?\n"
       "  `spawnctl --help` says more\n"},
      {{"--key=x", "connect"},
       "spawnctl: the verb comes first, then --key=x\n  `spawnctl --help` says more\n"},
      {{"status", "x"},
       "status: \"x\" is one word too many; it is: status\n  `spawnctl status --help` says more\n"},
      {{"get", "sessions", "--", "x"},
       "get: no command may follow `--` here\n  `spawnctl get --help` says more\n"},
      {{"get", "sessions", "-oxml"},
       "get: --output: \"xml\" is not one of table, wide, json, yaml, name\n"
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
       "run: say what to run: an IMAGE, --template=NAME or -- COMMAND\n  `spawnctl run --help` "
       "says more\n"},
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
