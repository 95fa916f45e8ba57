#include "cli/session_verbs.h"

#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/random.h"
#include "base/version.h"
#include "cli/request.h"

namespace spawner::cli {
namespace {

constexpr int kPageSize = 500;
constexpr int kPagesMax = 1000;  // half a million sessions; more is a fault of the server's

int Fail(const Invocation& i, const grpc::Status& status, absl::string_view what) {
  i.surroundings.err(absl::StrCat(ErrorText(status, what, i.client.address()), "\n"));
  return ExitCodeOf(status);
}

int Usage(const Invocation& i, absl::string_view why) {
  i.surroundings.err(absl::StrCat(why, "\n"));
  return kUsage;
}

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

// The one session that the line names, by ID or by --key.
grpc::Status Named(const Invocation& i, v1::Session* session) {
  std::vector<std::string> names = i.arguments.positionals;
  if (names.size() == 2 && (names[0] == "session" || names[0] == "sessions")) {
    names.erase(names.begin());
  }
  if (i.arguments.Has("key") && names.empty()) {
    std::vector<v1::Session> found;
    const grpc::Status status = FindByKey(i, i.arguments.Get("key"), &found);
    if (status.ok()) *session = found.front();
    return status;
  }
  if (names.size() != 1) {
    return {grpc::StatusCode::INVALID_ARGUMENT, "name one session: its ID, or --key=KEY"};
  }
  const auto epoch = i.arguments.Int("epoch");
  if (!epoch.ok()) {
    return {grpc::StatusCode::INVALID_ARGUMENT, std::string(epoch.status().message())};
  }
  return GetOne(i, names[0], static_cast<uint64_t>(epoch->value_or(0)), session);
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

grpc::Status CallConnect(const Invocation& i, v1::ConnectRequest request,
                         v1::ConnectResponse* response) {
  if (request.grant().user().empty()) {
    request.mutable_grant()->set_user(i.surroundings.environment("USER"));
  }
  // A retry inside gRPC must not create a second session without a key.
  request.set_request_id(SystemRandom().Base32(26));
  return i.client.Call(
      "connect",
      [&](auto* context, auto* queue) {
        return i.client.sessions().AsyncConnect(context, request, queue);
      },
      response);
}

// One line for each change until `is_last` says so, or the stream ends.
grpc::Status Follow(const Invocation& i, const std::function<bool(const v1::Session&)>& is_wanted,
                    const std::function<bool(const v1::WatchSessionsResponse&)>& on_event) {
  v1::WatchSessionsRequest request;
  request.set_parent(absl::StrCat("namespaces/", i.ns));
  return i.client.Read<v1::WatchSessionsResponse>(
      [&](auto* context, auto* queue) {
        return i.client.sessions().AsyncWatchSessions(context, request, queue, nullptr);
      },
      [&](const v1::WatchSessionsResponse& event) {
        const bool is_bookmark = event.type() == v1::WatchSessionsResponse::BOOKMARK;
        return is_bookmark || !is_wanted(event.session()) || on_event(event);
      });
}

// Rows without a heading, in columns of a fixed width: a stream has no widest cell.
std::string EventLine(const v1::WatchSessionsResponse& event, absl::Time now) {
  const auto rows = SessionRows({event.session()}, false, now);
  std::string line = event.type() == v1::WatchSessionsResponse::DELETED ? "gone  " : "";
  for (size_t c = 0; c < rows[1].size(); ++c) {
    const size_t width = std::vector<size_t>{28, 20, 13, 26, 13, 8}[c];
    line.append(rows[1][c]);
    line.append(rows[1][c].size() < width ? width - rows[1][c].size() : 1, ' ');
  }
  line.erase(line.find_last_not_of(' ') + 1);
  return line + "\n";
}

}  // namespace

int Connect(const Invocation& i) {
  auto request = MakeConnectRequest(i.arguments, i.ns);
  if (!request.ok()) return Usage(i, request.status().message());
  if (request->key().name().empty() && !request->has_spec()) {
    return Usage(i,
                 "connect: name a session by --key=KEY, and what to run by --image=IMAGE or "
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

int RunSession(const Invocation& i) {
  auto request = MakeConnectRequest(i.arguments, i.ns);
  if (!request.ok()) return Usage(i, request.status().message());
  if (!request->has_spec()) return Usage(i, "run: say what by --image=IMAGE or -- COMMAND");
  v1::ConnectResponse response;
  grpc::Status status = CallConnect(i, *std::move(request), &response);
  if (!status.ok()) return Fail(i, status, "run");
  const v1::Session& started = response.session();
  i.surroundings.out(absl::StrCat(response.url(), "\n"));
  i.surroundings.err(absl::StrCat("run: ", started.name(), "; Ctrl-C ends it\n"));

  v1::Session last = started;
  status = Follow(
      i,
      [&](const v1::Session& session) {
        return session.name() == started.name() && session.epoch() == started.epoch();
      },
      [&](const v1::WatchSessionsResponse& event) {
        last = event.session();
        i.surroundings.err(EventLine(event, i.surroundings.now()));
        return last.state() != v1::TERMINATED;
      });
  if (i.surroundings.interrupted->exchange(false)) {
    v1::TerminateSessionRequest end;
    end.set_name(started.name());
    end.set_epoch(started.epoch());
    v1::Session ended;
    status = i.client.Call(
        "terminate",
        [&](auto* context, auto* queue) {
          return i.client.sessions().AsyncTerminateSession(context, end, queue);
        },
        &ended);
    return status.ok() ? kInterrupted : Fail(i, status, "run: terminate");
  }
  if (!status.ok()) return Fail(i, status, "run");
  return last.exit_code() == 0 && last.reason() != v1::START_TIMEOUT ? kOk : kFailed;
}

int Get(const Invocation& i) {
  std::vector<std::string> what = i.arguments.positionals;
  const bool names_kind = !what.empty() && (what[0] == "session" || what[0] == "sessions");
  if (names_kind) what.erase(what.begin());
  if (what.size() == 1) {
    v1::Session session;
    const grpc::Status status = Named(i, &session);
    if (!status.ok()) return Fail(i, status, absl::StrCat("get session ", what[0]));
    PrintSession(i, session);
    return kOk;
  }
  if (what.size() > 1 || (!names_kind && !i.arguments.Has("key"))) {
    return Usage(i, "get: say `get sessions`, `get session ID` or `get session --key=KEY`");
  }
  std::vector<v1::Session> sessions;
  const grpc::Status status = i.arguments.Has("key")
                                  ? FindByKey(i, i.arguments.Get("key"), &sessions)
                                  : List(i, i.arguments.Get("filter"), &sessions);
  if (!status.ok()) return Fail(i, status, "get sessions");
  PrintSessions(i, sessions);
  if (sessions.empty()) i.surroundings.err("no sessions; `spawnctl connect` starts one\n");
  return kOk;
}

int DescribeSession(const Invocation& i) {
  v1::Session session;
  const grpc::Status status = Named(i, &session);
  if (!status.ok()) return Fail(i, status, "describe");
  if (i.format == Format::kTable || i.format == Format::kWide) {
    i.surroundings.out(Describe(session, i.surroundings.now()));
  } else {
    PrintSession(i, session);
  }
  return kOk;
}

int Watch(const Invocation& i) {
  std::vector<std::string> what = i.arguments.positionals;
  if (!what.empty() && (what[0] == "session" || what[0] == "sessions")) what.erase(what.begin());
  if (what.size() > 1) return Usage(i, "watch: name one session, or none for all");
  const std::string name = what.empty() ? "" : SessionName(what[0], i.ns);
  const grpc::Status status = Follow(
      i,
      [&](const v1::Session& session) {
        return (name.empty() || session.name() == name) &&
               (!i.arguments.Has("key") || session.key().name() == i.arguments.Get("key"));
      },
      [&](const v1::WatchSessionsResponse& event) {
        i.surroundings.out(i.format == Format::kJson   ? ToJsonLine(event)
                           : i.format == Format::kYaml ? absl::StrCat("---\n", ToYaml(event))
                           : i.format == Format::kName ? absl::StrCat(event.session().name(), "\n")
                                                       : EventLine(event, i.surroundings.now()));
        return true;
      });
  if (i.surroundings.interrupted->load()) return kInterrupted;
  return status.ok() ? static_cast<int>(kOk) : Fail(i, status, "watch");
}

int Terminate(const Invocation& i) {
  v1::Session session;
  grpc::Status status = Named(i, &session);
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

int ShowStatus(const Invocation& i) {
  v1::GetStatusResponse response;
  const grpc::Status status = i.client.Call(
      "status",
      [&](auto* context, auto* queue) {
        return i.client.admin().AsyncGetStatus(context, v1::GetStatusRequest(), queue);
      },
      &response);
  if (!status.ok()) return Fail(i, status, "status");
  if (i.format == Format::kJson) {
    i.surroundings.out(ToJson(response));
  } else if (i.format == Format::kYaml) {
    i.surroundings.out(ToYaml(response));
  } else {
    i.surroundings.out(DescribeStatus(response, i.surroundings.now()));
  }
  return kOk;
}

int ShowVersion(const Invocation& i) {
  i.surroundings.out(absl::StrCat("spawnctl ", kVersion, "\n"));
  if (i.arguments.Has("client")) return kOk;
  v1::GetStatusResponse response;
  const grpc::Status status = i.client.Call(
      "version",
      [&](auto* context, auto* queue) {
        return i.client.admin().AsyncGetStatus(context, v1::GetStatusRequest(), queue);
      },
      &response);
  if (!status.ok()) return Fail(i, status, "controller's version (--client asks none)");
  i.surroundings.out(absl::StrCat("controller ", response.version(), "\n"));
  return kOk;
}

}  // namespace spawner::cli
