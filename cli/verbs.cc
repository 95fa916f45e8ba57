#include "cli/verbs.h"

#include <algorithm>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_split.h"
#include "base/status.h"
#include "cli/arguments.h"
#include "cli/logs_verb.h"
#include "cli/request.h"
#include "cli/session_verbs.h"

namespace spawner::cli {
namespace {

constexpr int kPortMax = 65535;

struct Verb {
  const char* name;
  const char* usage;
  const char* help;
  const char* example;      // command lines without "spawnctl", one a line
  std::vector<Flag> flags;  // besides CommonFlags
  size_t words_max;         // beside flags
  bool takes_command;       // "-- COMMAND"
  int (*run)(const Invocation&);
};

std::vector<Flag> RunFlags() {
  std::vector<Flag> flags = ConnectFlags();
  flags.erase(std::remove_if(flags.begin(), flags.end(),
                             [](const Flag& flag) { return std::string(flag.name) == "wait"; }),
              flags.end());
  return flags;
}

std::vector<Verb> Verbs() {
  const Flag key{"key", "KEY", "the session of this key", 'k'};
  const Flag epoch{"epoch", "N", "one incarnation of it; default the newest"};
  return {
      {"connect", "connect --key=KEY [--image=IMAGE | -- COMMAND...]",
       "get or start the session of a key; prints its URL",
       "connect --key=document-42 --image=registry.example/editor:7\n"
       "connect --key=document-42 --user=ada",
       ConnectFlags(), 0, true, Connect},
      {"run", "run [--key=KEY] (--image=IMAGE | -- COMMAND...)",
       "start a session and follow it until it ends; Ctrl-C ends it",
       "run --image=registry.example/editor:7 --grace=30s", RunFlags(), 0, true, RunSession},
      {"get",
       "get sessions | get session (ID | --key=KEY)",
       "list sessions, or show one",
       "get sessions --filter='state=READY AND key:document-'\n"
       "get session --key=document-42 -o yaml",
       {key, epoch, {"filter", "FILTER", "state=READY AND key:PREFIX AND labels.NAME=VALUE"}},
       2,
       false,
       Get},
      {"describe",
       "describe session (ID | --key=KEY)",
       "all that is known of one session",
       "describe session --key=document-42",
       {key, epoch},
       2,
       false,
       DescribeSession},
      {"watch",
       "watch [session (ID | --key=KEY)]",
       "sessions, and then each change as it happens",
       "watch\nwatch session --key=document-42 -o json",
       {key},
       2,
       false,
       Watch},
      {"logs",
       "logs (ID | --key=KEY)",
       "what a session's backend has written; also after its end",
       "logs --key=document-42 --tail=20 -f",
       {key,
        epoch,
        {"follow", nullptr, "go on until the backend exits", 'f'},
        {"tail", "N", "only the last N lines"},
        {"since", "DURATION", "only what is younger, such as 5m"}},
       2,
       false,
       ShowLogs},
      {"terminate",
       "terminate (ID | --key=KEY)",
       "end a session",
       "terminate --key=document-42 --only-if-idle",
       {key,
        {"epoch", "N", "only if this is its incarnation"},
        {"hard", nullptr, "SIGKILL at once"},
        {"only-if-idle", nullptr, "not while anybody is connected"}},
       2,
       false,
       Terminate},
      {"status",
       "status",
       "the controller, its Kubernetes, its proxies",
       "status",
       {},
       0,
       false,
       ShowStatus},
      {"version",
       "version [--client]",
       "of spawnctl and of the controller",
       "version --client",
       {{"client", nullptr, "ask no controller"}},
       0,
       false,
       ShowVersion},
  };
}

// Named by docs/api.md, for later versions.
constexpr const char* kLater[] = {"wait",  "why",    "hold",       "release", "grant",
                                  "apply", "pools",  "proxies",    "drain",   "top",
                                  "bench", "doctor", "completion", "keys",    "uninstall"};

std::string Help(const std::vector<Verb>& verbs) {
  std::string text = "usage: spawnctl VERB [flags]\n\n";
  for (const Verb& verb : verbs) absl::StrAppendFormat(&text, "  %-10s %s\n", verb.name, verb.help);
  return text +
         "\n`spawnctl VERB --help` lists a verb's flags. The controller is at $SPAWNER_ADDRESS, by "
         "default 127.0.0.1:9090.\n"
         "Exit codes: 0 ok, 1 failed, 2 usage, 3 not found, 4 not allowed, 5 conflict, 6 quota, "
         "7 unavailable,\n124 timeout, 130 interrupted.\n";
}

std::string HelpOf(const std::vector<Flag>& flags) {
  std::string text;
  for (const Flag& flag : flags) {
    std::string written =
        flag.letter == '\0' ? "    " : absl::StrCat("-", std::string(1, flag.letter), ", ");
    absl::StrAppend(&written, "--", flag.name);
    if (flag.placeholder != nullptr) absl::StrAppend(&written, "=", flag.placeholder);
    absl::StrAppendFormat(&text, "  %-28s %s\n", written, flag.help);
  }
  return text;
}

std::string HelpOf(const Verb& verb) {
  std::string text = absl::StrCat("usage: spawnctl ", verb.usage, "\n", verb.help, "\n\n");
  if (!verb.flags.empty()) absl::StrAppend(&text, HelpOf(verb.flags), "\n");
  absl::StrAppend(&text, "As every verb:\n", HelpOf(CommonFlags()), "\nSuch as:\n");
  for (absl::string_view line : absl::StrSplit(verb.example, '\n')) {
    absl::StrAppend(&text, "  spawnctl ", line, "\n");
  }
  return text;
}

int UsageError(const Surroundings& surroundings, const std::string& why, const std::string& verb) {
  surroundings.err(absl::StrCat(verb.empty() ? "spawnctl" : verb, ": ", why, "\n  `spawnctl ",
                                verb.empty() ? "" : verb + " ", "--help` says more\n"));
  return kUsage;
}

// INVALID_ARGUMENT says what the line has that the verb does not take.
absl::Status Check(const Verb& verb, const Arguments& arguments) {
  if (arguments.positionals.size() > verb.words_max) {
    return absl::InvalidArgumentError(absl::StrCat("\"", arguments.positionals[verb.words_max],
                                                   "\" is one word too many; it is: ", verb.usage));
  }
  if (!arguments.trailing.empty() && !verb.takes_command) {
    return absl::InvalidArgumentError("no command may follow `--` here");
  }
  ASSIGN_OR_RETURN(const auto timeout, arguments.Duration("timeout"));
  if (timeout.has_value() && *timeout <= absl::ZeroDuration()) {
    return absl::InvalidArgumentError("--timeout: must be above zero");
  }
  return ParseFormat(arguments.Get("output", "table")).status();
}

// "HOST:PORT", "[::1]:PORT".
bool IsHostPort(absl::string_view text) {
  const size_t colon = text.rfind(':');
  int port = 0;
  return colon != text.npos && colon > 0 && absl::SimpleAtoi(text.substr(colon + 1), &port) &&
         port > 0 && port <= kPortMax;
}

int Invoke(const Verb& verb, const std::vector<std::string>& words,
           const Surroundings& surroundings) {
  std::vector<Flag> flags = verb.flags;
  for (const Flag& flag : CommonFlags()) flags.push_back(flag);
  const auto arguments = ParseArguments(words, flags);
  if (!arguments.ok()) {
    return UsageError(surroundings, std::string(arguments.status().message()), verb.name);
  }
  if (arguments->Has("help")) {
    surroundings.out(HelpOf(verb));
    return kOk;
  }
  if (const absl::Status status = Check(verb, *arguments); !status.ok()) {
    return UsageError(surroundings, std::string(status.message()), verb.name);
  }
  const auto or_environment = [&](const char* flag, const char* variable, const char* otherwise) {
    const std::string set = surroundings.environment(variable);
    return arguments->Get(flag, set.empty() ? otherwise : set);
  };
  const std::string address = or_environment("address", "SPAWNER_ADDRESS", "127.0.0.1:9090");
  if (!IsHostPort(address)) {
    return UsageError(surroundings,
                      absl::StrCat(arguments->Has("address") ? "--address" : "SPAWNER_ADDRESS",
                                   ": \"", address, "\" is not HOST:PORT"),
                      verb.name);
  }
  Client client({.address = address,
                 .token = surroundings.environment("SPAWNER_TOKEN"),
                 .timeout = arguments->Duration("timeout")->value_or(absl::Seconds(30))},
                *surroundings.interrupted);
  return verb.run({.arguments = *arguments,
                   .surroundings = surroundings,
                   .client = client,
                   .verb = verb.name,
                   .ns = or_environment("namespace", "SPAWNER_NAMESPACE", "default"),
                   .format = *ParseFormat(arguments->Get("output", "table"))});
}

}  // namespace

int Run(const std::vector<std::string>& words, const Surroundings& surroundings) {
  const std::vector<Verb> verbs = Verbs();
  if (words.empty()) {
    surroundings.err(Help(verbs));
    return kUsage;
  }
  const std::string& name = words[0];
  if (name == "help" || name == "--help" || name == "-h") {
    surroundings.out(Help(verbs));
    return kOk;
  }
  const std::vector<std::string> rest(words.begin() + 1, words.end());
  for (const Verb& verb : verbs) {
    if (name == verb.name) return Invoke(verb, rest, surroundings);
    if (name == "--version" && std::string(verb.name) == "version") {
      return Invoke(verb, {"--client"}, surroundings);
    }
  }
  for (const char* later : kLater) {
    if (name == later) {
      surroundings.err(absl::StrCat("spawnctl: ", name, " is not there yet in this version\n"));
      return kFailed;
    }
  }
  if (name[0] == '-') {
    return UsageError(surroundings, absl::StrCat("the verb comes first, then ", name), "");
  }
  return UsageError(surroundings, absl::StrCat("unknown verb \"", name, "\""), "");
}

}  // namespace spawner::cli
