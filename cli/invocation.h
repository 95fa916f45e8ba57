#ifndef SPAWNER_CLI_INVOCATION_H_
#define SPAWNER_CLI_INVOCATION_H_

#include <string>

#include "absl/strings/string_view.h"
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
  std::string verb;
  std::string ns;
  Format format = Format::kTable;
};

// Says on stderr what failed at `what` ("get session") and what to do; the exit code.
int Fail(const Invocation& invocation, const grpc::Status& status, absl::string_view what);

// The line makes no sense, because of `why`; the exit code.
int Usage(const Invocation& invocation, absl::string_view why);

}  // namespace spawner::cli

#endif  // SPAWNER_CLI_INVOCATION_H_
