#include "proxy/link/link_client.h"

#include <algorithm>
#include <optional>
#include <utility>

namespace spawner::proxy {

LinkClient::LinkClient(LinkOptions options, Sinks sinks, const Clock& clock, Random& random)
    : sinks_(std::move(sinks)),
      clock_(clock),
      mailbox_(sinks_.wake),
      link_(options, random),
      workers_left_(options.workers),
      grpc_([this](StreamEvent event) { mailbox_.Post(std::move(event)); }) {}

Instant LinkClient::Turn() {
  const Instant now = clock_.Now();
  for (Event& event : mailbox_.Drain()) {
    std::visit([this, now](auto& value) { Take(value, now); }, event);
  }
  return Act(now);
}

void LinkClient::Take(StreamEvent& event, Instant now) {
  grpc_.OnEvent(event);
  switch (event.kind) {
    case StreamEvent::Kind::kMessage:
      if (event.stream == link_.stream()) must_read_ = true;
      return link_.OnMessage(event.stream, event.message, now);
    case StreamEvent::Kind::kClosed:
      return link_.OnClosed(event.stream, event.status, now);
    case StreamEvent::Kind::kWritten:
    case StreamEvent::Kind::kEnded:
      return;
  }
}

void LinkClient::Take(Applied& event, Instant) {
  link_.OnApplied(event.worker, event.version, event.gates);
}

void LinkClient::Take(Used& event, Instant) { link_.OnUsage(event.worker, event.totals); }

void LinkClient::Take(Asked& event, Instant now) { link_.OnUnknown(event.session_id, now); }

void LinkClient::Take(Busy& event, Instant) { link_.OnBusy(std::move(event)); }

void LinkClient::Take(Done&, Instant now) {
  if (--workers_left_ == 0) link_.Drained(now);
}

Instant LinkClient::Act(Instant now) {
  LinkOutput output = link_.Step(now);
  if (output.hang_up) grpc_.HangUp();
  if (output.finish) grpc_.Finish();
  if (output.dial.has_value()) {
    must_read_ = false;
    grpc_.Dial(link_.stream(), *output.dial);
  }
  if (output.state.has_value()) sinks_.post_state(*output.state);
  for (const RouteChange& change : output.changes) sinks_.post_change(change);
  for (const InspectAsked& asked : output.inspects) sinks_.inspect(asked);
  if (output.drain.has_value()) sinks_.drain(*output.drain);
  if (must_read_ && link_.WantsMore()) {
    must_read_ = false;
    grpc_.Read();
  }
  if (grpc_.IsWritable()) {
    if (std::optional<v1::ProxyMessage> message = link_.NextMessage(now)) {
      grpc_.Write(*std::move(message));
    }
  }
  // While something is being written, its end wakes us.
  return grpc_.IsWritable() ? std::min(output.wake_at, link_.report_at()) : output.wake_at;
}

void LinkClient::OnApplied(int worker, RouteVersion version, std::vector<GateCount> gates) {
  mailbox_.Post(Applied{worker, version, std::move(gates)});
}

void LinkClient::OnUsage(int worker, std::vector<SessionTotals> totals) {
  mailbox_.Post(Used{worker, std::move(totals)});
}

void LinkClient::OnUnknown(int, std::string session_id) {
  mailbox_.Post(Asked{std::move(session_id)});
}

void LinkClient::OnBusy(int, Busy busy) { mailbox_.Post(std::move(busy)); }

void LinkClient::OnDrained(int worker) { mailbox_.Post(Done{worker}); }

}  // namespace spawner::proxy
