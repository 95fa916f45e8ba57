#include "cli/why_page.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "cli/output.h"
#include "cli/times.h"

namespace spawner::cli {
namespace {

using Rows = std::vector<std::vector<std::string>>;

class Page {
 public:
  Page(absl::Time now, bool use_colour) : now_(now), use_colour_(use_colour) {}

  void Write(const v1::ExplainSessionResponse& explained);
  std::string Take() { return std::move(text_); }

 private:
  void Verdict(const v1::ExplainSessionResponse& explained);
  void About(const v1::Session& session);
  void Holders(const v1::ExplainSessionResponse& explained);
  void Holds(const v1::Session& session);
  void Deadlines(const v1::Session& session);
  void History(const v1::ExplainSessionResponse& explained);
  void Events(const v1::ExplainSessionResponse& explained);
  void Section(const char* title);
  // Indented, if there is more than the heading.
  void Table(const Rows& rows);
  std::string Bold(absl::string_view text) const {
    return use_colour_ ? absl::StrCat("\x1b[1m", text, "\x1b[0m") : std::string(text);
  }

  const absl::Time now_;
  const bool use_colour_;
  std::string text_;
};

void Page::Section(const char* title) { absl::StrAppend(&text_, "\n", Bold(title), "\n"); }

void Page::Table(const Rows& rows) {
  const std::string table = ToTable(rows, use_colour_);
  for (absl::string_view rest = table; !rest.empty();) {
    const size_t end = rest.find('\n');
    absl::StrAppend(&text_, "  ", rest.substr(0, end), "\n");
    rest.remove_prefix(end + 1);
  }
}

void Page::Verdict(const v1::ExplainSessionResponse& explained) {
  const std::string verdict = Printable(explained.verdict());
  absl::StrAppend(&text_, Bold(verdict.empty() ? "The controller gives no verdict." : verdict),
                  "\n");
  for (const std::string& reason : explained.reasons_alive()) {
    absl::StrAppend(&text_, "  - ", Printable(reason), "\n");
  }
}

void Page::About(const v1::Session& session) {
  Section("SESSION");
  Rows rows;
  const auto add = [&rows](const char* name, std::string value) {
    if (!value.empty()) rows.push_back({name, std::move(value)});
  };
  add("Name", session.name());
  add("Key", session.key().tag().empty()
                 ? session.key().name()
                 : absl::StrCat(session.key().name(), ", tag ", session.key().tag()));
  std::string state = v1::SessionState_Name(session.state());
  if (session.phase() != v1::START_PHASE_UNSPECIFIED) {
    absl::StrAppend(&state, ", ", v1::StartPhase_Name(session.phase()));
  }
  if (session.reason() != v1::END_REASON_UNSPECIFIED) {
    absl::StrAppend(&state, ", ", v1::EndReason_Name(session.reason()));
  }
  if (session.has_exit_code()) absl::StrAppend(&state, ", exit code ", session.exit_code());
  add("State", state);
  add("Message", session.message());
  add("Epoch", absl::StrCat(session.epoch()));
  add("Pod", session.pod());
  add("Node", session.node());
  if (session.has_create_time()) add("Created", When(session.create_time(), now_));
  if (session.has_ready_time()) add("Ready", When(session.ready_time(), now_));
  if (session.has_end_time()) add("Ended", When(session.end_time(), now_));
  for (const v1::Condition& condition : session.conditions()) {
    if (condition.status()) {
      add("Condition", absl::StrCat(condition.type(), ": ", condition.message()));
    }
  }
  Table(rows);
}

std::string Flags(const v1::Connection& connection) {
  return connection.ignored() ? "no use: ignored path" : "";
}

void Page::Holders(const v1::ExplainSessionResponse& explained) {
  if (explained.proxies().empty()) return;
  Section("CONNECTIONS");
  Rows proxies = {{"PROXY", "OPEN", "WAITING", "SINCE START", "BYTES", "LAST BYTE", ""}};
  Rows connections = {{"PROXY", "KIND", "AGE", "LAST BYTE", "BYTES", "PEER", "USER", ""}};
  for (const auto& proxy : explained.proxies()) {
    proxies.push_back(
        {proxy.proxy(), absl::StrCat(proxy.open()), absl::StrCat(proxy.held()),
         absl::StrCat(proxy.opened_total()), Bytes(proxy.bytes_total()),
         proxy.has_idle_for() ? absl::StrCat(Age(DurationOf(proxy.idle_for())), " ago") : "-",
         proxy.lost() ? "LOST: what it said last" : ""});
    for (const v1::Connection& one : proxy.connections()) {
      connections.push_back(
          {proxy.proxy(), v1::Connection::Kind_Name(one.kind()), Age(DurationOf(one.age())),
           absl::StrCat(Age(DurationOf(one.idle_for())), " ago"), Bytes(one.bytes()),
           OrDash(one.peer()), OrDash(one.user()), Flags(one)});
    }
  }
  Table(proxies);
  if (connections.size() == 1) return;
  absl::StrAppend(&text_, "\n");
  Table(connections);
}

void Page::Holds(const v1::Session& session) {
  if (session.holds().empty()) return;
  Section("HOLDS");
  Rows rows = {{"OWNER", "UNTIL", "REASON"}};
  for (const v1::Hold& hold : session.holds()) {
    rows.push_back({hold.owner(), When(hold.expire_time(), now_), OrDash(hold.reason())});
  }
  Table(rows);
}

void Page::Deadlines(const v1::Session& session) {
  if (session.state() == v1::TERMINATED) return;
  Section("DEADLINES");
  Rows rows;
  if (session.has_idle_deadline()) {
    rows.push_back({"Ends as idle", When(session.idle_deadline(), now_)});
  } else if (session.spec().idle().on_idle() == v1::KEEP) {
    rows.push_back({"Ends as idle", "never (on_idle is KEEP)"});
  } else {
    rows.push_back({"Ends as idle", absl::StrCat(Age(DurationOf(session.spec().idle().grace())),
                                                 " after the last connection or hold")});
  }
  rows.push_back({"Lifetime ends", session.has_lifetime_deadline()
                                       ? When(session.lifetime_deadline(), now_)
                                       : "never (no limit)"});
  if (session.has_last_active_time()) {
    rows.push_back({"Last active", When(session.last_active_time(), now_)});
  }
  Table(rows);
}

void Page::History(const v1::ExplainSessionResponse& explained) {
  if (explained.transitions().empty()) return;
  Section("HISTORY");
  Rows rows;
  for (const auto& step : explained.transitions()) {
    rows.push_back({When(step.time(), now_),
                    step.from() == v1::SESSION_STATE_UNSPECIFIED
                        ? v1::SessionState_Name(step.to())
                        : absl::StrCat(v1::SessionState_Name(step.from()), " -> ",
                                       v1::SessionState_Name(step.to())),
                    step.cause()});
  }
  Table(rows);
}

void Page::Events(const v1::ExplainSessionResponse& explained) {
  if (explained.events().empty()) return;
  Section("WHAT KUBERNETES SAYS OF THE POD");
  Rows rows;
  for (const v1::PodEvent& event : explained.events()) {
    const std::string times = event.count() > 1 ? absl::StrCat(" (", event.count(), " times)") : "";
    rows.push_back({When(event.time(), now_), event.type(), event.reason(),
                    absl::StrCat(event.message(), times)});
  }
  Table(rows);
}

void Page::Write(const v1::ExplainSessionResponse& explained) {
  Verdict(explained);
  About(explained.session());
  Holders(explained);
  Holds(explained.session());
  Deadlines(explained.session());
  History(explained);
  Events(explained);
}

}  // namespace

std::string WhyPage(const v1::ExplainSessionResponse& explained, absl::Time now, bool use_colour) {
  Page page(now, use_colour);
  page.Write(explained);
  return page.Take();
}

}  // namespace spawner::cli
