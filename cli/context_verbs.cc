#include <filesystem>
#include <system_error>
#include <vector>

#include "absl/strings/str_cat.h"
#include "cli/config.h"
#include "cli/settings.h"
#include "cli/verb_list.h"

namespace spawner::cli {
namespace {

struct Open {
  std::string path;
  Config config;
};

// False: it has said why.
bool Load(const Invocation& i, Open* open) {
  open->path = ConfigPath(i.surroundings.environment);
  std::string warning;  // it was told already
  auto config = LoadConfig(open->path, &warning);
  if (!config.ok()) {
    Tell(i, config.status().message());
    return false;
  }
  open->config = *std::move(config);
  return true;
}

int Save(const Invocation& i, const Open& open, absl::string_view done) {
  const absl::Status status = SaveConfig(open.path, open.config);
  if (!status.ok()) {
    Tell(i, status.message());
    return kFailed;
  }
  i.surroundings.err(absl::StrCat(done, "\n"));
  return kOk;
}

int Unknown(const Invocation& i, const std::string& name) {
  Tell(i, absl::StrCat("there is no context \"", name, "\"\n  `spawnctl context list` shows them"));
  return kNotFound;
}

std::string NameOf(const Invocation& i) {
  return i.arguments.positionals.empty() ? "" : i.arguments.positionals[0];
}

int List(const Invocation& i) {
  Open open;
  if (!Load(i, &open)) return kFailed;
  std::vector<std::vector<std::string>> rows = {{"", "CONTEXT", "ADDRESS", "NAMESPACE", "AUTH"}};
  for (const auto& [name, context] : open.config.contexts) {
    if (i.format == Format::kName) i.surroundings.out(absl::StrCat(name, "\n"));
    std::string auth = context.cert.empty() ? "" : "certificate";
    if (!context.token.empty() || !context.token_file.empty()) {
      absl::StrAppend(&auth, auth.empty() ? "" : ", ", "token");
    }
    rows.push_back({name == open.config.current ? "*" : " ", name, OrDash(context.address),
                    OrDash(context.ns), OrDash(auth)});
  }
  if (i.format == Format::kJson || i.format == Format::kYaml) {
    std::vector<Fact> facts;
    for (const auto& [name, context] : open.config.contexts)
      facts.emplace_back(name, context.address);
    i.surroundings.out(i.format == Format::kJson ? ToJson(facts) : ToYaml(facts));
  } else if (i.format != Format::kName) {
    i.surroundings.out(ToTable(rows, false));
  }
  if (open.config.contexts.empty()) {
    i.surroundings.err(
        absl::StrCat("no contexts in ", open.path,
                     "; `spawnctl context set NAME --address=HOST:PORT` makes one\n"));
  }
  return kOk;
}

int Use(const Invocation& i) {
  Open open;
  if (NameOf(i).empty()) return Usage(i, "say which: context use NAME");
  if (!Load(i, &open)) return kFailed;
  if (open.config.contexts.count(NameOf(i)) == 0) return Unknown(i, NameOf(i));
  open.config.current = NameOf(i);
  return Save(i, open, absl::StrCat("in use: ", NameOf(i)));
}

// A context is used from any folder. A file may come later, but may as well be misspelt.
void SettleFiles(const Invocation& i, Context* context) {
  for (std::string Context::* member :
       {&Context::ca, &Context::cert, &Context::key, &Context::token_file}) {
    std::string& path = context->*member;
    if (path.empty()) continue;
    std::error_code error;  // of a folder that is gone: the path stays as it is
    if (const auto whole = std::filesystem::absolute(path, error); !error) path = whole.string();
    if (!std::filesystem::exists(path, error)) {
      Tell(i, absl::StrCat("there is no file ", path, " yet; it has to be there when it is used"));
    }
  }
}

int Set(const Invocation& i) {
  Open open;
  if (NameOf(i).empty()) return Usage(i, "name it: context set NAME --address=HOST:PORT");
  if (!Load(i, &open)) return kFailed;
  const bool is_new = open.config.contexts.count(NameOf(i)) == 0;
  Context& context = open.config.contexts[NameOf(i)];
  for (const auto& [flag, member] : ContextMembers()) {
    if (i.arguments.Has(flag)) context.*member = i.arguments.Get(flag);
  }
  if (context.address.empty()) return Usage(i, "say where it is: --address=HOST:PORT");
  if (!IsHostPort(context.address)) {
    return Usage(i, absl::StrCat("--address: \"", context.address, "\" is not HOST:PORT"));
  }
  SettleFiles(i, &context);
  if (open.config.current.empty()) open.config.current = NameOf(i);
  const bool is_used = open.config.current == NameOf(i);
  return Save(
      i, open,
      absl::StrCat(is_new ? "made " : "changed ", NameOf(i), is_used ? ", which is in use" : ""));
}

int Delete(const Invocation& i) {
  Open open;
  if (NameOf(i).empty()) return Usage(i, "say which: context delete NAME");
  if (!Load(i, &open)) return kFailed;
  if (open.config.contexts.erase(NameOf(i)) == 0) return Unknown(i, NameOf(i));
  if (open.config.current == NameOf(i)) open.config.current.clear();
  return Save(i, open, absl::StrCat("deleted ", NameOf(i)));
}

int Show(const Invocation& i) {
  Open open;
  if (!Load(i, &open)) return kFailed;
  std::string name = NameOf(i);
  if (name.empty()) name = i.surroundings.environment("SPAWNER_CONTEXT");
  if (name.empty()) name = open.config.current;
  if (name.empty()) {
    Tell(i, "no context is in use: flags and the environment alone say which controller");
    return kNotFound;
  }
  const auto found = open.config.contexts.find(name);
  if (found == open.config.contexts.end()) return Unknown(i, name);
  std::vector<Fact> facts = {{"context", name}};
  for (const auto& [word, member] : ContextMembers()) {
    const std::string& value = found->second.*member;
    if (!value.empty()) facts.emplace_back(word, word == "token" ? "(set, not shown)" : value);
  }
  if (i.format == Format::kName) i.surroundings.out(absl::StrCat(name, "\n"));
  if (i.format == Format::kJson) i.surroundings.out(ToJson(facts));
  if (i.format == Format::kYaml || i.IsForPeople()) i.surroundings.out(ToYaml(facts));
  return kOk;
}

Verb Row(const char* name, const char* usage, const char* help, const char* details,
         const char* examples, int (*run)(const Invocation&)) {
  return {.name = name,
          .group = Group::kItself,
          .usage = usage,
          .help = help,
          .details = details,
          .examples = examples,
          .flags = {},
          .words_max = 1,
          .words = Words::kContext,
          .is_local = true,
          .run = run};
}

}  // namespace

Verb ContextListVerb() {
  Verb verb = Row("context list", "context list", "the controllers that spawnctl knows by name",
                  "* marks the one in use. They are in $SPAWNER_CONFIG, by default "
                  "~/.config/spawner/config.yaml.",
                  "context list", List);
  verb.words_max = 0;
  verb.words = Words::kNone;
  return verb;
}

Verb ContextUseVerb() {
  return Row("context use", "context use NAME", "call this controller from now on",
             "For one command alone: --context=NAME, or SPAWNER_CONTEXT.", "context use prod", Use);
}

Verb ContextSetVerb() {
  Verb verb = Row(
      "context set", "context set NAME --address=HOST:PORT [flags]", "make or change a context",
      "Only what is given changes. The first one made is in use at once. A token that is "
      "renewed is best left in a file (--token-file).\n\n"
      "What a command uses is, each by itself: its flag, else the environment "
      "(SPAWNER_ADDRESS, SPAWNER_NAMESPACE, SPAWNER_TOKEN, SPAWNER_TOKEN_FILE, "
      "SPAWNER_CA, SPAWNER_CLIENT_CERT, SPAWNER_CLIENT_KEY), else the context, else the default.",
      "context set prod --address=spawner.example:9090 --ca=ca.pem "
      "--token-file=/run/token\n"
      "context set prod --namespace=team",
      Set);
  verb.flags = {{"token", "TOKEN", "kept in the file; --token-file is better"}};
  return verb;
}

Verb ContextDeleteVerb() {
  return Row("context delete", "context delete NAME", "forget a context",
             "Nothing happens to its controller.", "context delete old", Delete);
}

Verb ContextShowVerb() {
  return Row("context show", "context show [NAME]", "what a context says; a token is not shown",
             "Without a name: the one in use.", "context show", Show);
}

}  // namespace spawner::cli
