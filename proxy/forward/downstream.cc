#include "proxy/forward/downstream.h"

#include <algorithm>
#include <memory>
#include <string>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "base/check.h"
#include "proxy/forward/access_log.h"
#include "proxy/forward/limits.h"
#include "proxy/http/limits.h"

namespace spawner::proxy {
namespace {

// RFC 9113 3.4: made to look like a head; its last 6 bytes follow.
constexpr absl::string_view kHttp2Preface = "PRI * HTTP/2.0\r\n\r\n";

}  // namespace

Downstream::Downstream(Workbench& bench, Io& io, Owner& owner, ClientPeer peer, AddressSlot address)
    : bench_(bench),
      owner_(owner),
      stream_(io),
      timer_(bench.timers, *this),
      peer_(std::move(peer)),
      address_(std::move(address)),
      exchange_(bench, *this) {
  bench_.ClientsOf(io).Add(1);
  bench_.io.held_bytes().Add(sizeof(*this));
}

Downstream::~Downstream() {
  bench_.ClientsOf(stream_.io()).Add(-1);
  bench_.io.held_bytes().Add(-int64_t{sizeof(*this)});
}

bool Downstream::Start(Socket socket) {
  if (!stream_.io().Register(socket, *this)) return false;
  stream_.Adopt(socket);
  if (!is_stream()) SetDeadline(bench_.now + bench_.options.limits.client_idle_timeout);
  return true;
}

void Downstream::OnIo(IoEvents events) {
  stream_.OnIo(events);
  switch (state_) {
    case State::kReading:
      if (!stream_.Flush() || stream_.has_failed()) return Close();
      return Read();
    case State::kExchange:
      return exchange_.OnClientIo();
    case State::kLingering:
      if (!stream_.Flush()) return Close();
      return DiscardInput();
    case State::kClosed:
      return;
  }
}

void Downstream::OnMore() {
  is_later_ = false;
  if (state_ == State::kReading) return Read();
  if (state_ == State::kExchange) return exchange_.OnMore();
  if (state_ == State::kLingering) return DiscardInput();
}

void Downstream::RunLater() {
  if (is_later_ || is_closed()) return;
  is_later_ = true;
  bench_.RunLater(this);
}

void Downstream::Read() {
  for (int round = 0; state_ == State::kReading; ++round) {
    if (round == 4 * kRoundsPerTurn) return RunLater();
    // The next request waits until the client has taken the answers to the last ones.
    if (stream_.is_blocked()) return;
    if (!input_.empty() && !needs_more_) {
      Buffer held = std::move(input_);
      input_ = Buffer();
      held.Consume(TakeHead(held.view()));
      if (!held.empty()) input_ = std::move(held);
      continue;
    }
    const IoResult read = stream_.Read(bench_.scratch.get(), bench_.bytes.ReadSize());
    if (read.kind == IoResult::Kind::kBlocked) return;
    if (!read.is_bytes()) return Close();
    bench_.bytes.Add(read.size);
    const absl::string_view bytes(bench_.scratch.get(), read.size);
    if (!input_.empty()) {
      input_.Append(bytes, &stream_.io().held_bytes());
      needs_more_ = false;
      continue;
    }
    const size_t used = TakeHead(bytes);
    if (state_ == State::kLingering || is_closed()) return;
    input_.Append(bytes.substr(used), &stream_.io().held_bytes());
  }
}

size_t Downstream::TakeHead(absl::string_view bytes) {
  needs_more_ = false;
  if (scanner_.size() == 0 && bytes.front() != '\r' && !absl::ascii_isupper(bytes.front())) {
    // A TLS hello or the like may never contain a line end to wait for.
    Refuse({400, "it does not begin with a method (is it meant for a TLS port?)"});
    return bytes.size();
  }
  const ForwardLimits& limits = bench_.options.limits;
  switch (scanner_.Scan(bytes, limits.head_bytes_max)) {
    case HeadScanner::State::kIncomplete:
      SetDeadline(std::min(deadline_, bench_.now + limits.head_timeout));
      needs_more_ = true;
      return 0;
    case HeadScanner::State::kBareLf:
      Refuse({400, "a line that ends with LF alone (RFC 9112 2.2)"});
      return bytes.size();
    case HeadScanner::State::kTooLong:
      RefuseTooLong();
      return bytes.size();
    case HeadScanner::State::kComplete:
      break;
  }
  const size_t size = scanner_.size();
  scanner_ = HeadScanner();
  if (size == 2) {
    // An empty line before the request (RFC 9112 2.2).
    is_first_ = false;
    if (++empty_lines_ > kLeadingEmptyLinesMax) Refuse({400, "empty lines instead of a request"});
    return is_closed() ? bytes.size() : size;
  }
  empty_lines_ = 0;
  const absl::string_view head = bytes.substr(0, size);
  if (std::exchange(is_first_, false) && head == kHttp2Preface) {
    owner_.OnHttp2(*this, bytes);
    Close();
    return bytes.size();
  }
  if (const HeadError error = bench_.request.Parse(head); error.is_error()) {
    Refuse(error);
    return bytes.size();
  }
  state_ = State::kExchange;
  SetDeadline(Instant::Infinite());
  is_fresh_ = true;
  fresh_ = bytes.substr(size);
  exchange_.Begin(head);
  is_fresh_ = false;
  return bytes.size() - fresh_.size();
}

void Downstream::Take(size_t count) {
  if (is_fresh_) {
    fresh_.remove_prefix(count);
  } else {
    input_.Consume(count);
  }
}

// RFC 9112 3: a target that is too long has a status of its own.
void Downstream::RefuseTooLong() {
  const size_t bytes = bench_.options.limits.head_bytes_max;
  const std::string max =
      bytes % 1024 == 0 ? absl::StrCat(bytes / 1024, " KiB") : absl::StrCat(bytes, " bytes");
  if (scanner_.has_line()) return Refuse({431, absl::StrCat("a header larger than ", max)});
  Refuse({414, absl::StrCat("a request target that is longer than a header may be, ", max)});
}

void Downstream::Refuse(const HeadError& error) {
  bench_.counters.Finish(error.status, absl::ZeroDuration());
  const bool is_large = error.status == 431 || error.status == 414;
  Answer answer = {.status = error.status,
                   .reason = is_large ? "HEAD_TOO_LARGE" : "MALFORMED_REQUEST",
                   .message = absl::StrCat("The request was refused: ", error.why,
                                           ". Send it again in the form of RFC 9112.")};
  // RFC 9110 15.5.6: required with this status.
  if (error.status == 405) {
    answer.fields = {{"Allow", "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS, TRACE"}};
  }
  if (bench_.access_log != nullptr) LogRefusal(answer);
  if (!stream_.Write({RenderAnswer(answer, {})})) return Close();
  Linger();
}

void Downstream::LogRefusal(const Answer& answer) {
  const std::unique_ptr<AccessRecord> record = bench_.access_log->Begin();
  if (record == nullptr) return;
  record->client = peer_.ip;
  record->is_secure = peer_.is_secure;
  record->status = answer.status;
  record->reason = answer.reason;
  bench_.access_log->Write(*record);
}

void Downstream::SetDeadline(Instant deadline) {
  deadline_ = deadline;
  if (deadline != Instant::Infinite()) timer_.ArmAtLatest(deadline);
}

void Downstream::OnTimer(Instant now) {
  if (deadline_ > now) {
    // It was moved to later meanwhile, as for each request: the heap is touched only now.
    if (deadline_ != Instant::Infinite()) timer_.Arm(deadline_);
    return;
  }
  deadline_ = Instant::Infinite();
  switch (state_) {
    case State::kReading:
      if (input_.empty()) return Close();
      bench_.counters.TimedOut(ClientTimeout::kHead);
      return Refuse({408, absl::StrCat("its head did not come within ",
                                       absl::FormatDuration(bench_.options.limits.head_timeout))});
    case State::kExchange:
      return exchange_.OnDeadline();
    case State::kLingering:
      return Close();
    case State::kClosed:
      return;
  }
}

void Downstream::OnExchangeDone(bool keeps, bool is_last) {
  if (is_closed()) return;
  if ((is_last || is_stream()) && MayCloseAtOnce()) return Close();
  if (!keeps || bench_.is_draining) return Linger();
  state_ = State::kReading;
  needs_more_ = false;
  SetDeadline(bench_.now + bench_.options.limits.client_idle_timeout);
  // Bytes may be waiting, whose edge has passed.
  if (!unread().empty() || stream_.is_readable()) RunLater();
}

// Nothing is unread that would turn the close into a reset: no need to wait for the client's.
bool Downstream::MayCloseAtOnce() const {
  return unread().empty() && !stream_.is_readable() && !stream_.is_blocked() &&
         stream_.io().ClosesCleanly(stream_.socket());
}

void Downstream::OnDrain() {
  if (state_ == State::kReading && input_.empty() && !stream_.is_blocked()) Linger();
}

void Downstream::OnDrainDeadline() {
  if (state_ == State::kExchange) return exchange_.OnDrainDeadline();
  Close();
}

void Downstream::CutOff() {
  if (state_ == State::kExchange) exchange_.CutOff();
  Close();
}

// A close with unread bytes would make the kernel send RST, which can destroy the answer on its way
// (RFC 9112 9.6): finish writing, read until the client has closed too, but not for long.
void Downstream::Linger() {
  if (is_closed()) return;
  state_ = State::kLingering;
  input_.Clear();
  SetDeadline(bench_.now + kLingerTimeout);
  stream_.FinishWriting();
  DiscardInput();
}

void Downstream::DiscardInput() {
  char* const scratch = bench_.scratch.get();
  for (int round = 0; round < kRoundsPerTurn; ++round) {
    // Views of the scratch are live while the head that led here is dealt with.
    if (is_fresh_) return RunLater();
    if (!bench_.bytes.MayRead(0, round)) break;
    const IoResult read = stream_.Read(scratch, bench_.bytes.ReadSize());
    bench_.bytes.Add(read.size);
    if (read.kind == IoResult::Kind::kBlocked) return;
    if (!read.is_bytes()) {
      if (stream_.is_blocked() && read.kind == IoResult::Kind::kEnd) return;
      return Close();
    }
    discarded_ += static_cast<uint32_t>(read.size);
    if (discarded_ > kLingerBytesMax) return Close();
  }
  RunLater();
}

void Downstream::Abort(uint32_t code) {
  stream_.Abort(code);
  Close();
}

void Downstream::Close() {
  if (is_closed()) return;
  state_ = State::kClosed;
  timer_.Disarm();
  stream_.Close();
  input_.Clear();
  owner_.OnClosed(*this);
}

}  // namespace spawner::proxy
