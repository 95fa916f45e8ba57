#include "proxy/link/link_client.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "absl/status/statusor.h"
#include "base/log.h"

namespace spawner::proxy {

LinkClient::LinkClient(LinkOptions options, Sinks sinks, const Clock& clock, Random& random,
                       Credentials credentials)
    : sinks_(std::move(sinks)),
      clock_(clock),
      mailbox_(sinks_.wake),
      link_(options, random),
      workers_left_(options.workers),
      token_(std::move(credentials.token_file)),
      grpc_([this](StreamEvent event) { mailbox_.Post(std::move(event)); },
            std::move(credentials.tls)) {}

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
      if (absl::IsUnauthenticated(event.status)) token_.Refused();
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

void LinkClient::Take(Spent& event, Instant) {
  link_.OnTokenUse(event.worker, event.ticket, std::move(event.use));
}
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
    Dial(*output.dial, now);
  }
  if (output.state.has_value()) sinks_.post_state(*output.state);
  for (const RouteChange& change : output.changes) sinks_.post_change(change);
  for (const InspectAsked& asked : output.inspects) sinks_.inspect(asked);
  if (output.drain.has_value()) sinks_.drain(*output.drain);
  for (const auto& [worker, answer] : output.uses) sinks_.post_use(worker, answer);
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

// Without a token that can be read the controller says what it thinks of that.
void LinkClient::Dial(const std::string& address, Instant now) {
  const absl::StatusOr<std::string> token = token_.Get(now);
  if (!token.ok()) {
    Log(LogLevel::kWarning, "controller_token_unreadable", {{"error", token.status().ToString()}});
  }
  grpc_.Dial(link_.stream(), address, token.value_or(""));
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

void LinkClient::OnTokenUse(int worker, uint64_t ticket, TokenUse use) {
  mailbox_.Post(Spent{worker, ticket, std::move(use)});
}
void LinkClient::OnBusy(int, Busy busy) { mailbox_.Post(std::move(busy)); }

void LinkClient::OnDrained(int worker) { mailbox_.Post(Done{worker}); }

}  // namespace spawner::proxy
