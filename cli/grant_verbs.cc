#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/random.h"
#include "cli/find_session.h"
#include "cli/request.h"
#include "cli/times.h"
#include "cli/verb_list.h"

namespace spawner::cli {
namespace {

int CreateGrant(const Invocation& i) {
  v1::CreateGrantRequest request;
  const absl::Status filled = FillGrant(i.arguments, request.mutable_grant());
  if (!filled.ok()) return Usage(i, filled.message());
  if (request.grant().user().empty()) return Usage(i, "say for whom: --user=USER");
  uint64_t epoch = 0;
  grpc::Status status = NameNamed(i, request.mutable_name(), &epoch);
  if (!status.ok()) return Fail(i, status, i.verb);
  request.set_request_id(i.arguments.Get("request-id"));
  if (request.request_id().empty()) request.set_request_id(SystemRandom().Base32(26));
  v1::CreateGrantResponse response;
  status = i.client.Ask(i.verb, i.client.sessions(), &v1::Sessions::Stub::AsyncCreateGrant, request,
                        &response);
  if (!status.ok()) return Fail(i, status, i.verb);
  Print(i, response, absl::StrCat(response.url(), "\n"), response.grant_id());
  Tell(i, absl::StrCat("grant ", response.grant_id(), " for ", request.grant().user(),
                       ", good until ", When(response.expire_time(), i.surroundings.now())));
  return kOk;
}

int RevokeGrant(const Invocation& i) {
  v1::RevokeGrantRequest request;
  request.set_grant_id(i.arguments.Get("grant"));
  request.set_user(i.arguments.Get("user"));
  request.set_all(i.arguments.Has("all"));
  const int named = (request.grant_id().empty() ? 0 : 1) + (request.user().empty() ? 0 : 1) +
                    (request.all() ? 1 : 0);
  if (named != 1) return Usage(i, "say which: one of --grant=ID, --user=USER and --all");
  uint64_t epoch = 0;
  grpc::Status status = NameNamed(i, request.mutable_name(), &epoch);
  if (!status.ok()) return Fail(i, status, i.verb);
  v1::RevokeGrantResponse response;
  status = i.client.Ask(i.verb, i.client.sessions(), &v1::Sessions::Stub::AsyncRevokeGrant, request,
                        &response);
  if (!status.ok()) return Fail(i, status, i.verb);
  const bool is_everywhere = response.pending_proxies().empty();
  Print(i, response, is_everywhere ? "revoked at every proxy\n" : "revoked; not yet everywhere\n",
        request.name());
  if (is_everywhere) return kOk;
  Tell(i,
       absl::StrCat("these proxies have not answered, and go on until they are connected again: ",
                    absl::StrJoin(response.pending_proxies(), ", "),
                    "\n  `spawnctl proxies` shows their links"));
  return kOk;
}

}  // namespace

Verb GrantCreateVerb() {
  std::vector<Flag> flags = GrantFlags();
  flags.insert(flags.begin(), KeyFlag());
  return {.name = "grant create",
          .group = Group::kAccess,
          .usage = "grant create (ID | --key=KEY) --user=USER",
          .help = "a URL with a token for one more user",
          .details =
              "Prints the URL. Whoever has it may use the session until it expires or is "
              "revoked; the backend sees the user's name and claims in headers.",
          .examples =
              "grant create --key=document-42 --user=grace --ttl=15m\n"
              "grant create 4x7k... --user=grace --claims='{\"role\":\"viewer\"}'",
          .flags = flags,
          .words_max = 2,
          .words = Words::kSession,
          .run = CreateGrant};
}

Verb GrantRevokeVerb() {
  return {.name = "grant revoke",
          .group = Group::kAccess,
          .usage = "grant revoke (ID | --key=KEY) (--grant=ID | --user=USER | --all)",
          .help = "end what grants of a session allow, and close their connections",
          .details =
              "Returns within 2 s, and names the proxies that have not acknowledged by then. "
              "What is revoked stays so, over restarts and the key's next sessions.",
          .examples =
              "grant revoke --key=document-42 --user=grace\n"
              "grant revoke 4x7k... --all",
          .flags = {KeyFlag(),
                    {"grant", "ID", "this grant alone"},
                    {"user", "USER", "every grant of this user issued until now"},
                    {"all", nullptr, "every grant issued until now"}},
          .words_max = 2,
          .words = Words::kSession,
          .run = RevokeGrant};
}

}  // namespace spawner::cli
