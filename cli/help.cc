#include "cli/help.h"

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_split.h"
#include "cli/request.h"

namespace spawner::cli {
namespace {

constexpr size_t kWidth = 80;

void AppendFlags(const std::vector<Flag>& flags, std::string* text) {
  for (const Flag& flag : flags) {
    std::string written =
        flag.letter == '\0' ? "    " : absl::StrCat("-", std::string(1, flag.letter), ", ");
    absl::StrAppend(&written, "--", flag.name);
    if (flag.placeholder != nullptr) absl::StrAppend(&written, "=", flag.placeholder);
    std::string help = flag.help;
    if (flag.values != nullptr && std::string(flag.name) != "output") {
      absl::StrAppend(&help, ": ", flag.values);
    }
    if (flag.is_repeatable) absl::StrAppend(&help, " (repeatable)");
    absl::StrAppendFormat(text, "  %-28s %s\n", written, help);
  }
}

// Paragraphs, broken between words.
std::string Wrapped(absl::string_view text) {
  std::string out;
  for (absl::string_view paragraph : absl::StrSplit(text, "\n\n")) {
    size_t column = 0;
    for (absl::string_view word : absl::StrSplit(paragraph, ' ')) {
      if (column > 0 && column + 1 + word.size() > kWidth) {
        absl::StrAppend(&out, "\n");
        column = 0;
      }
      absl::StrAppend(&out, column > 0 ? " " : "", word);
      column += word.size() + (column > 0 ? 1 : 0);
    }
    absl::StrAppend(&out, "\n\n");
  }
  return out;
}

}  // namespace

std::string Help(const std::vector<Verb>& verbs) {
  std::string text =
      "usage: spawnctl VERB [flags]\n\n"
      "A session is one process of your application for one key (a document, a user), with\n"
      "its own URL, alive as long as somebody is connected. Start with:\n\n"
      "  spawnctl connect --key=KEY --image=IMAGE   start one, get its URL\n"
      "  spawnctl get sessions                      see what runs\n"
      "  spawnctl why --key=KEY                     learn why it is alive, or why it ended\n"
      "  spawnctl doctor                            find what is wrong with the installation\n";
  for (const Group group : kGroups) {
    absl::StrAppend(&text, "\n", Title(group), ":\n");
    for (const Verb& verb : verbs) {
      if (verb.group == group) absl::StrAppendFormat(&text, "  %-16s %s\n", verb.name, verb.help);
    }
  }
  return text +
         "\n`spawnctl VERB --help` has a verb's flags and examples, `man spawnctl` all of them.\n"
         "The controller is that of the context (`spawnctl context list`), else $SPAWNER_ADDRESS,\n"
         "else 127.0.0.1:9090.\n"
         "Exit codes: 0 ok, 1 failed, 2 usage, 3 not found, 4 not allowed, 5 conflict, 6 quota,\n"
         "7 unavailable, 124 timeout, 130 interrupted.\n";
}

std::string HelpOf(const Verb& verb) {
  std::string text;
  for (absl::string_view form : absl::StrSplit(verb.usage, '\n')) {
    absl::StrAppend(&text, text.empty() ? "usage: " : "       ", "spawnctl ", form, "\n");
  }
  absl::StrAppend(&text, "\n", verb.help, "\n\n", Wrapped(verb.details));
  if (!verb.flags.empty()) {
    absl::StrAppend(&text, "Flags:\n");
    AppendFlags(verb.flags, &text);
    absl::StrAppend(&text, "\n");
  }
  absl::StrAppend(&text, "As every verb:\n");
  AppendFlags(CommonFlags(), &text);
  absl::StrAppend(&text, "\nSuch as:\n");
  for (absl::string_view line : absl::StrSplit(verb.examples, '\n')) {
    absl::StrAppend(&text, "  spawnctl ", line, "\n");
  }
  return text;
}

std::string HelpOfFirstWord(const std::vector<Verb>& verbs, const std::string& word) {
  std::string text;
  for (const Verb& verb : verbs) {
    if (!absl::StartsWith(verb.name, word + " ")) continue;
    absl::StrAppendFormat(&text, "  spawnctl %-16s %s\n", verb.name, verb.help);
  }
  if (text.empty()) return "";
  return absl::StrCat("usage: spawnctl ", word, " ...\n\n", text, "\n`spawnctl ", word,
                      " ... --help` says more.\n");
}

}  // namespace spawner::cli
