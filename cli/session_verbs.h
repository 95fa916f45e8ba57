#ifndef SPAWNER_CLI_SESSION_VERBS_H_
#define SPAWNER_CLI_SESSION_VERBS_H_

#include <string>

#include "cli/arguments.h"
#include "cli/client.h"
#include "cli/output.h"
#include "cli/verbs.h"

namespace spawner::cli {

// What every verb gets: the parsed line and the controller to ask.
struct Invocation {
  const Arguments& arguments;
  const Surroundings& surroundings;
  Client& client;
  std::string ns;
  Format format = Format::kTable;
};

// Each returns an exit code, having written its data or its error.
int Connect(const Invocation& invocation);
// Connects with a key of its own, follows the session until it ends; SIGINT ends the session.
int RunSession(const Invocation& invocation);
int Get(const Invocation& invocation);
int DescribeSession(const Invocation& invocation);
int Watch(const Invocation& invocation);
int Terminate(const Invocation& invocation);
int ShowStatus(const Invocation& invocation);
int ShowVersion(const Invocation& invocation);

}  // namespace spawner::cli

#endif  // SPAWNER_CLI_SESSION_VERBS_H_
