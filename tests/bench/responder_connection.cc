#include "tests/bench/responder_connection.h"

#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <string>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "tests/bench/websocket.h"

namespace spawner::bench {
namespace {

size_t BodySizeFor(absl::string_view path) {
  size_t size = 0;
  if (!absl::ConsumePrefix(&path, "/b/") || !absl::SimpleAtoi(path, &size)) return kAnswerBytes;
  return std::min(size, kBodyBytesMax);
}

// A short text to a socket whose buffer is empty.
bool WriteAll(const Fd& fd, absl::string_view text) {
  return write(fd.get(), text.data(), text.size()) == static_cast<ssize_t>(text.size());
}

}  // namespace

ResponderConnection::ResponderConnection(Responder& responder, Fd fd)
    : responder_(responder), fd_(std::move(fd)) {
  responder_.poller_.Add(fd_, EPOLLIN, this);
}

bool ResponderConnection::OnEvent(uint32_t events) {
  if ((events & EPOLLOUT) != 0) {
    if (!WriteBody()) return false;
    if (body_left_ > 0) return true;
    is_writing_ = false;
    responder_.poller_.Change(fd_, EPOLLIN, this);
    return !closes_ && Consume();
  }
  return OnReadable();
}

bool ResponderConnection::OnReadable() {
  if (filled_ == 0 && upload_left_ > 0) return ReadUpload();
  const ssize_t size = read(fd_.get(), buffer_ + filled_, sizeof(buffer_) - filled_);
  if (size <= 0) return size < 0 && errno == EAGAIN;
  filled_ += static_cast<size_t>(size);
  return Consume();
}

bool ResponderConnection::Consume() {
  size_t used = 0;
  while (used < filled_ && body_left_ == 0) {
    const std::optional<size_t> step = Step({buffer_ + used, filled_ - used});
    if (!step) return false;
    used += *step;
    if (closes_ && upload_left_ == 0 && body_left_ == 0) return false;
    if (*step == 0) break;
  }
  filled_ -= used;
  memmove(buffer_, buffer_ + used, filled_);
  return filled_ < sizeof(buffer_) || Refuse().has_value();
}

std::optional<size_t> ResponderConnection::Step(absl::string_view bytes) {
  if (upload_left_ > 0) {
    const size_t size = std::min<uint64_t>(upload_left_, bytes.size());
    responder_.counters_.uploaded_bytes += size;
    upload_left_ -= size;
    if (upload_left_ == 0 && !Answer()) return std::nullopt;
    return size;
  }
  return is_websocket_ ? StepFrame(bytes) : StepHead(bytes);
}

std::optional<size_t> ResponderConnection::StepHead(absl::string_view bytes) {
  const std::optional<HttpHead> head = ReadHttpHead(bytes);
  if (!head) return 0;
  ++responder_.counters_.requests;
  closes_ = head->closes;
  answer_body_size_ = BodySizeFor(head->path());
  if (!head->websocket_key.empty()) return Upgrade(*head);
  if (head->is_chunked) return Refuse();
  upload_left_ = head->content_length.value_or(0);
  if (upload_left_ == 0 && !Answer()) return std::nullopt;
  return head->size;
}

std::optional<size_t> ResponderConnection::Upgrade(const HttpHead& head) {
  is_websocket_ = true;
  closes_ = false;
  const std::string answer = absl::StrCat(
      "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
      "Sec-WebSocket-Accept: ",
      AcceptKey(head.websocket_key), "\r\n\r\n");
  if (!WriteAll(fd_, answer)) return std::nullopt;
  return head.size;
}

std::optional<size_t> ResponderConnection::StepFrame(absl::string_view bytes) {
  const std::optional<FrameHeader> header = ReadFrameHeader(bytes);
  if (!header) return 0;
  if (header->opcode == kCloseFrame) return std::nullopt;
  if (header->size() > sizeof(buffer_)) return Refuse();
  if (bytes.size() < header->size()) return 0;
  char echo[kFrameHeaderBytesMax + kBackendBufferBytes];
  const size_t echo_header = WriteFrameHeader(header->opcode, header->payload_size, echo);
  const char* const payload = bytes.data() + header->header_size;
  for (size_t i = 0; i < header->payload_size; ++i) {
    echo[echo_header + i] = static_cast<char>(payload[i] ^ header->mask[i % 4]);
  }
  ++responder_.counters_.messages;
  if (!WriteAll(fd_, {echo, echo_header + header->payload_size})) return Refuse();
  return header->size();
}

// Nothing that load sends ends here: its counters show it if a proxy makes it so.
std::optional<size_t> ResponderConnection::Refuse() {
  ++responder_.counters_.refused;
  if (!is_websocket_) {
    WriteAll(fd_, "HTTP/1.1 411 Length Required\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
  }
  return std::nullopt;
}

bool ResponderConnection::ReadUpload() {
  std::string& scratch = responder_.scratch_;
  const ssize_t size =
      read(fd_.get(), scratch.data(), std::min<uint64_t>(upload_left_, scratch.size()));
  if (size <= 0) return size < 0 && errno == EAGAIN;
  responder_.counters_.uploaded_bytes += static_cast<uint64_t>(size);
  upload_left_ -= static_cast<uint64_t>(size);
  if (upload_left_ > 0) return true;
  return Answer() && !(closes_ && body_left_ == 0);
}

// Head and body in one write; the rest of a long body when the poller says so.
bool ResponderConnection::Answer() {
  const std::string& head = responder_.AnswerHead(answer_body_size_, closes_);
  const iovec parts[] = {{const_cast<char*>(head.data()), head.size()},
                         {responder_.body_.data(), answer_body_size_}};
  const ssize_t size = writev(fd_.get(), parts, 2);
  if (size < static_cast<ssize_t>(head.size())) return false;
  body_left_ = head.size() + answer_body_size_ - static_cast<size_t>(size);
  return WriteBody();
}

bool ResponderConnection::WriteBody() {
  while (body_left_ > 0) {
    const ssize_t size = write(fd_.get(), responder_.body_.data(), body_left_);
    if (size < 0) {
      if (errno != EAGAIN) return false;
      if (!std::exchange(is_writing_, true)) responder_.poller_.Change(fd_, EPOLLOUT, this);
      return true;
    }
    body_left_ -= static_cast<size_t>(size);
  }
  return true;
}

}  // namespace spawner::bench
