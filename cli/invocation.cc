#include "cli/invocation.h"

#include "absl/strings/str_cat.h"

namespace spawner::cli {

int Fail(const Invocation& invocation, const grpc::Status& status, absl::string_view what) {
  invocation.surroundings.err(
      absl::StrCat(ErrorText(status, what, invocation.client.address()), "\n"));
  return ExitCodeOf(status);
}

int Usage(const Invocation& invocation, absl::string_view why) {
  invocation.surroundings.err(absl::StrCat(invocation.verb, ": ", why, "\n  `spawnctl ",
                                           invocation.verb, " --help` says more\n"));
  return kUsage;
}

}  // namespace spawner::cli
