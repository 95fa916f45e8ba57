#include "cli/verbs.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "cli/arguments.h"
#include "cli/request.h"
#include "cli/session_verbs.h"

namespace spawner::cli {
namespace {

struct Verb {
  const char* name;
  const char* usage;
  const char* help;
  std::vector<Flag> flags;  // besides CommonFlags
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
  const Flag epoch{"epoch", "N", "an ended incarnation; terminate: only this one"};
  return {
      {"connect", "connect --key=KEY [--image=IMAGE | -- COMMAND...]",
       "get or start the session of a key; prints its URL", ConnectFlags(), Connect},
      {"run", "run [--key=KEY] (--image=IMAGE | -- COMMAND...)",
       "start a session and follow it until it ends; Ctrl-C ends it", RunFlags(), RunSession},
      {"get",
       "get sessions | get session (ID | --key=KEY)",
       "list sessions, or show one",
       {key, epoch, {"filter", "FILTER", "state=READY AND key:prefix AND labels.x=y"}},
       Get},
      {"describe",
       "describe session (ID | --key=KEY)",
       "all that is known of one session",
       {key, epoch},
       DescribeSession},
      {"watch", "watch [session (ID | --key=KEY)]", "changes as they happen", {key}, Watch},
      {"terminate",
       "terminate (ID | --key=KEY)",
       "end a session",
       {key,
        epoch,
        {"hard", nullptr, "SIGKILL at once"},
        {"only-if-idle", nullptr, "not while anybody is connected"}},
       Terminate},
      {"status", "status", "the controller, its Kubernetes, its proxies", {}, ShowStatus},
      {"version",
       "version [--client]",
       "of spawnctl and of the controller",
       {{"client", nullptr, "ask no controller"}},
       ShowVersion},
  };
}

// Named by docs/api.md, for later versions.
constexpr const char* kLater[] = {"wait",   "logs",       "why",     "hold",     "release", "grant",
                                  "apply",  "pools",      "proxies", "drain",    "top",     "bench",
                                  "doctor", "completion", "keys",    "uninstall"};

std::string Help(const std::vector<Verb>& verbs) {
  std::string text = "usage: spawnctl VERB [flags]\n\n";
  for (const Verb& verb : verbs) absl::StrAppendFormat(&text, "  %-10s %s\n", verb.name, verb.help);
  return text +
         "\n`spawnctl VERB --help` lists a verb's flags. Exit codes: 0 ok, 1 failed, 2 usage, "
         "3 not found,\n4 not allowed, 5 conflict, 6 quota, 7 unavailable, 124 timeout, "
         "130 interrupted.\n";
}

std::string HelpOf(const Verb& verb, const std::vector<Flag>& flags) {
  std::string text = absl::StrCat("usage: spawnctl ", verb.usage, "\n", verb.help, "\n\n");
  for (const Flag& flag : flags) {
    std::string written = absl::StrCat("--", flag.name);
    if (flag.placeholder != nullptr) absl::StrAppend(&written, "=", flag.placeholder);
    if (flag.letter != '\0') absl::StrAppend(&written, ", -", std::string(1, flag.letter));
    absl::StrAppendFormat(&text, "  %-28s %s\n", written, flag.help);
  }
  return text;
}

int UsageError(const Surroundings& surroundings, const std::string& why, const std::string& verb) {
  surroundings.err(absl::StrCat("spawnctl: ", why, "\n  `spawnctl ", verb.empty() ? "" : verb + " ",
                                "--help` says more\n"));
  return kUsage;
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
    surroundings.out(HelpOf(verb, flags));
    return kOk;
  }
  const auto format = ParseFormat(arguments->Get("output", "table"));
  const auto timeout = arguments->Duration("timeout");
  for (const absl::Status& status : {format.status(), timeout.status()}) {
    if (!status.ok()) return UsageError(surroundings, std::string(status.message()), verb.name);
  }
  const auto or_environment = [&](const char* flag, const char* variable, const char* otherwise) {
    const std::string set = surroundings.environment(variable);
    return arguments->Get(flag, set.empty() ? otherwise : set);
  };
  Client client({.address = or_environment("address", "SPAWNER_ADDRESS", "127.0.0.1:9090"),
                 .token = surroundings.environment("SPAWNER_TOKEN"),
                 .timeout = timeout->value_or(absl::Seconds(30))},
                *surroundings.interrupted);
  return verb.run({.arguments = *arguments,
                   .surroundings = surroundings,
                   .client = client,
                   .ns = or_environment("namespace", "SPAWNER_NAMESPACE", "default"),
                   .format = *format});
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
  return UsageError(surroundings, absl::StrCat("unknown verb \"", name, "\""), "");
}

}  // namespace spawner::cli
