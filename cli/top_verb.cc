#include <algorithm>
#include <cmath>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "cli/find_session.h"
#include "cli/output.h"
#include "cli/times.h"
#include "cli/verb_list.h"

namespace spawner::cli {
namespace {

constexpr int kLinesBeside = 5;  // head, hint, heading, and room for the shell's prompt
constexpr absl::Duration kIntervalMin = absl::Milliseconds(500);

// What one look finds.
struct Seen {
  std::vector<v1::Session> sessions;
  std::string usage_error;
};

bool IsLive(const v1::Session& session) { return session.state() != v1::TERMINATED; }

bool IsBusier(const v1::Session& a, const v1::Session& b) {
  if (a.connections() != b.connections()) return a.connections() > b.connections();
  return TimeOf(a.create_time()) < TimeOf(b.create_time());
}

// What comes next for it.
std::string NextOf(const v1::Session& session, absl::Time now) {
  if (session.has_idle_deadline()) {
    return absl::StrCat("idle end ", Relative(TimeOf(session.idle_deadline()), now));
  }
  if (session.has_lifetime_deadline()) {
    return absl::StrCat("lifetime end ", Relative(TimeOf(session.lifetime_deadline()), now));
  }
  return "-";
}

// As `kubectl top` writes them.
std::string CpuOf(const v1::Session& session) {
  return session.has_usage() ? absl::StrCat(std::lround(session.usage().cpu_cores() * 1000), "m")
                             : "-";
}
std::string MemoryOf(const v1::Session& session) {
  return session.has_usage() ? absl::StrCat(session.usage().memory_bytes() >> 20, "Mi") : "-";
}

std::string Screen(const Invocation& i, Seen seen, size_t rows_max) {
  std::vector<v1::Session>& sessions = seen.sessions;
  const absl::Time now = i.surroundings.now();
  sessions.erase(std::remove_if(sessions.begin(), sessions.end(),
                                [](const v1::Session& s) { return !IsLive(s); }),
                 sessions.end());
  std::sort(sessions.begin(), sessions.end(), IsBusier);
  int64_t connections = 0;
  size_t idle = 0;
  for (const v1::Session& session : sessions) {
    connections += session.connections();
    idle += session.connections() == 0 ? 1 : 0;
  }
  std::vector<std::vector<std::string>> rows = {
      {"ID", "KEY", "STATE", "CONNECTIONS", "CPU", "MEMORY", "AGE", "HOLDS", "NEXT", "NODE"}};
  for (const v1::Session& session : sessions) {
    if (rows.size() > rows_max) break;
    rows.push_back({IdOf(session), OrDash(session.key().name()),
                    v1::SessionState_Name(session.state()), absl::StrCat(session.connections()),
                    CpuOf(session), MemoryOf(session), Age(now - TimeOf(session.create_time())),
                    absl::StrCat(session.holds_size()), NextOf(session, now),
                    OrDash(session.node())});
  }
  return absl::StrCat(sessions.size(),
                      sessions.size() == 1 ? " session live, " : " sessions live, ", idle,
                      " of them without connections; ", connections,
                      connections == 1 ? " connection\n" : " connections\n",
                      seen.usage_error.empty()
                          ? ""
                          : absl::StrCat("no CPU and memory: ", Printable(seen.usage_error), "\n"),
                      "\n", ToTable(rows, i.surroundings.UseColour()));
}

int PrintOnce(const Invocation& i) {
  Seen seen;
  const grpc::Status status = ListSessionsWithUsage(i, &seen.sessions, &seen.usage_error);
  if (!status.ok()) return Fail(i, status, "top");
  std::vector<v1::Session>& sessions = seen.sessions;
  std::sort(sessions.begin(), sessions.end(), IsBusier);
  v1::ListSessionsResponse list;
  list.set_usage_error(seen.usage_error);
  std::string names;
  for (const v1::Session& session : sessions) {
    if (!IsLive(session)) continue;
    *list.add_sessions() = session;
    absl::StrAppend(&names, names.empty() ? "" : "\n", session.name());
  }
  Print(i, list, Screen(i, seen, sessions.size() + 1), names);
  return kOk;
}

// Over and over in place, on the terminal's other screen: what was there comes back at the end.
int Refresh(const Invocation& i, absl::Duration interval) {
  bool is_shown = false;
  while (true) {
    Seen seen;
    const grpc::Status status = ListSessionsWithUsage(i, &seen.sessions, &seen.usage_error);
    if (i.client.is_interrupted()) break;
    if (!status.ok() && !is_shown) return Fail(i, status, "top");
    const int rows = std::max(i.surroundings.rows() - kLinesBeside, 1);
    const std::string screen = status.ok()
                                   ? Screen(i, std::move(seen), static_cast<size_t>(rows))
                                   : absl::StrCat(ErrorText(status, "top", i.client.address()),
                                                  "\n\ntrying again; Ctrl-C ends it\n");
    if (!is_shown) i.surroundings.out("\x1b[?1049h");
    is_shown = true;
    i.surroundings.out(absl::StrCat("\x1b[H\x1b[2J", screen));
    if (!i.client.Pause(interval)) break;
  }
  if (is_shown) i.surroundings.out("\x1b[?1049l");
  return kOk;
}

int Top(const Invocation& i) {
  const auto interval = i.arguments.Duration("interval");
  if (!interval.ok()) return Usage(i, interval.status().message());
  const bool is_live = i.surroundings.is_terminal && i.IsForPeople() && !i.arguments.Has("once");
  if (!is_live) return PrintOnce(i);
  return Refresh(i, std::max(interval->value_or(absl::Seconds(2)), kIntervalMin));
}

}  // namespace

Verb TopVerb() {
  return {.name = "top",
          .group = Group::kOperations,
          .usage = "top [--once]",
          .help = "live sessions by their connections, again and again",
          .details =
              "Refreshes in place on a terminal until Ctrl-C; elsewhere, or with --once, it "
              "prints once. CPU and MEMORY are of the pod, by Kubernetes' metrics API, some 15 s "
              "old. NEXT is what comes if nothing happens.",
          .examples =
              "top\n"
              "top --once -n team",
          .flags = {{"once", nullptr, "print, and return"},
                    {"interval", "DURATION", "between two looks; default 2s"}},
          .run = Top};
}

}  // namespace spawner::cli
