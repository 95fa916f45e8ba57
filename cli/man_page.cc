#include "cli/man_page.h"

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "base/version.h"
#include "cli/request.h"

namespace spawner::cli {
namespace {

// What roff would take for its own.
std::string Roff(absl::string_view text) {
  std::string out = absl::StrReplaceAll(text, {{"\\", "\\e"}, {"-", "\\-"}, {"'", "\\(aq"}});
  if (!out.empty() && out[0] == '.') out.insert(0, "\\&");
  return out;
}

void Flags(const std::vector<Flag>& flags, std::string* out) {
  for (const Flag& flag : flags) {
    absl::StrAppend(out, ".TP\n.B ");
    if (flag.letter != '\0') absl::StrAppend(out, "\\-", std::string(1, flag.letter), ", ");
    absl::StrAppend(out, "\\-\\-", Roff(flag.name));
    if (flag.placeholder != nullptr) absl::StrAppend(out, "=\\fI", Roff(flag.placeholder), "\\fB");
    absl::StrAppend(out, "\n", Roff(flag.help));
    if (flag.values != nullptr) absl::StrAppend(out, ": ", Roff(flag.values));
    absl::StrAppend(out, flag.is_repeatable ? " (repeatable)\n" : "\n");
  }
}

void Lines(absl::string_view lines, absl::string_view before, std::string* out) {
  absl::StrAppend(out, ".RS 4\n.nf\n");
  for (absl::string_view line : absl::StrSplit(lines, '\n')) {
    absl::StrAppend(out, Roff(absl::StrCat(before, line)), "\n");
  }
  absl::StrAppend(out, ".fi\n.RE\n");
}

void VerbSection(const Verb& verb, std::string* out) {
  absl::StrAppend(out, ".SS ", Roff(verb.name), "\n", Roff(verb.help), ".\n");
  Lines(verb.usage, "spawnctl ", out);
  for (absl::string_view paragraph : absl::StrSplit(verb.details, "\n\n")) {
    absl::StrAppend(out, ".PP\n", Roff(paragraph), "\n");
  }
  Flags(verb.flags, out);
  absl::StrAppend(out, ".PP\nSuch as:\n");
  Lines(verb.examples, "spawnctl ", out);
}

constexpr char kHead[] = R"(.SH NAME
spawnctl \- sessions of Spawner: start, find, explain and end them
.SH SYNOPSIS
.B spawnctl
.I VERB
[\fIRESOURCE\fR] [\fINAME\fR] [\fIflags\fR]
.SH DESCRIPTION
A session is one process of an application for one key (a document, a user), in a pod of its own,
with a URL of its own, alive as long as somebody is connected.
.PP
Data goes to standard output; progress and hints to standard error. Colours are for terminals, and
not where NO_COLOR is set.
)";

constexpr char kTail[] = R"(.SH ENVIRONMENT
.TP
.B SPAWNER_ADDRESS, SPAWNER_NAMESPACE, SPAWNER_TOKEN, SPAWNER_TOKEN_FILE
As the flags of these names. Each thing by itself: the flag, else the environment, else the context,
else the default.
.TP
.B SPAWNER_CA, SPAWNER_CLIENT_CERT, SPAWNER_CLIENT_KEY, SPAWNER_SERVER_NAME
TLS, as the flags of these names.
.TP
.B SPAWNER_CONTEXT
The context to use.
.TP
.B SPAWNER_CONFIG
The file with the contexts.
.SH FILES
.TP
.I ~/.config/spawner/config.yaml
Contexts. It may hold tokens: nobody else should be able to read it.
.SH "EXIT STATUS"
0 ok, 1 failed, 2 usage, 3 not found, 4 not allowed, 5 conflict, 6 quota, 7 unavailable,
124 timeout, 130 interrupted.
.SH "SEE ALSO"
.BR kubectl (1)
)";

}  // namespace

std::string ManPage(const std::vector<Verb>& verbs) {
  std::string out = absl::StrCat(".TH SPAWNCTL 1 \"\" \"Spawner ", kVersion,
                                 "\" \"User Commands\"\n", kHead, ".SH \"FLAGS OF EVERY VERB\"\n");
  Flags(CommonFlags(), &out);
  for (const Group group : kGroups) {
    absl::StrAppend(&out, ".SH \"", absl::AsciiStrToUpper(Title(group)), "\"\n");
    for (const Verb& verb : verbs) {
      if (verb.group == group) VerbSection(verb, &out);
    }
  }
  return out + kTail;
}

}  // namespace spawner::cli
