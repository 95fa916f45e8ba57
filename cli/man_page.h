#ifndef SPAWNER_CLI_MAN_PAGE_H_
#define SPAWNER_CLI_MAN_PAGE_H_

#include <string>
#include <vector>

#include "cli/verb.h"

namespace spawner::cli {

// spawnctl(1) in man(7): every verb of the table with its flags and examples.
std::string ManPage(const std::vector<Verb>& verbs);

}  // namespace spawner::cli

#endif  // SPAWNER_CLI_MAN_PAGE_H_
