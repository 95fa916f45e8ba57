#include <algorithm>
#include <functional>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "cli/find_session.h"
#include "cli/resources.h"
#include "cli/verb_list.h"

namespace spawner::cli {
namespace {

int GetSession(const Invocation& i) {
  v1::Session session;
  const grpc::Status status = FindNamed(i, &session);
  if (!status.ok()) return Fail(i, status, "get session");
  PrintSession(i, session);
  return kOk;
}

int GetSessions(const Invocation& i) {
  std::vector<v1::Session> sessions;
  const grpc::Status status = i.arguments.Has("key")
                                  ? FindByKey(i, i.arguments.Get("key"), &sessions)
                                  : ListSessions(i, i.arguments.Get("filter"), &sessions);
  if (!status.ok()) return Fail(i, status, "get sessions");
  PrintSessions(i, sessions);
  if (sessions.empty()) i.surroundings.err("no sessions; `spawnctl connect` starts one\n");
  return kOk;
}

int Get(const Invocation& i) {
  const std::vector<std::string>& words = i.arguments.positionals;
  const bool has_key = i.arguments.Has("key");
  const Resource* resource = words.empty() ? nullptr : FindResource(words[0]);
  const bool is_session = resource == nullptr || resource->kind == Resource::Kind::kSession;
  if (resource != nullptr && !is_session) {
    if (has_key) return Usage(i, "--key names a session; say `get session --key=KEY`");
    return words.size() > 1 ? GetOther(i, *resource, words[1]) : ListOther(i, *resource);
  }
  const size_t names = words.size() - (resource == nullptr ? 0 : 1);
  // `get session --key=KEY` is one, `get sessions --key=KEY` all incarnations that are kept.
  const bool is_one =
      names == 1 || (has_key && names == 0 && (resource == nullptr || words[0] == "session"));
  if (is_one) return GetSession(i);
  if (names == 0 && resource != nullptr) return GetSessions(i);
  return Usage(i, "say `get sessions`, `get session ID` or `get session --key=KEY`");
}

int DescribeSession(const Invocation& i) {
  v1::Session session;
  const grpc::Status status = FindNamed(i, &session);
  if (!status.ok()) return Fail(i, status, "describe");
  Print(i, session, Describe(session, i.surroundings.now()), session.name());
  return kOk;
}

int DescribeAny(const Invocation& i) {
  const std::vector<std::string>& words = i.arguments.positionals;
  const Resource* resource = words.empty() ? nullptr : FindResource(words[0]);
  if (resource == nullptr && words.size() == 2) {
    return Usage(i, absl::StrCat("\"", words[0], "\" is not session, template or proxy"));
  }
  if (resource == nullptr || resource->kind == Resource::Kind::kSession) return DescribeSession(i);
  if (words.size() != 2) {
    return Usage(i, absl::StrCat("name one ", resource->one, ": describe ", resource->one,
                                 " NAME; `spawnctl get ", resource->many, "` lists them"));
  }
  return DescribeOther(i, *resource, words[1]);
}

}  // namespace

Verb GetVerb() {
  return {.name = "get",
          .group = Group::kSessions,
          .usage =
              "get sessions [--key=KEY | --filter=FILTER]\n"
              "get session (ID | --key=KEY)\n"
              "get (proxies | templates | quotas) [NAME]",
          .help = "list sessions, proxies, templates or quotas, or show one",
          .details =
              "Ended sessions are listed until their retention is over.\n\n"
              "A filter is made of terms joined by AND: state=READY, key:PREFIX, "
              "labels.NAME=VALUE.",
          .examples =
              "get sessions\n"
              "get sessions --filter='state=READY AND key:document-'\n"
              "get session --key=document-42 -o yaml\n"
              "get proxies -o wide",
          .flags = {KeyFlag(),
                    EpochFlag(),
                    {"filter", "FILTER", "state=READY AND key:PREFIX AND labels.NAME=VALUE"}},
          .words_max = 2,
          .words = Words::kResource,
          .run = Get};
}

Verb DescribeVerb() {
  return {.name = "describe",
          .group = Group::kSessions,
          .usage =
              "describe session (ID | --key=KEY)\n"
              "describe (template | proxy) NAME",
          .help = "all that is known of one session, template or proxy",
          .details =
              "One fact a line. `spawnctl why` tells the story instead: who uses it, what "
              "comes next, what happened.",
          .examples =
              "describe session --key=document-42\n"
              "describe template editor",
          .flags = {KeyFlag(), EpochFlag()},
          .words_max = 2,
          .words = Words::kResource,
          .run = DescribeAny};
}

}  // namespace spawner::cli
