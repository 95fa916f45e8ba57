#include "tests/bench/load_connection.h"

#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include <algorithm>
#include <optional>
#include <utility>

#include "absl/strings/string_view.h"
#include "tests/bench/http_head.h"

namespace spawner::bench {
namespace {

constexpr int kHostStep = 61;  // prime to the usual numbers of hosts: all of them come up
constexpr int kOk = 200;
constexpr int kSwitchingProtocols = 101;

}  // namespace

LoadConnection::Outcome LoadConnection::Dial() {
  fd_ = bench::Dial(context_.options.port);
  filled_ = 0;
  is_used_up_ = is_body_ = is_writing_ = false;
  if (!fd_.is_open()) return Lost("connect failed at once");
  state_ = State::kConnecting;
  context_.poller.Add(fd_, EPOLLOUT, this);
  return Outcome::kNothing;
}

void LoadConnection::NextHost() {
  if (!context_.options.is_sticky) host_ = (host_ + kHostStep) % context_.options.hosts;
}

LoadConnection::Outcome LoadConnection::Send() {
  const bool is_http = context_.options.kind == LoadOptions::Kind::kHttp;
  state_ = State::kBusy;
  if (is_http) NextHost();
  const absl::string_view text = is_http ? context_.text.Head(host_) : context_.text.message();
  if (write(fd_.get(), text.data(), text.size()) != static_cast<ssize_t>(text.size())) {
    return Lost("the request was not taken");
  }
  upload_left_ = is_http ? context_.options.upload_bytes : 0;
  return upload_left_ > 0 ? SendUpload() : Outcome::kNothing;
}

LoadConnection::Outcome LoadConnection::OnEvent(uint32_t events) {
  if (state_ == State::kClosed) return Outcome::kNothing;
  if (state_ == State::kConnecting) return OnConnected();
  if ((events & EPOLLOUT) != 0 && upload_left_ > 0) {
    const Outcome outcome = SendUpload();
    if (outcome != Outcome::kNothing) return outcome;
  }
  return (events & (EPOLLIN | EPOLLHUP | EPOLLERR)) != 0 ? OnReadable() : Outcome::kNothing;
}

LoadConnection::Outcome LoadConnection::OnConnected() {
  if (ConnectError(fd_) != 0) return Lost("connect failed");
  context_.poller.Change(fd_, EPOLLIN, this);
  if (context_.options.kind == LoadOptions::Kind::kHttp) {
    state_ = State::kIdle;
    return Outcome::kUp;
  }
  state_ = State::kUpgrading;
  const absl::string_view head = context_.text.Head(host_);
  const bool is_sent =
      write(fd_.get(), head.data(), head.size()) == static_cast<ssize_t>(head.size());
  return is_sent ? Outcome::kNothing : Lost("the upgrade was not taken");
}

LoadConnection::Outcome LoadConnection::OnReadable() {
  if (is_body_) return ReadBody();
  const ssize_t size = read(fd_.get(), buffer_ + filled_, sizeof(buffer_) - filled_);
  if (size < 0 && errno == EAGAIN) return Outcome::kNothing;
  if (size <= 0) return Lost(size == 0 ? "closed by the proxy" : "reset by the proxy");
  filled_ += static_cast<size_t>(size);
  context_.bytes_read += static_cast<uint64_t>(size);
  if (state_ == State::kIdle) return Lost("bytes that nobody asked for");
  const bool is_echo = state_ == State::kBusy && context_.options.kind != LoadOptions::Kind::kHttp;
  return is_echo ? OnEcho() : OnHead();
}

LoadConnection::Outcome LoadConnection::OnHead() {
  const std::optional<HttpHead> head = ReadHttpHead({buffer_, filled_});
  if (!head) {
    return filled_ == sizeof(buffer_) ? Lost("a head too long for the buffer") : Outcome::kNothing;
  }
  const int status = head->status();
  const size_t after = filled_ - head->size;
  if (state_ == State::kUpgrading) return OnUpgraded(status, after == 0);
  if (status >= 100 && status < 200) {
    memmove(buffer_, buffer_ + head->size, after);
    filled_ = after;
    return after > 0 ? OnHead() : Outcome::kNothing;
  }
  if (!head->content_length) return Lost("an answer without Content-Length");
  if (*head->content_length < after) return Lost("more bytes than the answer has");
  if (upload_left_ > 0) return Lost("answered before the upload was through");
  is_good_ = status == kOk;
  if (!is_good_) error_ = "an answer other than 200";
  is_used_up_ = head->closes || context_.options.is_one_shot;
  body_left_ = *head->content_length - after;
  filled_ = 0;
  is_body_ = true;
  return body_left_ > 0 ? Outcome::kNothing : Answered();
}

LoadConnection::Outcome LoadConnection::OnUpgraded(int status, bool is_all) {
  if (status != kSwitchingProtocols) return Lost("the upgrade was refused");
  if (!is_all) return Lost("bytes that nobody asked for");
  filled_ = 0;
  state_ = State::kIdle;
  return Outcome::kUp;
}

LoadConnection::Outcome LoadConnection::OnEcho() {
  const absl::string_view echo = context_.text.echo();
  if (filled_ < echo.size()) return Outcome::kNothing;
  is_good_ = absl::string_view(buffer_, filled_) == echo;
  if (!is_good_) error_ = "an echo other than the message";
  filled_ = 0;
  return Answered();
}

LoadConnection::Outcome LoadConnection::ReadBody() {
  while (body_left_ > 0) {
    const absl::Span<char> scratch = context_.scratch;
    const ssize_t size =
        read(fd_.get(), scratch.data(), std::min<uint64_t>(body_left_, scratch.size()));
    if (size < 0 && errno == EAGAIN) return Outcome::kNothing;
    if (size <= 0) return Lost("closed in the middle of an answer");
    body_left_ -= static_cast<uint64_t>(size);
    context_.bytes_read += static_cast<uint64_t>(size);
  }
  return Answered();
}

LoadConnection::Outcome LoadConnection::SendUpload() {
  while (upload_left_ > 0) {
    const absl::string_view piece = context_.text.upload().substr(0, upload_left_);
    const ssize_t size = write(fd_.get(), piece.data(), piece.size());
    if (size < 0) {
      if (errno != EAGAIN) return Lost("closed in the middle of an upload");
      if (!std::exchange(is_writing_, true)) context_.poller.Change(fd_, EPOLLIN | EPOLLOUT, this);
      return Outcome::kNothing;
    }
    upload_left_ -= static_cast<size_t>(size);
  }
  if (std::exchange(is_writing_, false)) context_.poller.Change(fd_, EPOLLIN, this);
  return Outcome::kNothing;
}

LoadConnection::Outcome LoadConnection::Answered() {
  is_body_ = false;
  state_ = State::kIdle;
  return is_good_ ? Outcome::kAnswered : Outcome::kBadAnswer;
}

LoadConnection::Outcome LoadConnection::Lost(const char* why) {
  was_busy_ = state_ != State::kIdle;
  error_ = why;
  Close();
  return Outcome::kLost;
}

void LoadConnection::Close() {
  fd_.Close();
  state_ = State::kClosed;
}

}  // namespace spawner::bench
