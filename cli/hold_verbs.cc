#include "absl/strings/str_cat.h"
#include "cli/find_session.h"
#include "cli/times.h"
#include "cli/verb_list.h"

namespace spawner::cli {
namespace {

// Who holds if nobody is named: the same for `hold` and `release` of one person.
std::string Owner(const Invocation& i) {
  const std::string user = i.surroundings.environment("USER");
  return i.arguments.Get("owner", user.empty() ? "spawnctl" : absl::StrCat("spawnctl/", user));
}

int KeepAlive(const Invocation& i, absl::Duration ttl) {
  v1::KeepAliveRequest request;
  uint64_t epoch = 0;
  grpc::Status status = NameNamed(i, request.mutable_name(), &epoch);
  if (!status.ok()) return Fail(i, status, i.verb);
  request.set_epoch(epoch);
  request.set_owner(Owner(i));
  request.set_reason(i.arguments.Get("reason"));
  *request.mutable_ttl() = DurationProto(ttl);
  v1::KeepAliveResponse response;
  status = i.client.Ask(i.verb, i.client.sessions(), &v1::Sessions::Stub::AsyncKeepAlive, request,
                        &response);
  if (!status.ok()) return Fail(i, status, i.verb);
  const std::string text =
      ttl == absl::ZeroDuration()
          ? absl::StrCat(request.owner(), " holds ", request.name(), " no longer\n")
          : absl::StrCat("held by ", request.owner(), " until ",
                         When(response.expire_time(), i.surroundings.now()), "\n");
  Print(i, response, text, request.name());
  if (response.capped()) Tell(i, "the session's policy (hold_max) allows no longer than that");
  return kOk;
}

int Hold(const Invocation& i) {
  const auto ttl = i.arguments.Duration("for");
  if (!ttl.ok()) return Usage(i, ttl.status().message());
  if (!ttl->has_value() || **ttl <= absl::ZeroDuration()) {
    return Usage(i, "say how long: --for=30m; `spawnctl release` ends it earlier");
  }
  return KeepAlive(i, **ttl);
}

int Release(const Invocation& i) { return KeepAlive(i, absl::ZeroDuration()); }

Flag OwnerFlag() { return {"owner", "NAME", "who holds it; default spawnctl/$USER"}; }

}  // namespace

Verb HoldVerb() {
  return {.name = "hold",
          .group = Group::kSessions,
          .usage = "hold (ID | --key=KEY) --for=DURATION",
          .help = "keep a session alive although nobody is connected",
          .details =
              "A hold has an owner: a second one of the same owner replaces the first. It "
              "survives restarts, and ends by itself. It does not lift the session's "
              "lifetime limit, and `terminate` ends what is held.",
          .examples =
              "hold --key=document-42 --for=30m --reason='export is running'\n"
              "hold 4x7k... --for=8h --owner=night-shift",
          .flags = {KeyFlag(),
                    {"for", "DURATION", "how long from now; cut to the session's hold_max"},
                    OwnerFlag(),
                    {"reason", "TEXT", "shown by `spawnctl why`"},
                    {"epoch", "N", "only if this is its incarnation"}},
          .words_max = 2,
          .words = Words::kSession,
          .run = Hold};
}

Verb ReleaseVerb() {
  return {.name = "release",
          .group = Group::kSessions,
          .usage = "release (ID | --key=KEY)",
          .help = "end a hold before its time",
          .details = "Only the hold of one owner: `spawnctl why` lists who holds a session.",
          .examples =
              "release --key=document-42\n"
              "release 4x7k... --owner=night-shift",
          .flags = {KeyFlag(), OwnerFlag(), {"epoch", "N", "only if this is its incarnation"}},
          .words_max = 2,
          .words = Words::kSession,
          .run = Release};
}

}  // namespace spawner::cli
