#include "cli/completion.h"

#include <algorithm>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "cli/arguments.h"
#include "cli/find_session.h"
#include "cli/request.h"
#include "cli/resources.h"
#include "cli/verb_list.h"
#include "cli/verbs.h"

namespace spawner::cli {
namespace {

constexpr char kBash[] =
    R"sh(# bash completion for spawnctl; in ~/.bashrc: source <(spawnctl completion bash)
_spawnctl() {
  # bash breaks words at "=" and ":"; the line as it was typed counts.
  local line=${COMP_LINE:0:COMP_POINT} words=() cur reply IFS=$' \t\n'
  read -r -a words <<<"$line"
  [[ $line == *[[:space:]] ]] && words+=("")
  cur=${words[${#words[@]}-1]}
  reply=$("${words[0]}" __complete "${words[@]:1}" 2>/dev/null) || return
  if [[ $reply == ":files" ]]; then
    COMPREPLY=($(compgen -f -- "${cur##*=}"))
    compopt -o filenames 2>/dev/null
    return
  fi
  local IFS=$'\n' cut=""
  # What bash takes for the word begins after the last "=" or ":".
  [[ $cur == *[=:]* ]] && cut=${cur%"${cur##*[=:]}"}
  COMPREPLY=()
  local one
  for one in $reply; do COMPREPLY+=("${one#"$cut"}"); done
  [[ ${#COMPREPLY[@]} -eq 1 && ${COMPREPLY[0]} == *= ]] && compopt -o nospace 2>/dev/null
}
complete -F _spawnctl spawnctl
)sh";

constexpr char kZsh[] =
    R"sh(#compdef spawnctl
# zsh completion for spawnctl; in ~/.zshrc, after compinit: source <(spawnctl completion zsh)
_spawnctl() {
  local -a reply flags
  reply=("${(@f)$("${words[1]}" __complete "${(@)words[2,CURRENT]}" 2>/dev/null)}")
  if [[ ${reply[1]} == ":files" ]]; then
    compset -P '*='
    _files
    return
  fi
  reply=(${reply:#})
  flags=(${(M)reply:#*=})
  reply=(${reply:#*=})
  (( ${#flags} )) && compadd -S '' -- "${flags[@]}"
  (( ${#reply} )) && compadd -- "${reply[@]}"
}
if [[ $funcstack[1] == _spawnctl ]]; then _spawnctl; else compdef _spawnctl spawnctl; fi
)sh";

constexpr char kFish[] =
    R"sh(# fish completion for spawnctl: spawnctl completion fish | source
function __spawnctl_complete
    set -l words (commandline -opc)
    set -l cur (commandline -ct)
    set -l reply ($words[1] __complete $words[2..-1] "$cur" 2>/dev/null)
    if test "$reply[1]" = ":files"
        set -l before (string match -r '^.*=' -- "$cur")
        for path in (__fish_complete_path (string replace -r '^.*=' '' -- "$cur"))
            echo "$before$path"
        end
        return
    end
    printf '%s\n' $reply
end
complete -c spawnctl -f -a '(__spawnctl_complete)'
)sh";

const Flag* FindFlag(const std::vector<Flag>& flags, absl::string_view word) {
  for (const Flag& flag : flags) {
    if (word == absl::StrCat("--", flag.name)) return &flag;
    if (flag.letter != '\0' && word == absl::StrCat("-", std::string(1, flag.letter))) return &flag;
  }
  return nullptr;
}

Candidates ValuesOf(const Flag& flag, const std::string& prefix) {
  Candidates candidates;
  candidates.prefix = prefix;
  if (flag.values != nullptr) {
    for (absl::string_view value : absl::StrSplit(flag.values, '|')) {
      candidates.words.push_back(absl::StrCat(prefix, value));
    }
  }
  candidates.wants_files = std::string(flag.placeholder) == "FILE";
  if (std::string(flag.name) == "context") candidates.wants = Words::kContext;
  if (std::string(flag.name) == "template") candidates.wants = Words::kTemplate;
  return candidates;
}

// The second words of verbs, or the first ones.
void AddVerbs(const std::vector<Verb>& verbs, const std::string& first, Candidates* candidates) {
  for (const Verb& verb : verbs) {
    const std::vector<std::string> words = absl::StrSplit(verb.name, ' ');
    std::string word;
    if (first.empty()) word = words[0];
    if (!first.empty() && words.size() == 2 && words[0] == first) word = words[1];
    auto& all = candidates->words;
    if (!word.empty() && std::find(all.begin(), all.end(), word) == all.end()) all.push_back(word);
  }
}

const Verb* FindVerb(const std::vector<Verb>& verbs, const std::vector<std::string>& words,
                     size_t* length) {
  for (*length = 2; *length > 0; --*length) {
    if (words.size() <= *length) continue;  // the last is still being typed
    const std::string name = *length == 2 ? absl::StrCat(words[0], " ", words[1]) : words[0];
    for (const Verb& verb : verbs) {
      if (name == verb.name) return &verb;
    }
  }
  return nullptr;
}

// The names of a plain word that follows `before` others.
void AddWords(const Verb& verb, const std::vector<std::string>& before, Candidates* candidates) {
  if (before.size() >= verb.words_max) return;
  const bool has_name = !before.empty() && !IsSessionWord(before[0]);
  if (verb.words == Words::kSession && has_name) return;
  if (verb.words != Words::kResource) {
    candidates->wants = verb.words;
    if (verb.words == Words::kShell) candidates->words = {"bash", "zsh", "fish"};
    return;
  }
  if (before.empty()) {
    for (const Resource& resource : Resources()) {
      if (std::string(verb.name) == "get") candidates->words.push_back(resource.many);
      candidates->words.push_back(resource.one);
    }
    return;
  }
  const Resource* resource = FindResource(before[0]);
  if (resource == nullptr) return;
  if (resource->kind == Resource::Kind::kSession) candidates->wants = Words::kSession;
  if (resource->kind == Resource::Kind::kTemplate) candidates->wants = Words::kTemplate;
  if (resource->kind == Resource::Kind::kProxy) candidates->wants = Words::kProxy;
}

// What of the line says which controller and namespace are meant, wherever it stands.
std::vector<std::string> PlaceOf(const std::vector<std::string>& words) {
  std::vector<Flag> flags = CommonFlags();
  const auto is_other = [](const Flag& flag) {
    const absl::string_view name = flag.name;
    return name == "output" || name == "timeout" || name == "help";
  };
  flags.erase(std::remove_if(flags.begin(), flags.end(), is_other), flags.end());
  std::vector<std::string> place;
  for (auto word = words.begin(); word != words.end() && *word != "--";) {
    const size_t count = CountFlags({word, words.end()}, flags);
    place.insert(place.end(), word, word + static_cast<std::ptrdiff_t>(count));
    word += static_cast<std::ptrdiff_t>(std::max<size_t>(count, 1));
  }
  return place;
}

// The names that `spawnctl` itself finds out, by a line of its own.
std::vector<std::string> Ask(Words wants, const std::vector<std::string>& place,
                             const Surroundings& surroundings) {
  std::vector<std::string> line;
  if (wants == Words::kSession) line = {"get", "sessions"};
  if (wants == Words::kTemplate) line = {"get", "templates"};
  if (wants == Words::kProxy) line = {"get", "proxies"};
  if (wants == Words::kContext) line = {"context", "list"};
  if (line.empty()) return {};
  line.insert(line.end(), {"-o", "name", "--timeout=1s"});
  line.insert(line.end(), place.begin(), place.end());
  std::string out;
  Surroundings quiet = surroundings;
  quiet.out = [&out](const std::string& text) { out += text; };
  quiet.err = [](const std::string&) {};
  if (Run(line, quiet) != kOk) return {};
  std::vector<std::string> names = absl::StrSplit(out, '\n', absl::SkipEmpty());
  for (std::string& name : names) name = name.substr(name.rfind('/') + 1);
  return names;
}

int PrintScript(const Invocation& i) {
  const auto& words = i.arguments.positionals;
  const std::string script = CompletionScript(words.empty() ? "" : words[0]);
  if (script.empty()) return Usage(i, "say for which shell: bash, zsh or fish");
  i.surroundings.out(script);
  return kOk;
}

}  // namespace

Candidates Complete(const std::vector<Verb>& verbs, const std::vector<std::string>& words) {
  Candidates candidates;
  if (words.size() <= 1) {
    AddVerbs(verbs, "", &candidates);
    return candidates;
  }
  size_t length = 0;
  const Verb* verb = FindVerb(verbs, words, &length);
  if (words.size() == 2) AddVerbs(verbs, words[0], &candidates);
  if (verb == nullptr) return candidates;
  std::vector<Flag> flags = verb->flags;
  for (const Flag& flag : CommonFlags()) flags.push_back(flag);
  std::vector<std::string> plain;
  for (size_t w = length; w + 1 < words.size(); ++w) {
    if (words[w] == "--") return {.wants_files = true};  // a command of somebody else's
    const Flag* flag = FindFlag(flags, words[w]);
    const bool takes_next = flag != nullptr && flag->placeholder != nullptr;
    if (takes_next && w + 2 == words.size()) return ValuesOf(*flag, "");
    if (takes_next) ++w;
    if (flag == nullptr && !absl::StartsWith(words[w], "-")) plain.push_back(words[w]);
  }
  const std::string& last = words.back();
  const size_t equals = last.find('=');
  if (absl::StartsWith(last, "--") && equals != last.npos) {
    const Flag* flag = FindFlag(flags, last.substr(0, equals));
    const bool has_value = flag != nullptr && flag->placeholder != nullptr;
    return has_value ? ValuesOf(*flag, last.substr(0, equals + 1)) : Candidates();
  }
  if (absl::StartsWith(last, "-")) {
    candidates = {};
    for (const Flag& flag : flags) {
      candidates.words.push_back(
          absl::StrCat("--", flag.name, flag.placeholder == nullptr ? "" : "="));
    }
    return candidates;
  }
  AddWords(*verb, plain, &candidates);
  return candidates;
}

std::string CompletionScript(const std::string& shell) {
  if (shell == "bash") return kBash;
  if (shell == "zsh") return kZsh;
  return shell == "fish" ? kFish : "";
}

int PrintCandidates(const std::vector<std::string>& words, const Surroundings& surroundings) {
  const std::string last = words.empty() ? "" : words.back();
  // Flags may stand before the verb.
  const size_t before = CountFlags(words, CommonFlags());
  const bool is_in_flags = before == words.size() && before > 0;
  if (is_in_flags && !absl::StartsWith(last, "-")) return kOk;  // a value, which may be any
  const std::vector<std::string> line(
      words.begin() + static_cast<std::ptrdiff_t>(is_in_flags ? before - 1 : before), words.end());
  Candidates candidates = Complete(Verbs(), line);
  const std::vector<std::string> typed(words.begin(), words.end() - (words.empty() ? 0 : 1));
  for (const std::string& name : Ask(candidates.wants, PlaceOf(typed), surroundings)) {
    candidates.words.push_back(candidates.prefix + name);
  }
  std::sort(candidates.words.begin(), candidates.words.end());
  bool has_any = false;
  for (const std::string& word : candidates.words) {
    if (!absl::StartsWith(word, last)) continue;
    has_any = true;
    surroundings.out(word + "\n");
  }
  if (!has_any && candidates.wants_files) surroundings.out(":files\n");
  return kOk;
}

Verb CompletionVerb() {
  return {.name = "completion",
          .group = Group::kItself,
          .usage = "completion (bash | zsh | fish)",
          .help = "a script that lets the shell complete spawnctl's lines",
          .details =
              "Verbs, flags and their values; and names of sessions, templates, proxies and "
              "contexts, asked of the controller for a second at most.",
          .examples =
              "completion bash >/etc/bash_completion.d/spawnctl\n"
              "completion zsh >\"${fpath[1]}/_spawnctl\"\n"
              "completion fish >~/.config/fish/completions/spawnctl.fish",
          .flags = {},
          .words_max = 1,
          .words = Words::kShell,
          .is_local = true,
          .run = PrintScript};
}

}  // namespace spawner::cli
