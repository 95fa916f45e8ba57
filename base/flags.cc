#include "base/flags.h"

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

std::string Help(const Program& program) {
  std::string text = absl::StrCat(program.name, ": ", program.about, "\n\nFlags:\n");
  for (const auto& [name, flag] : FlagsOf(program)) {
    absl::StrAppend(&text, "  --", name, "\n      ", flag->Help());
    const std::string value = flag->DefaultValue();
    absl::StrAppend(&text, value.empty() ? "" : absl::StrCat(" Default: ", value, "."), "\n");
  }
  absl::StrAppend(&text, "  --help, --version\n      Print this, or the version, and exit.\n");
  return text;
}

absl::Status Unknown(const Program& program, absl::string_view name) {
  std::vector<std::string> names;
  for (const auto& [known, flag] : FlagsOf(program)) names.push_back(absl::StrCat("--", known));
  return absl::InvalidArgumentError(absl::StrCat("--", name, ": no such flag; there are ",
                                                 absl::StrJoin(names, ", "),
                                                 ", --help and --version"));
}

}  // namespace

absl::Status ParseFlags(const Program& program, const std::vector<std::string>& arguments,
                        std::vector<std::string>* positional) {
  const Flags flags = FlagsOf(program);
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
    const size_t equals = text.find('=');
    const std::string name = absl::StrReplaceAll(text.substr(0, equals), {{"_", "-"}});
    bool has_value = equals != absl::string_view::npos;
    std::string value(has_value ? text.substr(equals + 1) : absl::string_view());
    auto flag = flags.find(name);
    if (flag == flags.end() && absl::StartsWith(name, "no") && !has_value) {
      const auto negated = flags.find(name.substr(2));
      if (negated != flags.end() && negated->second->IsOfType<bool>()) {
        flag = negated;
        value = "false";
        has_value = true;
      }
    }
    if (flag == flags.end()) return Unknown(program, name);
    if (!has_value && flag->second->IsOfType<bool>()) {
      value = "true";
    } else if (!has_value) {
      if (i + 1 == arguments.size()) {
        return absl::InvalidArgumentError(absl::StrCat("--", name, ": needs a value"));
      }
      value = arguments[++i];
    }
    std::string error;
    if (!flag->second->ParseFrom(value, &error)) {
      return absl::InvalidArgumentError(
          absl::StrCat("--", name, ": \"", value, "\" is no valid value", error.empty() ? "" : ": ",
                       error, ". ", flag->second->Help()));
    }
  }
  return absl::OkStatus();
}

void ParseFlagsOrExit(const Program& program, int argc, char** argv) {
  std::vector<std::string> arguments;
  for (int i = 1; i < argc; ++i) {
    const absl::string_view argument = argv[i];
    if (argument == "--help" || argument == "-h") {
      std::fputs(Help(program).c_str(), stdout);
      std::exit(0);
    }
    if (argument == "--version") {
      std::printf("%s %s\n", program.name.c_str(), kVersion);
      std::exit(0);
    }
    arguments.emplace_back(argv[i]);
  }
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
