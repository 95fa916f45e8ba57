#include "tests/conformance/http1/player.h"

#include <algorithm>

#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"

namespace spawner::proxy {
namespace {

// Longer than any timeout behind a client that has left (forward/limits.h: kHalfOpenTimeout).
constexpr absl::Duration kForgotten = absl::Seconds(40);
constexpr char kOk[] = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
constexpr char kGet[] = "GET / HTTP/1.1\r\nHost: a.test\r\n\r\n";
constexpr char kHead[] = "HEAD / HTTP/1.1\r\nHost: a.test\r\n\r\n";

std::string Shown(absl::string_view bytes) {
  constexpr size_t kShown = 600;
  return absl::StrCat("\"", absl::CHexEscape(bytes.substr(0, kShown)), "\"",
                      bytes.size() > kShown ? "..." : "");
}

// Takes `bytes` from the beginning of what `peer` has received.
std::string Expect(SimPeer* peer, absl::string_view bytes, absl::string_view who) {
  if (peer == nullptr) return absl::StrCat("nothing reached the ", who);
  if (!absl::StartsWith(peer->received, bytes)) {
    return absl::StrCat("the ", who, " got      ", Shown(peer->received), "\n  instead of ",
                        Shown(bytes));
  }
  peer->received.erase(0, bytes.size());
  return {};
}

// What follows "name: " up to the line's end; empty if there is none.
std::string FieldValue(absl::string_view head, absl::string_view name) {
  const std::string key = absl::StrCat("\r\n", name, ": ");
  const size_t at = head.find(key);
  if (at == absl::string_view::npos) return {};
  const absl::string_view rest = head.substr(at + key.size());
  return std::string(rest.substr(0, rest.find("\r\n")));
}

}  // namespace

Player::Player(const Conversation& conversation, size_t fragment)
    : conversation_(conversation),
      fragment_(fragment),
      world_(1, {.delay_max = absl::ZeroDuration()}),
      listener_(world_.io, [](SimPeer&) {}) {
  const Address address = listener_.Listen({"10.0.1.1", 8080});
  world_.SetRoute({.session_id = "a",
                   .epoch = 1,
                   .state = RouteState::kOpen,
                   .ip = address.ip,
                   .port = address.port});
  world_.Run(absl::Milliseconds(1));
  client_ = &world_.NewClient();
  Settle();
}

std::string Player::Play() {
  for (const Step& step : conversation_.steps) {
    const std::string fault = Do(step);
    if (fault.empty()) continue;
    return absl::StrCat("line ", step.line, ", in pieces of ", fragment_, ":\n  ", fault);
  }
  const std::string fault = CheckEnd();
  if (fault.empty()) return {};
  return absl::StrCat("in the end, in pieces of ", fragment_, ":\n  ", fault);
}

std::string Player::Do(const Step& step) {
  switch (step.kind) {
    case Step::Kind::kClientSends:
      sent_by_client_.append(step.bytes);
      Send(*client_, step.bytes);
      return {};
    case Step::Kind::kBackendGets:
      return ExpectAtBackend(step.bytes);
    case Step::Kind::kBackendSends:
      if (backend() == nullptr) return "nothing reached the backend";
      sent_by_backend_.append(step.bytes);
      Send(*backend(), step.bytes);
      return {};
    case Step::Kind::kClientGets:
      return ExpectAtClient(step.bytes);
    case Step::Kind::kCommand:
      return DoCommand(step);
  }
  return "an unknown step";
}

std::string Player::DoCommand(const Step& step) {
  const std::string& verb = step.words[0];
  const std::string second = step.words.size() > 1 ? step.words[1] : "";
  if (verb == "ok") return DoOk();
  if (verb == "get" || verb == "head") {
    const absl::string_view request = verb == "get" ? kGet : kHead;
    sent_by_client_.append(request.data(), request.size());
    Send(*client_, request);
    return ExpectArrival();
  }
  if (verb == "arrives") return ExpectArrival();
  if (verb == "passes") {
    const std::string sent = std::move(sent_by_backend_);
    sent_by_backend_.clear();
    return ExpectAtClient(sent);
  }
  if (verb == "refused") return ExpectAnswer(second, true);
  if (verb == "answered") return ExpectAnswer(second, false);
  if (verb == "ended" || verb == "cut") return ExpectEnd(verb == "ended");
  if (verb == "client" || verb == "backend") return DoSide(verb, second);
  if (verb == "connections") {
    if (absl::StrCat(listener_.connections.size()) == second) return {};
    return absl::StrCat("there were ", listener_.connections.size(), " backend connections");
  }
  absl::Duration duration;
  if (verb == "wait" && absl::ParseDuration(second, &duration)) {
    world_.Run(duration);
    return {};
  }
  return absl::StrCat("an unknown command: ", verb);
}

std::string Player::DoSide(absl::string_view side, absl::string_view what) {
  SimPeer* const peer = side == "client" ? client_ : backend();
  if (peer == nullptr) return what == "partial" ? "" : "nothing reached the backend";
  if (what == "finishes") {
    peer->Finish();
  } else if (what == "closes") {
    peer->Close();
    if (peer == client_) is_over_ = true;
  } else if (what == "resets") {
    peer->Abort();
    if (peer == client_) is_over_ = true;
  } else if (what == "partial") {
    return ExpectPart(*peer);
  } else if (what == "gone" && peer != client_) {
    return ExpectBackendGone();
  } else if (what == "ended" && peer != client_) {
    return peer->has_ended() ? "" : "the backend's connection has not ended";
  } else {
    return absl::StrCat("an unknown command: ", side, " ", what);
  }
  Settle();
  return {};
}

std::string Player::DoOk() {
  if (backend() == nullptr) return "nothing reached the backend";
  Send(*backend(), kOk);
  return ExpectAtClient(kOk);
}

void Player::Send(SimPeer& peer, absl::string_view bytes) {
  const size_t size = fragment_ == 0 ? bytes.size() : fragment_;
  while (!bytes.empty()) {
    peer.Send(bytes.substr(0, size));
    bytes.remove_prefix(std::min(size, bytes.size()));
    Settle();
  }
}

// No time passes: the network has no delay.
void Player::Settle() {
  do {
    world_.worker->Turn(absl::ZeroDuration());
  } while (world_.io.has_events());
}

SimPeer* Player::backend() {
  return listener_.connections.empty() ? nullptr : listener_.connections.back().get();
}

std::string Player::ExpectAtBackend(absl::string_view bytes) {
  Settle();
  sent_by_client_.clear();
  return Expect(backend(), bytes, "backend");
}

std::string Player::ExpectAtClient(absl::string_view bytes) {
  Settle();
  sent_by_backend_.clear();
  return Expect(client_, bytes, "client");
}

// What the client sent, with what the proxy adds at the end of its head.
std::string Player::ExpectArrival() {
  std::string expected = std::move(sent_by_client_);
  const size_t end = expected.find("\r\n\r\n");
  if (end == std::string::npos) return "`arrives` without a whole request";
  expected.insert(end + 2, AddedFields(FieldValue(expected, "Host")));
  return ExpectAtBackend(expected);
}

std::string Player::ExpectAnswer(absl::string_view status, bool closes) {
  Settle();
  std::string& received = client_->received;
  const size_t end = received.find("\r\n\r\n");
  if (!absl::StartsWith(received, absl::StrCat("HTTP/1.1 ", status, " ")) ||
      end == std::string::npos) {
    return absl::StrCat("the client got ", Shown(received), " instead of a ", status);
  }
  const std::string head = received.substr(0, end + 2);
  if (FieldValue(head, "Connection") != (closes ? "close" : "keep-alive")) {
    return absl::StrCat("the client is told the wrong thing: ", Shown(head));
  }
  size_t size = 0;
  if (!absl::SimpleAtoi(FieldValue(head, "Content-Length"), &size) ||
      received.size() < end + 4 + size) {
    return absl::StrCat("the answer is not whole: ", Shown(received));
  }
  received.erase(0, end + 4 + size);
  sent_by_backend_.clear();
  return closes ? ExpectEnd(true) : "";
}

std::string Player::ExpectEnd(bool is_clean) {
  Settle();
  is_over_ = true;
  if (client_->has_failed() == is_clean || client_->has_ended() != is_clean) {
    return absl::StrCat("the client's connection ", client_->has_failed()  ? "was cut"
                                                    : client_->has_ended() ? "ended cleanly"
                                                                           : "is still open");
  }
  return {};
}

// How much got through before the fault was found depends on the pieces; never a whole message.
std::string Player::ExpectPart(SimPeer& peer) {
  const bool is_whole = absl::EndsWith(peer.received, "\r\n0\r\n\r\n");
  peer.received.clear();
  sent_by_client_.clear();
  sent_by_backend_.clear();
  if (is_whole) return "a chunked message was ended properly";
  return &peer == client_ ? "" : ExpectBackendGone();
}

std::string Player::ExpectBackendGone() {
  if (backend()->has_ended() || backend()->has_failed()) return {};
  return "the backend's connection is still open";
}

std::string Player::CheckEnd() {
  Settle();
  if (!client_->received.empty()) {
    return absl::StrCat("the client got ", Shown(client_->received), " besides");
  }
  for (const auto& connection : listener_.connections) {
    if (!connection->received.empty()) {
      return absl::StrCat("the backend got ", Shown(connection->received), " besides");
    }
  }
  if (!is_over_ && (client_->has_ended() || client_->has_failed())) {
    return "the client's connection is gone";
  }
  client_->Close();
  world_.Run(kForgotten);
  const Counters& counters = world_.worker->counters();
  if (counters.clients.value() + counters.upstreams.value() + counters.tunnels.value() +
          counters.held.value() !=
      0) {
    return "the proxy kept a connection or a request";
  }
  if (world_.reports.Last("a", 1).open != 0) return "the session still counts as used";
  return {};
}

}  // namespace spawner::proxy
