#ifndef SPAWNER_CLI_VERBS_H_
#define SPAWNER_CLI_VERBS_H_

#include <string>
#include <vector>

#include "cli/surroundings.h"

namespace spawner::cli {

// Runs one command line without the program's name; the exit code.
//   Run({"get", "sessions", "-o", "json"}, surroundings)
int Run(const std::vector<std::string>& words, const Surroundings& surroundings);

}  // namespace spawner::cli

#endif  // SPAWNER_CLI_VERBS_H_
