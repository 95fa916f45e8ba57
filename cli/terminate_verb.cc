#include "cli/find_session.h"
#include "cli/resources.h"
#include "cli/verb_list.h"

namespace spawner::cli {
namespace {

int Terminate(const Invocation& i) {
  v1::Session session;
  uint64_t epoch = 0;
  grpc::Status status = FindNewestNamed(i, &session, &epoch);
  if (!status.ok()) return Fail(i, status, "terminate");
  v1::TerminateSessionRequest request;
  request.set_name(session.name());
  request.set_hard(i.arguments.Has("hard"));
  request.set_only_if_idle(i.arguments.Has("only-if-idle"));
  request.set_etag(i.arguments.Get("etag"));
  request.set_epoch(epoch);
  v1::Session ended;
  status = i.client.Ask("terminate", i.client.sessions(),
                        &v1::Sessions::Stub::AsyncTerminateSession, request, &ended);
  if (!status.ok()) return Fail(i, status, "terminate");
  PrintSession(i, ended);
  return kOk;
}

}  // namespace

Verb TerminateVerb() {
  return {.name = "terminate",
          .group = Group::kSessions,
          .usage = "terminate (ID | --key=KEY)",
          .help = "end a session",
          .details =
              "The backend gets SIGTERM, and SIGKILL when its stop grace is over. The command "
              "returns when the end is durable; the backend may still be stopping: "
              "`spawnctl wait ID --for=TERMINATED`.",
          .examples =
              "terminate --key=document-42 --only-if-idle\n"
              "terminate 4x7k... --hard",
          .flags = {KeyFlag(),
                    {"epoch", "N", "only if this is its incarnation"},
                    {"etag", "ETAG", "only if it has not changed since"},
                    {"hard", nullptr, "SIGKILL at once"},
                    {"only-if-idle", nullptr, "not while anybody is connected"}},
          .words_max = 2,
          .words = Words::kSession,
          .run = Terminate};
}

}  // namespace spawner::cli
