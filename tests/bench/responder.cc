#include "tests/bench/responder.h"

#include <sys/epoll.h>

#include <utility>

#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "tests/bench/limits.h"
#include "tests/bench/responder_connection.h"

namespace spawner::bench {

absl::StatusOr<std::unique_ptr<Responder>> Responder::Listen(uint16_t port) {
  ASSIGN_OR_RETURN(Fd listener, ListenOnLoopback(port));
  return std::unique_ptr<Responder>(new Responder(std::move(listener)));
}

Responder::Responder(Fd listener)
    : listener_(std::move(listener)), body_(kBodyBytesMax, 'x'), scratch_(kScratchBytes, '\0') {
  poller_.Add(listener_, EPOLLIN, nullptr);
}

Responder::~Responder() = default;

void Responder::Turn(int64_t wait_ns) {
  for (const epoll_event& event : poller_.Wait(wait_ns)) {
    auto* const connection = static_cast<ResponderConnection*>(event.data.ptr);
    if (connection == nullptr) {
      AcceptAll();
    } else if (!connection->OnEvent(event.events)) {
      connections_[connection->descriptor()].reset();
    }
  }
}

void Responder::AcceptAll() {
  for (Fd fd = Accept(listener_); fd.is_open(); fd = Accept(listener_)) {
    ++counters_.connections;
    const size_t descriptor = static_cast<size_t>(fd.get());
    if (connections_.size() <= descriptor) connections_.resize(descriptor + 1);
    connections_[descriptor] = std::make_unique<ResponderConnection>(*this, std::move(fd));
  }
}

const std::string& Responder::AnswerHead(size_t body_size, bool closes) {
  if (answer_head_.empty() || answer_body_size_ != body_size || answer_closes_ != closes) {
    answer_body_size_ = body_size;
    answer_closes_ = closes;
    answer_head_ = absl::StrCat(
        "HTTP/1.1 200 OK\r\nServer: backend\r\nContent-Type: text/plain\r\nContent-Length: ",
        body_size, closes ? "\r\nConnection: close\r\n\r\n" : "\r\n\r\n");
  }
  return answer_head_;
}

}  // namespace spawner::bench
