#ifndef SPAWNER_CLI_SURROUNDINGS_H_
#define SPAWNER_CLI_SURROUNDINGS_H_

#include <functional>
#include <string>

#include "absl/time/time.h"
#include "cli/client.h"

namespace spawner::cli {

// What a verb may use of the outside: the environment by name, and where it reads and writes.
struct Surroundings {
  std::function<std::string(const char* name)> environment;  // "" if unset
  std::function<void(const std::string& text)> out;          // data
  std::function<void(const std::string& text)> err;          // errors, hints, progress
  // One line of standard input without its end; "" at its end.
  std::function<std::string()> read_line = [] { return std::string(); };
  bool is_terminal = false;        // out is one
  bool is_error_terminal = false;  // err is one
  bool is_input_terminal = false;
  std::function<int()> rows = [] { return 24; };  // of the terminal
  InterruptFlag* interrupted = nullptr;           // set by SIGINT
  std::function<absl::Time()> now;

  // https://no-color.org: any value but the empty one.
  bool UseColour() const { return is_terminal && environment("NO_COLOR").empty(); }
};

}  // namespace spawner::cli

#endif  // SPAWNER_CLI_SURROUNDINGS_H_
