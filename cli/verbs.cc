#include "cli/verbs.h"

#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "base/status.h"
#include "cli/arguments.h"
#include "cli/completion.h"
#include "cli/help.h"
#include "cli/man_page.h"
#include "cli/nearest.h"
#include "cli/request.h"
#include "cli/settings.h"
#include "cli/verb.h"

namespace spawner::cli {
namespace {

int UsageError(const Surroundings& surroundings, const std::string& why, const std::string& verb) {
  surroundings.err(absl::StrCat(verb.empty() ? "spawnctl" : verb, ": ", why, "\n  `spawnctl ",
                                verb.empty() ? "" : verb + " ", "--help` says more\n"));
  return kUsage;
}

// INVALID_ARGUMENT says what the line has that the verb does not take.
absl::Status Check(const Verb& verb, const Arguments& arguments) {
  if (arguments.positionals.size() > verb.words_max) {
    return absl::InvalidArgumentError(absl::StrCat(
        "\"", arguments.positionals[verb.words_max],
        "\" is one word too many; it is: ", absl::StrReplaceAll(verb.usage, {{"\n", " | "}})));
  }
  if (!arguments.trailing.empty() && !verb.takes_command) {
    return absl::InvalidArgumentError("no command may follow `--` here");
  }
  ASSIGN_OR_RETURN(const auto timeout, arguments.Duration("timeout"));
  if (timeout.has_value() && *timeout <= absl::ZeroDuration()) {
    return absl::InvalidArgumentError("--timeout: must be above zero");
  }
  return absl::OkStatus();
}

// Whatever is written, is not written into a line of progress.
Surroundings Clearing(const Surroundings& surroundings, Progress& progress) {
  Surroundings clearing = surroundings;
  clearing.out = [&surroundings, &progress](const std::string& text) {
    progress.Clear();
    surroundings.out(text);
  };
  clearing.err = [&surroundings, &progress](const std::string& text) {
    progress.Clear();
    surroundings.err(text);
  };
  return clearing;
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
  auto settings = FindSettings(*arguments, surroundings);
  if (!settings.ok() && !verb.is_local) {
    return UsageError(surroundings, std::string(settings.status().message()), verb.name);
  }
  if (!settings.ok()) settings = Settings();  // `context use` must work where the context is gone
  if (verb.is_local) settings->token_warning.clear();
  for (const std::string& warning : {settings->warning, settings->token_warning}) {
    if (!warning.empty()) surroundings.err(absl::StrCat("spawnctl: ", warning, "\n"));
  }
  Progress progress(surroundings, settings->client.address);
  const Surroundings clearing = Clearing(surroundings, progress);
  settings->client.timeout = arguments->Duration("timeout")->value_or(absl::Seconds(30));
  settings->client.on_wait = [&progress](absl::string_view what, absl::Duration waited) {
    progress.OnWait(what, waited);
  };
  Client client(std::move(settings->client), *surroundings.interrupted);
  const int code = verb.run({.arguments = *arguments,
                             .surroundings = clearing,
                             .client = client,
                             .progress = progress,
                             .verb = verb.name,
                             .ns = settings->ns,
                             .format = *ParseFormat(arguments->Get("output", "table"))});
  progress.Clear();
  return code;
}

// The verb that the line begins with, of two words if there is such a one, and how many they are.
const Verb* FindVerb(const std::vector<std::string>& words, size_t* length) {
  for (*length = 2; *length > 0; --*length) {
    if (words.size() < *length) continue;
    const std::string name = *length == 2 ? absl::StrCat(words[0], " ", words[1]) : words[0];
    for (const Verb& verb : Verbs()) {
      if (name == verb.name) return &verb;
    }
  }
  return nullptr;
}

// What other tools and Spawner's API call it.
constexpr std::pair<absl::string_view, absl::string_view> kOtherNames[] = {
    {"create", "connect"},
    {"delete", "terminate"},
    {"delete proxy", "drain proxy"},
    {"delete session", "terminate"},
    {"delete sessions", "terminate"},
    {"delete node", "drain node"},
    {"end", "terminate"},
    {"explain", "why"},
    {"ls", "get sessions"},
    {"list", "get sessions"},
    {"kill", "terminate"},
    {"log", "logs"},
    {"login", "context set"},
    {"open", "connect"},
    {"ps", "get sessions"},
    {"quotas", "get quotas"},
    {"revoke", "grant revoke"},
    {"rm", "terminate"},
    {"rotate", "keys rotate"},
    {"session", "get session"},
    {"sessions", "get sessions"},
    {"show", "describe"},
    {"start", "connect"},
    {"stop", "terminate"},
    {"templates", "get templates"},
    {"token", "grant create"},
};

// "" if it looks like none.
std::string Meant(absl::string_view typed) {
  for (const auto& [other, verb] : kOtherNames) {
    if (typed == other) return std::string(verb);
  }
  std::vector<std::string> names;
  for (const Verb& verb : Verbs()) names.push_back(verb.name);
  return NearestTo(typed, names);
}

int Unknown(const std::string& typed, const Surroundings& surroundings) {
  const std::string meant = Meant(typed);
  return UsageError(
      surroundings,
      absl::StrCat("unknown verb \"", typed, "\"",
                   meant.empty() ? "" : absl::StrCat("; did you mean `", meant, "`?")),
      "");
}

// `help` with what it is about, and lines that begin with no verb.
int Other(const std::vector<std::string>& words, const Surroundings& surroundings) {
  const std::string& name = words[0];
  const std::string help = HelpOfFirstWord(Verbs(), name);
  if (!help.empty() && words.size() > 1 && !absl::StartsWith(words[1], "-")) {
    return Unknown(absl::StrCat(name, " ", words[1]), surroundings);
  }
  if (!help.empty()) {
    const bool is_asked = words.size() == 2 && (words[1] == "--help" || words[1] == "-h");
    (is_asked ? surroundings.out : surroundings.err)(help);
    return is_asked ? kOk : kUsage;
  }
  if (absl::StartsWith(name, "-")) {
    return UsageError(surroundings, absl::StrCat("the verb comes first, then ", name), "");
  }
  return Unknown(name, surroundings);
}

}  // namespace

int Run(const std::vector<std::string>& words, const Surroundings& surroundings) {
  if (words.empty()) {
    surroundings.err(Help(Verbs()));
    return kUsage;
  }
  const bool asks_help = words[0] == "help" || words[0] == "--help" || words[0] == "-h";
  if (asks_help && words.size() > 1) {
    std::vector<std::string> asked(words.begin() + 1, words.end());
    asked.push_back("--help");
    return Run(asked, surroundings);
  }
  if (asks_help) {
    surroundings.out(Help(Verbs()));
    return kOk;
  }
  if (words[0] == "__complete") {
    return PrintCandidates({words.begin() + 1, words.end()}, surroundings);
  }
  if (words[0] == "__man") {  // for the build
    surroundings.out(ManPage(Verbs()));
    return kOk;
  }
  if (words[0] == "--version") return Run({"version", "--client"}, surroundings);
  // What every verb takes may stand before it as well, as with kubectl: -n team get sessions.
  const auto begin = words.begin() + static_cast<std::ptrdiff_t>(CountFlags(words, CommonFlags()));
  const std::vector<std::string> line(begin, words.end());
  size_t length = 0;
  const Verb* verb = line.empty() ? nullptr : FindVerb(line, &length);
  if (verb == nullptr) return Other(line.empty() ? words : line, surroundings);
  std::vector<std::string> rest(words.begin(), begin);
  rest.insert(rest.end(), line.begin() + static_cast<std::ptrdiff_t>(length), line.end());
  return Invoke(*verb, rest, surroundings);
}

}  // namespace spawner::cli
