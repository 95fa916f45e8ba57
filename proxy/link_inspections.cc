#include "proxy/link_inspections.h"

#include <algorithm>

#include "absl/strings/string_view.h"
#include "proxy/link/codec.h"
#include "spawner/v1/session.pb.h"

namespace spawner::proxy {
namespace {

v1::Connection::Kind KindOf(const ConnectionView& view) {
  const absl::string_view kind = view.kind;
  const absl::string_view phase = view.phase;
  if (kind == "websocket") return v1::Connection::WEBSOCKET;
  if (kind == "tunnel") return v1::Connection::TUNNEL;
  if (phase == "held" || phase == "behind_gate") return v1::Connection::HELD;
  return v1::Connection::REQUEST;
}

}  // namespace

void LinkInspections::Ask(const InspectAsked& asked, Fleet& fleet) {
  if (asked_.size() >= kInspectsMax) asked_.erase(asked_.begin());
  const uint64_t ticket = ++last_ticket_;
  asked_[ticket] = asked;
  questions_.Ask(ticket, asked.session_id, asked.connections_max, fleet);
}

void LinkInspections::Turn(const std::function<void(uint64_t, v1::Inspected)>& answer) {
  questions_.Turn([this, &answer](uint64_t ticket, const std::vector<Inspection>& inspections) {
    const auto asked = asked_.find(ticket);
    if (asked == asked_.end()) return;
    v1::Inspected inspected = InspectedOf(inspections, asked->second.connections_max);
    inspected.set_sequence(asked->second.sequence);
    answer(asked->second.stream, std::move(inspected));
    asked_.erase(asked);
  });
}

v1::Inspected InspectedOf(const std::vector<Inspection>& inspections, size_t most) {
  std::vector<const ConnectionView*> all;
  for (const Inspection& inspection : inspections) {
    for (const ConnectionView& view : inspection.connections) all.push_back(&view);
  }
  std::sort(all.begin(), all.end(),
            [](const ConnectionView* a, const ConnectionView* b) { return a->age > b->age; });
  if (all.size() > most) all.resize(most);
  v1::Inspected inspected;
  for (const ConnectionView* view : all) {
    v1::Connection& out = *inspected.add_connections();
    out.set_kind(KindOf(*view));
    SetDuration(*out.mutable_age(), view->age);
    SetDuration(*out.mutable_idle_for(), view->idle_for);
    out.set_bytes(view->bytes);
    out.set_peer(view->client);
    out.set_user(view->user);
    out.set_ignored(view->is_ignored);
  }
  return inspected;
}

}  // namespace spawner::proxy
