#include <utility>

#include "absl/strings/str_cat.h"
#include "base/random.h"
#include "cli/connect.h"
#include "cli/request.h"
#include "cli/retry.h"
#include "cli/start_progress.h"
#include "cli/verb_list.h"

namespace spawner::cli {
namespace {

int Connect(const Invocation& i) {
  auto request = MakeConnectRequest(i.arguments, i.ns);
  if (!request.ok()) return Usage(i, request.status().message());
  if (request->key().name().empty() && !request->has_spec()) {
    return Usage(i,
                 "name a session by --key=KEY, and what to run by --image=IMAGE or "
                 "-- COMMAND if it may not be live");
  }
  v1::ConnectResponse response;
  const grpc::Status status = CallConnect(i, *std::move(request), &response);
  if (!status.ok()) return Fail(i, status, "connect");
  Print(i, response, absl::StrCat(response.url(), "\n"), response.session().name());
  i.surroundings.err(
      absl::StrCat(response.created() ? "created " : "live: ", response.session().name(), "\n"));
  return kOk;
}

}  // namespace

grpc::Status CallConnect(const Invocation& i, v1::ConnectRequest request,
                         v1::ConnectResponse* response) {
  if (request.grant().user().empty()) {
    request.mutable_grant()->set_user(i.surroundings.environment("USER"));
  }
  // A retry inside gRPC must not create a second session without a key.
  if (request.request_id().empty()) request.set_request_id(SystemRandom().Base32(26));
  const absl::Time deadline = i.client.CallDeadline();
  StartProgress start;
  const Progress::Detail detail(i.progress, [&] {
    if (!request.key().name().empty()) LookAtKey(i, request.key().name(), &start);
    return start.Line(i.surroundings.now());
  });
  Retry retry;
  for (bool is_lost = false;; is_lost = true) {
    const grpc::Status status =
        i.client.Ask("connect", i.client.sessions(), &v1::Sessions::Stub::AsyncConnect, request,
                     response, deadline);
    if (const std::string phases = start.Summary(i.surroundings.now());
        status.ok() && !phases.empty()) {
      i.surroundings.err(absl::StrCat("ready after ", phases, "\n"));
    }
    // The request's id makes it the same Connect, whoever leads by now.
    const bool is_ours_to_repeat = status.error_code() == grpc::StatusCode::UNAVAILABLE &&
                                   request.wait_for() == v1::WAIT_FOR_READY &&
                                   (is_lost || i.client.WasReached());
    const absl::Duration wait = is_ours_to_repeat ? retry.Next(status) : absl::ZeroDuration();
    if (wait == absl::ZeroDuration() || deadline - i.surroundings.now() < wait) {
      return status;
    }
    if (!is_lost) Tell(i, LostNotice(status, i.client.address()));
    if (!i.client.Pause(wait)) return {grpc::StatusCode::CANCELLED, "interrupted"};
  }
}

Verb ConnectVerb() {
  return {.name = "connect",
          .group = Group::kSessions,
          .usage = "connect --key=KEY [--image=IMAGE | --template=NAME | -- COMMAND...]",
          .help = "get or start the session of a key; prints its URL",
          .details =
              "The URL works at once: requests wait at the proxy until the backend is ready. It "
              "carries a token for one user: whoever has it may use the session.\n\n"
              "If the session of the key is live, nothing is started and what follows about what "
              "to run is ignored. Without a key a new session starts each time.\n\n"
              "Standard output has the URL alone: open \"$(spawnctl connect -k x)\".",
          .examples =
              "connect --key=document-42 --image=registry.example/editor:7\n"
              "connect --key=document-42 --user=ada\n"
              "connect --key=scratch --wait --grace=30s -- python3 -m http.server 8080",
          .flags = ConnectFlags(),
          .takes_command = true,
          .run = Connect};
}

}  // namespace spawner::cli
