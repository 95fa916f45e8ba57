#include "cli/session_verbs.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/random.h"
#include "cli/request.h"
#include "cli/retry.h"

namespace spawner::cli {
namespace {

constexpr int kPageSize = 500;
constexpr int kPagesMax = 1000;  // half a million sessions; more is a fault of the server's

grpc::Status List(const Invocation& i, const std::string& filter,
                  std::vector<v1::Session>* sessions) {
  v1::ListSessionsRequest request;
  request.set_parent(absl::StrCat("namespaces/", i.ns));
  request.set_filter(filter);
  request.set_page_size(kPageSize);
  for (int page = 0; page < kPagesMax; ++page) {
    v1::ListSessionsResponse response;
    const grpc::Status status = i.client.Call(
        "list sessions",
        [&](auto* context, auto* queue) {
          return i.client.sessions().AsyncListSessions(context, request, queue);
        },
        &response);
    if (!status.ok()) return status;
    for (v1::Session& session : *response.mutable_sessions()) {
      sessions->push_back(std::move(session));
    }
    if (response.next_page_token().empty()) return grpc::Status::OK;
    request.set_page_token(response.next_page_token());
  }
  return {grpc::StatusCode::INTERNAL, "the server's pages do not end"};
}

// The sessions, live and ended, of exactly this key; the newest first.
grpc::Status FindByKey(const Invocation& i, const std::string& key,
                       std::vector<v1::Session>* found) {
  std::vector<v1::Session> all;
  if (const grpc::Status status = List(i, "", &all); !status.ok()) return status;
  for (v1::Session& session : all) {
    if (session.key().name() == key) found->push_back(std::move(session));
  }
  std::sort(found->begin(), found->end(),
            [](const v1::Session& a, const v1::Session& b) { return a.epoch() > b.epoch(); });
  if (!found->empty()) return grpc::Status::OK;
  return {grpc::StatusCode::NOT_FOUND,
          absl::StrCat("no session in namespace ", i.ns, " has the key \"", key, "\"")};
}

grpc::Status GetOne(const Invocation& i, const std::string& name, uint64_t epoch,
                    v1::Session* session) {
  v1::GetSessionRequest request;
  request.set_name(SessionName(name, i.ns));
  request.set_epoch(epoch);
  return i.client.Call(
      "get session",
      [&](auto* context, auto* queue) {
        return i.client.sessions().AsyncGetSession(context, request, queue);
      },
      session);
}

// The incarnation of `epoch` among those of one key; the newest for 0.
grpc::Status Choose(const std::vector<v1::Session>& found, uint64_t epoch, v1::Session* session) {
  for (const v1::Session& candidate : found) {
    if (epoch != 0 && candidate.epoch() != epoch) continue;
    *session = candidate;
    return grpc::Status::OK;
  }
  return {grpc::StatusCode::NOT_FOUND, absl::StrCat("no session of this key has the epoch ", epoch,
                                                    "; the newest is ", found.front().epoch())};
}

void PrintSessions(const Invocation& i, const std::vector<v1::Session>& sessions) {
  const Surroundings& s = i.surroundings;
  switch (i.format) {
    case Format::kTable:
    case Format::kWide:
      s.out(ToTable(SessionRows(sessions, i.format == Format::kWide, s.now()), s.is_terminal));
      return;
    case Format::kName:
      for (const v1::Session& session : sessions) s.out(absl::StrCat(session.name(), "\n"));
      return;
    case Format::kJson:
    case Format::kYaml: {
      v1::ListSessionsResponse list;
      for (const v1::Session& session : sessions) *list.add_sessions() = session;
      s.out(i.format == Format::kJson ? ToJson(list) : ToYaml(list));
      return;
    }
  }
}

void PrintSession(const Invocation& i, const v1::Session& session) {
  if (i.format == Format::kJson) return i.surroundings.out(ToJson(session));
  if (i.format == Format::kYaml) return i.surroundings.out(ToYaml(session));
  PrintSessions(i, {session});
}

}  // namespace

grpc::Status FindNamed(const Invocation& i, v1::Session* session) {
  std::vector<std::string> names = i.arguments.positionals;
  if (!names.empty() && IsKind(names[0])) names.erase(names.begin());
  const auto epoch = i.arguments.Int("epoch");
  if (!epoch.ok() || epoch->value_or(0) < 0) {
    return {grpc::StatusCode::INVALID_ARGUMENT, epoch.ok()
                                                    ? std::string("--epoch: must not be negative")
                                                    : std::string(epoch.status().message())};
  }
  if (i.arguments.Has("key") && names.empty()) {
    std::vector<v1::Session> found;
    const grpc::Status status = FindByKey(i, i.arguments.Get("key"), &found);
    return status.ok() ? Choose(found, static_cast<uint64_t>(epoch->value_or(0)), session) : status;
  }
  if (names.size() != 1 || i.arguments.Has("key")) {
    return {grpc::StatusCode::INVALID_ARGUMENT, "name one session: its ID, or --key=KEY"};
  }
  return GetOne(i, names[0], static_cast<uint64_t>(epoch->value_or(0)), session);
}

bool IsKind(const std::string& word) { return word == "session" || word == "sessions"; }

grpc::Status CallConnect(const Invocation& i, v1::ConnectRequest request,
                         v1::ConnectResponse* response) {
  if (request.grant().user().empty()) {
    request.mutable_grant()->set_user(i.surroundings.environment("USER"));
  }
  // A retry inside gRPC must not create a second session without a key.
  request.set_request_id(SystemRandom().Base32(26));
  const absl::Time deadline = i.client.CallDeadline();
  Retry retry;
  for (bool is_lost = false;; is_lost = true) {
    const grpc::Status status = i.client.Call(
        "connect",
        [&](auto* context, auto* queue) {
          return i.client.sessions().AsyncConnect(context, request, queue);
        },
        response, deadline);
    // The request's id makes it the same Connect, whoever leads by now.
    const bool is_ours_to_repeat = status.error_code() == grpc::StatusCode::UNAVAILABLE &&
                                   request.wait_for() == v1::WAIT_FOR_READY &&
                                   (is_lost || i.client.WasReached());
    const absl::Duration wait = is_ours_to_repeat ? retry.Next(status) : absl::ZeroDuration();
    if (wait == absl::ZeroDuration() || deadline - i.surroundings.now() < wait) {
      return status;
    }
    if (!is_lost) {
      i.surroundings.err(absl::StrCat(i.verb, ": ", LostNotice(status, i.client.address()), "\n"));
    }
    if (!i.client.Pause(wait)) return {grpc::StatusCode::CANCELLED, "interrupted"};
  }
}

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
  if (i.format == Format::kJson) {
    i.surroundings.out(ToJson(response));
  } else if (i.format == Format::kYaml) {
    i.surroundings.out(ToYaml(response));
  } else if (i.format == Format::kName) {
    i.surroundings.out(absl::StrCat(response.session().name(), "\n"));
  } else {
    i.surroundings.out(absl::StrCat(response.url(), "\n"));
  }
  i.surroundings.err(
      absl::StrCat(response.created() ? "created " : "live: ", response.session().name(), "\n"));
  return kOk;
}

int Get(const Invocation& i) {
  const std::vector<std::string>& words = i.arguments.positionals;
  const bool names_kind = !words.empty() && IsKind(words[0]);
  const size_t names = words.size() - (names_kind ? 1 : 0);
  const bool has_key = i.arguments.Has("key");
  // `get session --key=KEY` is one, `get sessions --key=KEY` all incarnations that are kept.
  if (names == 1 || (has_key && names == 0 && (!names_kind || words[0] == "session"))) {
    v1::Session session;
    const grpc::Status status = FindNamed(i, &session);
    if (!status.ok()) return Fail(i, status, "get session");
    PrintSession(i, session);
    return kOk;
  }
  if (names != 0 || !names_kind) {
    return Usage(i, "say `get sessions`, `get session ID` or `get session --key=KEY`");
  }
  std::vector<v1::Session> sessions;
  const grpc::Status status = has_key ? FindByKey(i, i.arguments.Get("key"), &sessions)
                                      : List(i, i.arguments.Get("filter"), &sessions);
  if (!status.ok()) return Fail(i, status, "get sessions");
  PrintSessions(i, sessions);
  if (sessions.empty()) i.surroundings.err("no sessions; `spawnctl connect` starts one\n");
  return kOk;
}

int DescribeSession(const Invocation& i) {
  v1::Session session;
  const grpc::Status status = FindNamed(i, &session);
  if (!status.ok()) return Fail(i, status, "describe");
  if (i.format == Format::kTable || i.format == Format::kWide) {
    i.surroundings.out(Describe(session, i.surroundings.now()));
  } else {
    PrintSession(i, session);
  }
  return kOk;
}

int Terminate(const Invocation& i) {
  v1::Session session;
  grpc::Status status = FindNamed(i, &session);
  if (!status.ok()) return Fail(i, status, "terminate");
  v1::TerminateSessionRequest request;
  request.set_name(session.name());
  request.set_hard(i.arguments.Has("hard"));
  request.set_only_if_idle(i.arguments.Has("only-if-idle"));
  if (i.arguments.Has("epoch")) request.set_epoch(session.epoch());
  v1::Session ended;
  status = i.client.Call(
      "terminate",
      [&](auto* context, auto* queue) {
        return i.client.sessions().AsyncTerminateSession(context, request, queue);
      },
      &ended);
  if (!status.ok()) return Fail(i, status, "terminate");
  PrintSession(i, ended);
  return kOk;
}

}  // namespace spawner::cli
