#include "absl/time/time.h"
#include "cli/find_session.h"
#include "cli/times.h"
#include "cli/verb_list.h"

namespace spawner::cli {
namespace {

int ShowLogs(const Invocation& i) {
  v1::StreamLogsRequest request;
  request.set_follow(i.arguments.Has("follow"));
  const auto tail = i.arguments.Int("tail");
  if (!tail.ok()) return Usage(i, tail.status().message());
  if (tail->has_value()) {
    if (**tail < 0) return Usage(i, "--tail: a number of lines, 0 or more");
    request.set_tail_lines(**tail);
  }
  const auto since = i.arguments.Duration("since");
  if (!since.ok()) return Usage(i, since.status().message());
  if (since->has_value()) {
    if (**since <= absl::ZeroDuration()) return Usage(i, "--since: a duration above 0, such as 5m");
    *request.mutable_since() = DurationProto(**since);
  }
  if (i.arguments.Has("previous") && i.arguments.Has("epoch")) {
    return Usage(i, "--previous is the one before the newest: not with --epoch");
  }
  v1::Session session;
  grpc::Status status = FindNamed(i, &session);
  if (!status.ok()) return Fail(i, status, "logs");
  request.set_name(session.name());
  request.set_previous(i.arguments.Has("previous"));
  if (!request.previous()) request.set_epoch(session.epoch());
  status = i.client.Read<v1::StreamLogsResponse>(
      [&](auto* context, auto* queue) {
        return i.client.sessions().AsyncStreamLogs(context, request, queue, nullptr);
      },
      [&](v1::StreamLogsResponse& response) {
        i.surroundings.out(response.content());
        return true;
      });
  if (i.surroundings.interrupted->load()) return kInterrupted;
  return status.ok() ? kOk : Fail(i, status, "logs");
}

}  // namespace

Verb LogsVerb() {
  return {.name = "logs",
          .group = Group::kSessions,
          .usage = "logs (ID | --key=KEY) [--previous]",
          .help = "what a session's backend has written; also after its end",
          .details =
              "Standard output and error as they are. With -f it goes on until the backend "
              "exits, and may begin before it has started. --previous shows the session of "
              "the key before the newest: why did it crash?",
          .examples =
              "logs --key=document-42 --tail=20 -f\n"
              "logs --key=document-42 --previous",
          .flags = {KeyFlag(),
                    EpochFlag(),
                    {"follow", nullptr, "go on until the backend exits", 'f'},
                    {"tail", "N", "only the last N lines"},
                    {"since", "DURATION", "only what is younger, such as 5m"},
                    {"previous", nullptr, "of the session before the newest", 'p'}},
          .words_max = 2,
          .words = Words::kSession,
          .run = ShowLogs};
}

}  // namespace spawner::cli
