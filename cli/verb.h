#ifndef SPAWNER_CLI_VERB_H_
#define SPAWNER_CLI_VERB_H_

#include <cstddef>
#include <string>
#include <vector>

#include "cli/arguments.h"
#include "cli/invocation.h"

namespace spawner::cli {

// The headings of `spawnctl --help`, in this order.
enum class Group { kSessions, kAccess, kTemplates, kOperations, kItself };
const char* Title(Group group);
inline constexpr Group kGroups[] = {Group::kSessions, Group::kAccess, Group::kTemplates,
                                    Group::kOperations, Group::kItself};

// What a verb's plain words name: completion asks for it.
enum class Words { kNone, kSession, kResource, kTemplate, kProxy, kContext, kShell };

// One row of the table from which help, man page, completion and the parser are made.
//   A new verb: a file with `Verb WaveVerb()`, its line in verb_list.h, its row in verb_table.cc.
struct Verb {
  const char* name;  // "hold", or two words: "grant create"
  Group group;
  const char* usage;  // without "spawnctl"; further forms on lines of their own
  const char* help;   // one line: what it does
  // What a newcomer wants to know beside the flags: paragraphs with an empty line between.
  const char* details;
  const char* examples;     // command lines without "spawnctl", one a line
  std::vector<Flag> flags;  // besides CommonFlags
  size_t words_max = 0;     // beside flags
  Words words = Words::kNone;
  bool takes_command = false;  // "-- COMMAND"
  bool is_local = false;       // calls no controller
  int (*run)(const Invocation&) = nullptr;
};

// All, in the order of the help.
const std::vector<Verb>& Verbs();

}  // namespace spawner::cli

#endif  // SPAWNER_CLI_VERB_H_
