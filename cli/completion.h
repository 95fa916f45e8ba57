#ifndef SPAWNER_CLI_COMPLETION_H_
#define SPAWNER_CLI_COMPLETION_H_

#include <string>
#include <vector>

#include "cli/verb.h"

namespace spawner::cli {

// What may stand where a shell completes.
struct Candidates {
  std::vector<std::string> words;
  bool wants_files = false;
  // Names that only a controller or the configuration knows.
  Words wants = Words::kNone;
  std::string prefix;  // "--output=": stands before each of the names
};

// `words` follow the program's name; the last is being typed and may be "".
Candidates Complete(const std::vector<Verb>& verbs, const std::vector<std::string>& words);

// The script for "bash", "zsh" or "fish", which asks `spawnctl __complete`; "" for another shell.
std::string CompletionScript(const std::string& shell);

// `spawnctl __complete WORDS...`: a candidate a line; those that begin as the last word does.
int PrintCandidates(const std::vector<std::string>& words, const Surroundings& surroundings);

}  // namespace spawner::cli

#endif  // SPAWNER_CLI_COMPLETION_H_
