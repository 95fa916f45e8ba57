#include "base/flags.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <utility>

#include "absl/flags/reflection.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "base/version.h"

namespace spawner {
namespace {

using Flags = std::map<std::string, absl::CommandLineFlag*>;

Flags FlagsOf(const Program& program) {
  Flags flags;
  for (const auto& [name, flag] : absl::GetAllFlags()) {
    if (!absl::StrContains(flag->Filename(), program.flag_files)) continue;
    flags.emplace(absl::StrReplaceAll(name, {{"_", "-"}}), flag);
  }
  return flags;
}

absl::Status Unknown(const Program& program, absl::string_view name) {
  std::vector<std::string> names;
  for (const auto& [known, flag] : FlagsOf(program)) names.push_back(absl::StrCat("--", known));
  return absl::InvalidArgumentError(absl::StrCat("--", name, ": no such flag; there are ",
                                                 absl::StrJoin(names, ", "),
                                                 ", --help and --version"));
}

absl::Status Set(const Program& program, const std::string& name, absl::CommandLineFlag& flag,
                 const std::string& value) {
  const bool adds_up = std::find(program.repeatable.begin(), program.repeatable.end(), name) !=
                       program.repeatable.end();
  const std::string before = adds_up ? flag.CurrentValue() : "";
  std::string error;
  if (flag.ParseFrom(before.empty() ? value : absl::StrCat(before, ",", value), &error)) {
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError(absl::StrCat("--", name, ": \"", value, "\" is no valid value",
                                                 error.empty() ? "" : ": ", error, ". ",
                                                 flag.Help()));
}

// One flag from its "name=value"; `next` is the argument after it, null if there is none, and set
// to null if it was taken as the value.
absl::Status ParseOne(const Program& program, const Flags& flags, absl::string_view text,
                      const std::string*& next) {
  const size_t equals = text.find('=');
  const std::string name = absl::StrReplaceAll(text.substr(0, equals), {{"_", "-"}});
  const bool has_value = equals != absl::string_view::npos;
  const auto flag = flags.find(name);
  if (flag == flags.end() && absl::StartsWith(name, "no") && !has_value) {
    const auto negated = flags.find(name.substr(2));
    if (negated != flags.end() && negated->second->IsOfType<bool>()) {
      return Set(program, negated->first, *negated->second, "false");
    }
  }
  if (flag == flags.end()) return Unknown(program, name);
  if (has_value) return Set(program, name, *flag->second, std::string(text.substr(equals + 1)));
  if (flag->second->IsOfType<bool>()) return Set(program, name, *flag->second, "true");
  if (next == nullptr)
    return absl::InvalidArgumentError(absl::StrCat("--", name, ": needs a value"));
  return Set(program, name, *flag->second, *std::exchange(next, nullptr));
}

}  // namespace

std::string HelpText(const Program& program) {
  std::string text = absl::StrCat(program.name, ": ", program.about, "\n\nFlags:\n");
  for (const auto& [name, flag] : FlagsOf(program)) {
    absl::StrAppend(&text, "  --", name, "\n      ", flag->Help());
    const std::string value = flag->DefaultValue();
    absl::StrAppend(&text, value.empty() ? "" : absl::StrCat(" Default: ", value, "."), "\n");
  }
  absl::StrAppend(&text, "  --help, --version\n      Print this, or the version, and exit.\n");
  return text;
}

absl::Status ParseFlags(const Program& program, const std::vector<std::string>& arguments,
                        std::vector<std::string>* positional) {
  const Flags flags = FlagsOf(program);
  for (const auto& [name, flag] : flags) {
    std::string error;
    flag->ParseFrom(flag->DefaultValue(), &error);
  }
  for (size_t i = 0; i < arguments.size(); ++i) {
    absl::string_view text = arguments[i];
    if (text == "--") {
      positional->insert(positional->end(), arguments.begin() + static_cast<long>(i) + 1,
                         arguments.end());
      return absl::OkStatus();
    }
    if (text.size() < 2 || text.front() != '-') {
      positional->push_back(arguments[i]);
      continue;
    }
    text.remove_prefix(absl::StartsWith(text, "--") ? 2 : 1);
    const bool is_last = i + 1 == arguments.size();
    const std::string* next = is_last ? nullptr : &arguments[i + 1];
    const absl::Status status = ParseOne(program, flags, text, next);
    if (!status.ok()) return status;
    if (!is_last && next == nullptr) ++i;
  }
  return absl::OkStatus();
}

void ExitIfHelpOrVersion(const Program& program, const std::vector<std::string>& arguments) {
  for (const std::string& argument : arguments) {
    if (argument == "--help" || argument == "-h") {
      std::exit(std::fputs(HelpText(program).c_str(), stdout) < 0 ? 1 : 0);
    }
    if (argument == "--version") {
      std::exit(std::printf("%s %s\n", program.name.c_str(), kVersion) < 0 ? 1 : 0);
    }
  }
}

void ParseFlagsOrExit(const Program& program, int argc, char** argv) {
  const std::vector<std::string> arguments(argv + 1, argv + argc);
  ExitIfHelpOrVersion(program, arguments);
  std::vector<std::string> positional;
  if (const absl::Status status = ParseFlags(program, arguments, &positional); !status.ok()) {
    ExitForBadFlag(program, status.message());
  }
  if (!positional.empty()) {
    ExitForBadFlag(program,
                   absl::StrCat("\"", positional[0], "\": only flags are allowed, see --help"));
  }
}

void ExitForBadFlag(const Program& program, absl::string_view error) {
  std::string line = absl::StrCat(program.name, ": ", error);
  for (char& c : line) {
    if (c == '\n') c = ' ';
  }
  std::fprintf(stderr, "%s\n", line.c_str());
  std::exit(2);
}

}  // namespace spawner
