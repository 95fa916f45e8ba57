#include "cli/find_session.h"
#include "cli/verb_list.h"
#include "cli/why_page.h"

namespace spawner::cli {
namespace {

int Why(const Invocation& i) {
  v1::ExplainSessionRequest request;
  uint64_t epoch = 0;
  grpc::Status status = NameNamed(i, request.mutable_name(), &epoch);
  if (!status.ok()) return Fail(i, status, "why");
  request.set_epoch(epoch);
  v1::ExplainSessionResponse response;
  status = i.client.Ask("why", i.client.sessions(), &v1::Sessions::Stub::AsyncExplainSession,
                        request, &response);
  if (!status.ok()) return Fail(i, status, "why");
  const std::string page =
      i.IsForPeople() ? WhyPage(response, i.surroundings.now(), i.surroundings.UseColour()) : "";
  Print(i, response, page, response.session().name());
  return kOk;
}

}  // namespace

Verb WhyVerb() {
  return {.name = "why",
          .group = Group::kSessions,
          .usage = "why (ID | --key=KEY)",
          .help = "why a session is alive, or why it ended, and what comes next",
          .details =
              "A page for a person in trouble. First the verdict: what the session does next, and "
              "when, if nothing happens; or how it ended. Then who holds it (each proxy's "
              "connections, with age, bytes and peer; holds), its deadlines, its last transitions "
              "with their causes, and what Kubernetes said of its pod.",
          .examples =
              "why --key=document-42\n"
              "why 4x7k... --epoch=3\n"
              "why 4x7k... -o json | jq .transitions",
          .flags = {KeyFlag(), EpochFlag()},
          .words_max = 2,
          .words = Words::kSession,
          .run = Why};
}

}  // namespace spawner::cli
