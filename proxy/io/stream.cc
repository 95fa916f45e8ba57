#include "proxy/io/stream.h"

#include <errno.h>

#include <algorithm>
#include <utility>

#include "absl/types/span.h"
#include "base/check.h"
#include "proxy/io/limits.h"

namespace spawner::proxy {

Stream::Stream(Stream&& other, IoHandler& handler)
    : io_(other.io_),
      socket_(std::exchange(other.socket_, Socket{})),
      is_readable_(other.is_readable_),
      is_hung_up_(other.is_hung_up_),
      has_failed_(other.has_failed_),
      has_ended_(other.has_ended_),
      is_finishing_(other.is_finishing_),
      splice_(std::move(other.splice_)),
      rest_(std::move(other.rest_)) {
  if (is_open()) io_.SetHandler(socket_, handler);
}

void Stream::OnIo(IoEvents events) {
  if (events.readable) is_readable_ = true;
  if (events.hangup) is_hung_up_ = true;
  if (events.failed) has_failed_ = true;
}

IoResult Stream::Read(char* bytes, size_t size) {
  if (!is_open()) return {IoResult::Kind::kFailed};
  if (has_ended_) return {IoResult::Kind::kEnd};
  if (!is_readable_) return {IoResult::Kind::kBlocked};
  const IoResult result = io_.Read(socket_, bytes, size);
  NoteRead(result);
  // A short read means drained (epoll(7)); but an end behind it has no edge of its own.
  if (result.is_bytes() && result.size < size && !is_hung_up_) is_readable_ = false;
  return result;
}

void Stream::NoteRead(const IoResult& result) {
  switch (result.kind) {
    case IoResult::Kind::kBytes:
      break;
    case IoResult::Kind::kBlocked:
      is_readable_ = false;
      break;
    case IoResult::Kind::kEnd:
      is_hung_up_ = has_ended_ = true;
      break;
    case IoResult::Kind::kFailed:
      is_hung_up_ = has_failed_ = true;
      break;
  }
}

std::optional<IoResult> Stream::MoveTo(Stream& to, size_t size) {
  SPAWNER_DCHECK(!to.is_blocked());
  if (&io_ != &to.io_) return std::nullopt;  // one of them is a stream of another protocol
  if (!is_open() || !to.is_open() || !is_readable()) return std::nullopt;  // Read knows what is so
  std::unique_ptr<Splice> splice = io_.NewSplice(socket_, to.socket_);
  if (splice == nullptr) return std::nullopt;
  const IoResult result = splice->Fill(socket_, size);
  if (result.kind == IoResult::Kind::kFailed && result.error == EINVAL) return std::nullopt;
  // Not drained by a short one: a pipe may be full of small pieces.
  NoteRead(result);
  if (!result.is_bytes()) return result;
  to.splice_ = std::move(splice);
  to.io_.held_bytes().Add(static_cast<int64_t>(result.size));
  to.FlushSplice();
  return result;
}

bool Stream::Put(std::initializer_list<absl::string_view> parts,
                 IoResult (Io::*write)(Socket, absl::Span<const iovec>)) {
  if (!is_open()) return false;
  SPAWNER_DCHECK(parts.size() <= 4);
  iovec pieces[4];
  size_t count = 0, total = 0;
  for (absl::string_view part : parts) {
    if (part.empty()) continue;
    total += part.size();
    pieces[count++] = {const_cast<char*>(part.data()), part.size()};
  }
  if (count == 0) return true;
  size_t written = 0;
  char joined[kJoinedBytesMax];
  if (count > 1 && total <= sizeof(joined)) {
    char* end = joined;
    for (size_t i = 0; i < count; ++i) {
      end = std::copy_n(static_cast<const char*>(pieces[i].iov_base), pieces[i].iov_len, end);
    }
    pieces[0] = {joined, total};
    count = 1;
  }
  if (!is_blocked()) {
    const IoResult result = (io_.*write)(socket_, absl::MakeConstSpan(pieces, count));
    if (result.kind == IoResult::Kind::kFailed) {
      has_failed_ = is_hung_up_ = true;
      return false;
    }
    written = result.size;
  }
  for (size_t i = 0; i < count; ++i) {
    absl::string_view piece(static_cast<char*>(pieces[i].iov_base), pieces[i].iov_len);
    const size_t taken = std::min(written, piece.size());
    written -= taken;
    piece.remove_prefix(taken);
    rest_.Append(piece, &io_.held_bytes());
  }
  return true;
}

bool Stream::Flush() {
  if (!is_open()) return false;
  if (!is_blocked()) return true;
  if (splice_ != nullptr && !FlushSplice()) return false;
  if (splice_ == nullptr && !FlushRest()) return false;
  if (!is_blocked() && is_finishing_) io_.ShutdownWrite(socket_);
  return true;
}

bool Stream::FlushSplice() {
  const auto held = static_cast<int64_t>(splice_->held());
  const IoResult result = splice_->Drain(socket_);
  io_.held_bytes().Add(static_cast<int64_t>(splice_->held()) - held);
  if (result.kind == IoResult::Kind::kFailed) {
    has_failed_ = is_hung_up_ = true;
    return false;
  }
  if (splice_->held() == 0) splice_.reset();
  return true;
}

void Stream::DropKept() {
  if (splice_ != nullptr) io_.held_bytes().Add(-static_cast<int64_t>(splice_->held()));
  splice_.reset();
  rest_.Clear();
}

bool Stream::FlushRest() {
  if (rest_.empty()) return true;
  const absl::string_view rest = rest_.view();
  const iovec piece = {const_cast<char*>(rest.data()), rest.size()};
  const IoResult result = io_.Write(socket_, absl::MakeConstSpan(&piece, 1));
  if (result.kind == IoResult::Kind::kFailed) {
    has_failed_ = is_hung_up_ = true;
    return false;
  }
  rest_.Consume(result.size);
  return true;
}

void Stream::FinishWriting() {
  if (is_finishing_ || !is_open()) return;
  is_finishing_ = true;
  if (!is_blocked()) io_.ShutdownWrite(socket_);
}

void Stream::Close() {
  if (!is_open()) return;
  const Socket socket = socket_;
  socket_ = {};
  DropKept();
  io_.Close(socket);
}

void Stream::Abort(uint32_t code) {
  if (!is_open()) return;
  const Socket socket = socket_;
  socket_ = {};
  DropKept();
  code == 0 ? io_.Abort(socket) : io_.AbortWith(socket, code);
}

}  // namespace spawner::proxy
