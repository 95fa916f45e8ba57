#include "controller/session/visitor_message.h"

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"

namespace spawner {
namespace {

std::string WithExitCode(absl::string_view sentence, std::optional<int32_t> exit_code) {
  if (!exit_code.has_value()) return absl::StrCat(sentence, ".");
  return absl::StrCat(sentence, " (exit code ", *exit_code, ").");
}

}  // namespace

std::string VisitorMessage(EndReason reason, std::optional<int32_t> exit_code,
                           const SessionSpec& spec) {
  switch (reason) {
    case EndReason::kNone:
      break;
    case EndReason::kIdle:
    case EndReason::kIdleUnconfirmed:
      return "The session has ended: nobody was connected any more.";
    case EndReason::kRequested:
      return "The session was ended on request.";
    case EndReason::kMaxLifetime:
      return absl::StrCat("The session has ended: it may last ",
                          absl::FormatDuration(spec.lifetime.max), " at most.");
    case EndReason::kExited:
      return WithExitCode("The session's program has left", exit_code);
    case EndReason::kCrashed:
      return WithExitCode("The session's program has crashed", exit_code);
    case EndReason::kOomKilled:
      return "The session has ended: it needed more memory than it may have.";
    case EndReason::kStartTimeout:
      return absl::StrCat("The session could not be started: it was not ready within ",
                          absl::FormatDuration(spec.lifetime.start_timeout), ".");
    case EndReason::kImagePullFailed:
      return "The session could not be started: its container image could not be fetched.";
    case EndReason::kUnschedulable:
      return "The session could not be started: the cluster had no room for it.";
    case EndReason::kNodeLost:
      return "The session has ended: the machine that it ran on does not answer any more.";
    case EndReason::kEvicted:
      return "The session has ended: the cluster took it off its machine.";
    case EndReason::kDeleted:
      return "The session has ended: somebody deleted it in the cluster.";
    case EndReason::kReplaced:
      return "The session has ended: a newer one took its place.";
    case EndReason::kInternal:
      return "The session has ended by a fault that was not its own.";
  }
  return "The session has ended.";
}

}  // namespace spawner
