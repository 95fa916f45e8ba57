#include <algorithm>
#include <functional>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "cli/connect.h"
#include "cli/find_session.h"
#include "cli/request.h"
#include "cli/session_watch.h"
#include "cli/verb_list.h"
#include "google/protobuf/util/message_differencer.h"

namespace spawner::cli {
namespace {

// A row in columns of a fixed width: a stream has no widest cell.
std::string StreamLine(const std::vector<std::string>& row) {
  constexpr size_t kWidths[] = {27, 20, 12, 28, 12, 7, 20, 34, 20, 0};
  std::string line;
  for (size_t c = 0; c < row.size(); ++c) {
    const std::string cell = Printable(row[c]);
    line.append(cell);
    line.append(cell.size() < kWidths[c] ? kWidths[c] - cell.size() + 1 : 1, ' ');
  }
  line.erase(line.find_last_not_of(' ') + 1);
  return line + "\n";
}

std::string EventLine(const Invocation& i, const v1::WatchSessionsResponse& event) {
  auto rows = SessionRows({event.session()}, i.format == Format::kWide, i.surroundings.now());
  if (event.type() == v1::WatchSessionsResponse::DELETED) rows[1][2] = "GONE";
  return StreamLine(rows[1]);
}

std::string EventText(const Invocation& i, const v1::WatchSessionsResponse& event) {
  switch (i.format) {
    case Format::kJson:
      return ToJsonLine(event);
    case Format::kYaml:
      return absl::StrCat("---\n", ToYaml(event));
    case Format::kName:
      return absl::StrCat(event.session().name(), "\n");
    case Format::kTable:
    case Format::kWide:
      return EventLine(i, event);
  }
  return "";
}

std::string StreamHeading(const Invocation& i) {
  return StreamLine(SessionRows({}, i.format == Format::kWide, i.surroundings.now())[0]);
}

// For people who watch: lines that say so on stderr.
std::function<void(const std::string&)> Noticer(const Invocation& i) {
  return
      [&i](const std::string& line) { i.surroundings.err(absl::StrCat(i.verb, ": ", line, "\n")); };
}

bool LooksTheSame(const Invocation& i, const v1::Session& a, const v1::Session& b) {
  if (i.format != Format::kTable && i.format != Format::kWide) {
    return google::protobuf::util::MessageDifferencer::Equals(a, b);
  }
  const absl::Time now = i.surroundings.now();
  const bool is_wide = i.format == Format::kWide;
  return SessionRows({a}, is_wide, now) == SessionRows({b}, is_wide, now);
}

// `last` is as `started` was if nothing was seen of it.
grpc::Status FollowToItsEnd(const Invocation& i, const v1::Session& started, v1::Session* last) {
  SessionWatch watch(
      i.client, i.ns,
      {.is_wanted =
           [&](const v1::Session& session) {
             return session.name() == started.name() && session.epoch() == started.epoch();
           },
       .is_same = [&](const v1::Session& a, const v1::Session& b) { return LooksTheSame(i, a, b); },
       .on_event =
           [&](const v1::WatchSessionsResponse& event) {
             *last = event.session();
             i.surroundings.err(EventLine(i, event));
             return last->state() != v1::TERMINATED &&
                    event.type() != v1::WatchSessionsResponse::DELETED;
           },
       .on_listed = [] { return true; },
       .on_notice = Noticer(i)});
  watch.Know(started);
  return watch.Run();
}

grpc::Status End(const Invocation& i, const v1::Session& started) {
  v1::TerminateSessionRequest request;
  request.set_name(started.name());
  request.set_epoch(started.epoch());
  v1::Session ended;
  return i.client.Ask("terminate", i.client.sessions(), &v1::Sessions::Stub::AsyncTerminateSession,
                      request, &ended);
}

// As the session was meant to end, whatever its process made of SIGTERM.
bool HasEndedWell(const v1::Session& session) {
  switch (session.reason()) {
    case v1::IDLE:
    case v1::IDLE_UNCONFIRMED:
    case v1::REQUESTED:
    case v1::MAX_LIFETIME:
    case v1::EXITED:
      return true;
    default:
      return false;
  }
}

std::string EndOf(const v1::Session& session) {
  if (session.state() != v1::TERMINATED && session.reason() == v1::END_REASON_UNSPECIFIED) {
    return "gone: nobody remembers the session any more, or how it ended";
  }
  std::string text = absl::StrCat("ended: ", v1::EndReason_Name(session.reason()));
  if (session.has_exit_code()) absl::StrAppend(&text, " (exit ", session.exit_code(), ")");
  if (!session.message().empty()) absl::StrAppend(&text, ": ", Printable(session.message()));
  return text;
}

std::vector<Flag> RunFlags() {
  std::vector<Flag> flags = ConnectFlags();
  flags.erase(std::remove_if(flags.begin(), flags.end(),
                             [](const Flag& flag) { return std::string(flag.name) == "wait"; }),
              flags.end());
  flags.push_back({"rm", nullptr, "keep nothing of it after its end, as --retention=0s"});
  return flags;
}

int RunSession(const Invocation& i) {
  auto request = MakeConnectRequest(i.arguments, i.ns);
  if (!request.ok()) return Usage(i, request.status().message());
  if (!i.arguments.positionals.empty()) {
    if (i.arguments.Has("image")) return Usage(i, "the image is given twice");
    request->mutable_spec()->set_image(i.arguments.positionals[0]);
  }
  if (i.arguments.Has("rm")) {
    if (i.arguments.Has("retention")) return Usage(i, "--rm is --retention=0s: give one of them");
    if (request->has_spec()) request->mutable_spec()->mutable_lifetime()->mutable_retention();
  }
  if (!request->has_spec())
    return Usage(i, "say what to run: an IMAGE, --template=NAME or -- COMMAND");
  v1::ConnectResponse response;
  grpc::Status status = CallConnect(i, *std::move(request), &response);
  if (!status.ok()) return Fail(i, status, "run");
  const v1::Session& started = response.session();
  i.surroundings.out(absl::StrCat(response.url(), "\n"));
  i.surroundings.err(absl::StrCat("run: ", started.name(), "; Ctrl-C ends it\n"));

  v1::Session last = started;
  status = FollowToItsEnd(i, started, &last);
  const bool is_interrupted = i.surroundings.interrupted->exchange(false);
  if (is_interrupted) {
    i.surroundings.err("run: ending it; Ctrl-C again does not wait for that\n");
    status = End(i, started);
    if (status.ok()) status = FollowToItsEnd(i, started, &last);
  }
  if (!status.ok()) return Fail(i, status, "run");
  i.surroundings.err(absl::StrCat("run: ", EndOf(last), "\n"));
  return is_interrupted ? kInterrupted : HasEndedWell(last) ? kOk : kFailed;
}

int Watch(const Invocation& i) {
  std::vector<std::string> what = i.arguments.positionals;
  if (!what.empty() && IsSessionWord(what[0])) what.erase(what.begin());
  const bool has_key = i.arguments.Has("key");
  if (what.size() > 1 || (has_key && !what.empty())) {
    return Usage(i, "name one session by ID or --key=KEY, or none for all");
  }
  const std::string name = what.empty() ? "" : SessionName(what[0], i.ns);
  const bool is_table = i.format == Format::kTable || i.format == Format::kWide;
  if (is_table) i.surroundings.out(StreamHeading(i));
  bool has_seen = false;
  bool is_unknown = false;
  SessionWatch watch(
      i.client, i.ns,
      {.is_wanted =
           [&](const v1::Session& session) {
             return (name.empty() || session.name() == name) &&
                    (!has_key || session.key().name() == i.arguments.Get("key"));
           },
       .is_same = [&](const v1::Session& a, const v1::Session& b) { return LooksTheSame(i, a, b); },
       .on_event =
           [&](const v1::WatchSessionsResponse& event) {
             has_seen = true;
             i.surroundings.out(EventText(i, event));
             return true;
           },
       .on_listed =
           [&] {
             is_unknown = !has_seen && !name.empty();
             if (!has_seen && !is_unknown) i.surroundings.err("watch: none yet; waiting\n");
             return !is_unknown;
           },
       .on_notice = Noticer(i)});
  const grpc::Status status = watch.Run();
  if (i.surroundings.interrupted->load()) return kInterrupted;
  if (is_unknown) {
    return Fail(i, {grpc::StatusCode::NOT_FOUND, absl::StrCat("there is no ", name)}, "watch");
  }
  return status.ok() ? static_cast<int>(kOk) : Fail(i, status, "watch");
}

}  // namespace

Verb RunVerb() {
  return {
      .name = "run",
      .group = Group::kSessions,
      .usage = "run (IMAGE | --template=NAME | -- COMMAND...) [--rm] [--key=KEY]",
      .help = "start a session and follow it until it ends; Ctrl-C ends it",
      .details =
          "Standard output has the URL; what happens goes to standard error. The exit code is 0 "
          "if the session ended as it was meant to (idle, terminated, exit code 0), 1 if it "
          "failed.",
      .examples =
          "run registry.example/editor:7 --rm --grace=30s\n"
          "run -- python3 -m http.server 8080",
      .flags = RunFlags(),
      .words_max = 1,
      .takes_command = true,
      .run = RunSession};
}

Verb WatchVerb() {
  return {.name = "watch",
          .group = Group::kSessions,
          .usage = "watch [session (ID | --key=KEY)]",
          .help = "sessions, and then each change as it happens",
          .details =
              "Goes on over controllers that come and go, until Ctrl-C. With -o json one "
              "event a line.",
          .examples =
              "watch\n"
              "watch session --key=document-42 -o json",
          .flags = {KeyFlag()},
          .words_max = 2,
          .words = Words::kSession,
          .run = Watch};
}

}  // namespace spawner::cli
