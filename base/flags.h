#ifndef SPAWNER_BASE_FLAGS_H_
#define SPAWNER_BASE_FLAGS_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace spawner {

// What --help says beside the flags.
struct Program {
  std::string name;   // "proxy"
  std::string about;  // a sentence or two
  // Flags are known to the user if the file that defines them has this in its path ("proxy/"): the
  // libraries have flags of their own.
  std::string flag_files;
  // Flags that may be given more than once, as they are written: their values add up, with commas.
  std::vector<std::string> repeatable = {};
};

// Sets ABSL_FLAGs from "--name=value", "--name value", "--name" and "--noname" (bool). Not
// absl::ParseCommandLine, which prints several lines and exits with code 1. ABSL_FLAG(.., a_b, ..)
// is written --a-b or --a_b. A flag that is not there gets its default. `positional` gets what is
// no flag. INVALID_ARGUMENT: "--name: why", in one line.
absl::Status ParseFlags(const Program& program, const std::vector<std::string>& arguments,
                        std::vector<std::string>* positional);

// "NAME: what for", and every flag with its meaning and default.
std::string HelpText(const Program& program);

// For main(): if --help (-h) or --version is among the arguments, prints it and exits with 0.
void ExitIfHelpOrVersion(const Program& program, const std::vector<std::string>& arguments);

// For main(): --help and --version print and exit with 0; an error is printed as
// "NAME: --flag: why" and exits with 2, as does anything that is no flag.
void ParseFlagsOrExit(const Program& program, int argc, char** argv);

// Ends the process as ParseFlagsOrExit does, for a flag whose value turns out to be wrong later.
[[noreturn]] void ExitForBadFlag(const Program& program, absl::string_view error);

}  // namespace spawner

#endif  // SPAWNER_BASE_FLAGS_H_
