#ifndef SPAWNER_CLI_VERBS_H_
#define SPAWNER_CLI_VERBS_H_

#include <string>
#include <vector>

#include "cli/client.h"

namespace spawner::cli {

// What a verb may use of the outside: the environment by name, and where it writes.
struct Surroundings {
  std::string (*environment)(const char* name);  // "" if unset
  void (*out)(const std::string& text);          // data
  void (*err)(const std::string& text);          // errors, hints, progress
  bool is_terminal = false;                      // out is one, and NO_COLOR is unset
  InterruptFlag* interrupted = nullptr;          // set by SIGINT
  absl::Time (*now)() = nullptr;
};

// Runs one command line without the program's name; the exit code.
//   Run({"get", "sessions", "-o", "json"}, surroundings)
int Run(const std::vector<std::string>& words, const Surroundings& surroundings);

}  // namespace spawner::cli

#endif  // SPAWNER_CLI_VERBS_H_
