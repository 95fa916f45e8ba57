#include "proxy/debug_connections.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "base/json.h"

namespace spawner::proxy {
namespace {

// Each keeps up to kInspectedMax lines of every worker.
constexpr size_t kQuestionsMax = 4;

void AppendConnection(int worker, const ConnectionView& view, std::string* out) {
  absl::StrAppend(out, "{\"worker\":", worker, ",\"kind\":\"", view.kind, "\",\"phase\":\"",
                  view.phase, "\",\"session\":", JsonText(view.session), ",\"epoch\":", view.epoch,
                  ",\"client\":\"", view.client, "\"");
  absl::StrAppendFormat(out, ",\"age_s\":%.3f", absl::ToDoubleSeconds(view.age));
  absl::StrAppend(out, ",\"to_client_bytes\":", view.to_client_bytes,
                  ",\"to_backend_bytes\":", view.to_backend_bytes, "}");
}

}  // namespace

void DebugConnections::Ask(uint64_t ticket, std::string session, Fleet& fleet) {
  // Who asked may have left before the workers answered.
  if (questions_.size() >= kQuestionsMax) questions_.erase(questions_.begin());
  const size_t workers =
      fleet.Inspect({.session = std::move(session), .reply = [this, ticket](Inspection inspection) {
                       replies_.Post({ticket, std::move(inspection)});
                     }});
  questions_.push_back({.ticket = ticket, .workers = workers, .inspections = {}});
}

void DebugConnections::Turn(const std::function<void(uint64_t, const Answer&)>& answer) {
  for (auto& [ticket, inspection] : replies_.Drain()) {
    const auto it = std::find_if(questions_.begin(), questions_.end(),
                                 [id = ticket](const Question& q) { return q.ticket == id; });
    if (it == questions_.end()) continue;
    it->inspections.push_back(std::move(inspection));
    if (it->inspections.size() < it->workers) continue;
    answer(ticket, {.status = 200,
                    .message = RenderInspections(std::move(it->inspections)),
                    .content_type = "application/json"});
    questions_.erase(it);
  }
}

std::string RenderInspections(std::vector<Inspection> inspections) {
  std::sort(inspections.begin(), inspections.end(),
            [](const Inspection& a, const Inspection& b) { return a.worker < b.worker; });
  std::string out = "{\"workers\":[";
  std::vector<std::pair<int, const ConnectionView*>> all;
  bool has_more = false;
  for (const Inspection& inspection : inspections) {
    absl::StrAppend(&out, inspection.worker == inspections.front().worker ? "" : ",",
                    "\n{\"worker\":", inspection.worker, ",\"clients\":", inspection.clients,
                    ",\"upstreams\":", inspection.upstreams, ",\"tunnels\":", inspection.tunnels,
                    ",\"held\":", inspection.held, ",\"routes\":", inspection.routes, "}");
    has_more |= inspection.has_more;
    for (const ConnectionView& view : inspection.connections) {
      all.emplace_back(inspection.worker, &view);
    }
  }
  std::sort(all.begin(), all.end(),
            [](const auto& a, const auto& b) { return a.second->age > b.second->age; });
  absl::StrAppend(&out, "],\n\"has_more\":", has_more ? "true" : "false", ",\"connections\":[");
  for (const auto& [worker, view] : all) {
    out.append(view == all.front().second ? "\n" : ",\n");
    AppendConnection(worker, *view, &out);
  }
  out.append("]}\n");
  return out;
}

}  // namespace spawner::proxy
