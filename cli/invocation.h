#ifndef SPAWNER_CLI_INVOCATION_H_
#define SPAWNER_CLI_INVOCATION_H_

#include <string>

#include "absl/strings/string_view.h"
#include "cli/arguments.h"
#include "cli/client.h"
#include "cli/output.h"
#include "cli/progress.h"
#include "cli/surroundings.h"

namespace spawner::cli {

// What every verb gets: the parsed line and the controller to ask.
struct Invocation {
  const Arguments& arguments;
  const Surroundings& surroundings;
  Client& client;
  Progress& progress;
  std::string verb;
  std::string ns;
  Format format = Format::kTable;

  bool IsForPeople() const { return format == Format::kTable || format == Format::kWide; }
};

// Says on stderr what failed at `what` ("get session") and what to do; the exit code.
int Fail(const Invocation& invocation, const grpc::Status& status, absl::string_view what);

// The line makes no sense, because of `why`; the exit code.
int Usage(const Invocation& invocation, absl::string_view why);

// Writes an answer as -o says: `text` for people, `name` for -o name.
void Print(const Invocation& invocation, const google::protobuf::Message& message,
           absl::string_view text, absl::string_view name);

// A line for people on stderr, after the verb's name: a hint, a notice.
void Tell(const Invocation& invocation, absl::string_view line);

// Whether to go on: --yes, or "yes" typed at a terminal. Otherwise it has said why not.
bool IsConfirmed(const Invocation& invocation, absl::string_view question);

}  // namespace spawner::cli

#endif  // SPAWNER_CLI_INVOCATION_H_
