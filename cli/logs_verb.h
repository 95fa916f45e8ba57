#ifndef SPAWNER_CLI_LOGS_VERB_H_
#define SPAWNER_CLI_LOGS_VERB_H_

#include "cli/invocation.h"

namespace spawner::cli {

// Writes a session's log as it is; with --follow until the backend exits or SIGINT.
int ShowLogs(const Invocation& invocation);

}  // namespace spawner::cli

#endif  // SPAWNER_CLI_LOGS_VERB_H_
