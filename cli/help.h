#ifndef SPAWNER_CLI_HELP_H_
#define SPAWNER_CLI_HELP_H_

#include <string>
#include <vector>

#include "cli/verb.h"

namespace spawner::cli {

// `spawnctl --help`: every verb by its group.
std::string Help(const std::vector<Verb>& verbs);
// `spawnctl VERB --help`.
std::string HelpOf(const Verb& verb);
// `spawnctl grant --help`: the verbs that begin with the word; "" if none does.
std::string HelpOfFirstWord(const std::vector<Verb>& verbs, const std::string& word);

}  // namespace spawner::cli

#endif  // SPAWNER_CLI_HELP_H_
