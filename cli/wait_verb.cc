#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "cli/find_session.h"
#include "cli/resources.h"
#include "cli/start_progress.h"
#include "cli/times.h"
#include "cli/verb_list.h"

namespace spawner::cli {
namespace {

constexpr absl::Duration kDefault = absl::Minutes(10);
// The controller's answer, which names the phase, is worth more than our own "too late".
constexpr absl::Duration kSpare = absl::Seconds(5);

// False: a word is no state.
bool ReadStates(const std::string& text, v1::WaitSessionRequest* request) {
  for (absl::string_view word : absl::StrSplit(text, ',', absl::SkipWhitespace())) {
    v1::SessionState state;
    if (!v1::SessionState_Parse(absl::AsciiStrToUpper(word), &state) ||
        state == v1::SESSION_STATE_UNSPECIFIED) {
      return false;
    }
    request->add_states(state);
  }
  return true;
}

int Wait(const Invocation& i) {
  v1::WaitSessionRequest request;
  if (!ReadStates(i.arguments.Get("for", "READY"), &request)) {
    return Usage(i, absl::StrCat("--for: \"", i.arguments.Get("for"),
                                 "\" is not made of PENDING, STARTING, READY, DRAINING, "
                                 "TERMINATING, TERMINATED"));
  }
  const absl::Duration timeout = i.arguments.Duration("timeout")->value_or(kDefault);
  *request.mutable_timeout() = DurationProto(timeout);
  uint64_t epoch = 0;
  grpc::Status status = NameNamed(i, request.mutable_name(), &epoch);
  if (!status.ok()) return Fail(i, status, "wait");
  request.set_epoch(epoch);
  StartProgress progress;
  const Progress::Detail detail(i.progress, [&] {
    LookAt(i, request.name(), &progress);
    return progress.Line(i.surroundings.now());
  });
  v1::Session session;
  status = i.client.Ask("wait", i.client.sessions(), &v1::Sessions::Stub::AsyncWaitSession, request,
                        &session, i.client.CallDeadline(timeout + kSpare));
  if (!status.ok()) return Fail(i, status, "wait");
  PrintSession(i, session);
  return kOk;
}

}  // namespace

Verb WaitVerb() {
  return {.name = "wait",
          .group = Group::kSessions,
          .usage = "wait (ID | --key=KEY) [--for=STATE[,STATE...]]",
          .help = "return when a session is in a state",
          .details =
              "By default until it is READY, for at most 10 minutes (--timeout). If it ends "
              "while another state is waited for, the exit code is 5 and the reason is "
              "said; if the time is over, 124 and the phase it hangs in.",
          .examples =
              "wait --key=document-42\n"
              "wait 4x7k... --for=TERMINATED --timeout=30s",
          .flags = {KeyFlag(),
                    EpochFlag(),
                    {.name = "for",
                     .placeholder = "STATES",
                     .help = "with commas; default READY",
                     .values = "PENDING|STARTING|READY|DRAINING|TERMINATING|TERMINATED"}},
          .words_max = 2,
          .words = Words::kSession,
          .run = Wait};
}

}  // namespace spawner::cli
