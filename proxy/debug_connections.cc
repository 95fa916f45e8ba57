#include "proxy/debug_connections.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "base/json.h"

namespace spawner::proxy {
namespace {

void AppendConnection(int worker, const ConnectionView& view, std::string* out) {
  absl::StrAppend(out, "{\"worker\":", worker, ",\"kind\":\"", view.kind, "\",\"phase\":\"",
                  view.phase, "\",\"session\":", JsonText(view.session), ",\"epoch\":", view.epoch,
                  ",\"client\":\"", view.client, "\",\"user\":", JsonText(view.user));
  absl::StrAppendFormat(out, ",\"age_s\":%.3f,\"idle_s\":%.3f", absl::ToDoubleSeconds(view.age),
                        absl::ToDoubleSeconds(view.idle_for));
  absl::StrAppend(out, ",\"bytes\":", view.bytes, ",\"to_client_bytes\":", view.to_client_bytes,
                  ",\"to_backend_bytes\":", view.to_backend_bytes, "}");
}

}  // namespace

void DebugConnections::Ask(uint64_t ticket, std::string session, Fleet& fleet) {
  questions_.Ask(ticket, std::move(session), /*oldest=*/0, fleet);
}

void DebugConnections::Turn(const std::function<void(uint64_t, const Answer&)>& answer) {
  questions_.Turn([&answer](uint64_t ticket, std::vector<Inspection> inspections) {
    answer(ticket, {.status = 200,
                    .message = RenderInspections(std::move(inspections)),
                    .content_type = "application/json"});
  });
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
