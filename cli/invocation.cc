#include "cli/invocation.h"

#include "absl/strings/str_cat.h"

namespace spawner::cli {

namespace {

constexpr size_t kIdLength = 26;

// What was given for an ID and looks like none; "" otherwise.
std::string NoId(const Invocation& invocation) {
  const std::vector<std::string>& words = invocation.arguments.positionals;
  if (words.empty() || invocation.arguments.Has("key")) return "";
  const std::string word = words.back().substr(words.back().rfind('/') + 1);
  return word.size() == kIdLength ? "" : word;
}

}  // namespace

int Fail(const Invocation& invocation, const grpc::Status& status, absl::string_view what) {
  std::string text = ErrorText(status, what, invocation.client.address());
  if (ReasonOf(status) == "SESSION_NOT_FOUND") {
    if (const std::string word = NoId(invocation); !word.empty()) {
      absl::StrAppend(&text, "; is \"", word, "\" a key? --key=", word);
    }
  }
  invocation.surroundings.err(absl::StrCat(text, "\n"));
  return ExitCodeOf(status);
}

int Usage(const Invocation& invocation, absl::string_view why) {
  invocation.surroundings.err(absl::StrCat(invocation.verb, ": ", why, "\n  `spawnctl ",
                                           invocation.verb, " --help` says more\n"));
  return kUsage;
}

void Print(const Invocation& invocation, const google::protobuf::Message& message,
           absl::string_view text, absl::string_view name) {
  switch (invocation.format) {
    case Format::kJson:
      return invocation.surroundings.out(ToJson(message));
    case Format::kYaml:
      return invocation.surroundings.out(ToYaml(message));
    case Format::kName:
      return invocation.surroundings.out(absl::StrCat(name, name.empty() ? "" : "\n"));
    case Format::kTable:
    case Format::kWide:
      return invocation.surroundings.out(std::string(text));
  }
}

void Tell(const Invocation& invocation, absl::string_view line) {
  invocation.surroundings.err(absl::StrCat(invocation.verb, ": ", line, "\n"));
}

bool IsConfirmed(const Invocation& invocation, absl::string_view question) {
  if (invocation.arguments.Has("yes")) return true;
  if (!invocation.surroundings.is_input_terminal) {
    Tell(invocation, "nothing was done: give --yes, or run it at a terminal and answer");
    return false;
  }
  invocation.surroundings.err(absl::StrCat(question, " Type yes to go on: "));
  if (invocation.surroundings.read_line() == "yes") return true;
  Tell(invocation, "nothing was done");
  return false;
}

}  // namespace spawner::cli
