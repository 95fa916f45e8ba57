#include "cli/logs_verb.h"

#include <string>

#include "absl/time/time.h"
#include "cli/session_verbs.h"

namespace spawner::cli {

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
    absl::Duration rest;
    request.mutable_since()->set_seconds(absl::IDivDuration(**since, absl::Seconds(1), &rest));
    request.mutable_since()->set_nanos(static_cast<int32_t>(absl::ToInt64Nanoseconds(rest)));
  }
  v1::Session session;
  grpc::Status status = FindNamed(i, &session);
  if (!status.ok()) return Fail(i, status, "logs");
  request.set_name(session.name());
  request.set_epoch(session.epoch());
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

}  // namespace spawner::cli
