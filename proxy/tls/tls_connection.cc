#include "proxy/tls/tls_connection.h"

#include <errno.h>
#include <openssl/err.h>

#include <algorithm>
#include <array>
#include <utility>

#include "absl/strings/string_view.h"
#include "base/check.h"
#include "proxy/tls/limits.h"
#include "proxy/tls/tls_bio.h"

namespace spawner::proxy {
namespace {

// The bytes of a write, record by record.
class Records {
 public:
  // `scratch` is for small parts that are put together.
  Records(absl::Span<const iovec> parts, std::array<char, kRecordBytes>& scratch)
      : parts_(parts), scratch_(scratch) {}

  void SkipByte() { Take(1); }

  // The next one, good until the next call; empty: there is no more.
  absl::string_view Next() {
    const absl::string_view first = Take(kRecordBytes);
    if (first.size() == kRecordBytes || parts_.empty()) return first;
    // A head and the body behind it: one record.
    size_t size = first.copy(scratch_.data(), first.size());
    while (size < kRecordBytes) {
      const absl::string_view more = Take(kRecordBytes - size);
      if (more.empty()) break;
      size += more.copy(scratch_.data() + size, more.size());
    }
    return {scratch_.data(), size};
  }

 private:
  // At most `size` bytes of the first part that has some left.
  absl::string_view Take(size_t size) {
    while (!parts_.empty()) {
      const absl::string_view rest =
          absl::string_view(static_cast<const char*>(parts_[0].iov_base), parts_[0].iov_len)
              .substr(offset_, size);
      offset_ += rest.size();
      if (offset_ == parts_[0].iov_len) {
        parts_.remove_prefix(1);
        offset_ = 0;
      }
      if (!rest.empty()) return rest;
    }
    return {};
  }

  absl::Span<const iovec> parts_;
  std::array<char, kRecordBytes>& scratch_;
  size_t offset_ = 0;  // into the first part
};

}  // namespace

TlsConnection::TlsConnection(TlsBench& bench, Owner& owner, Arrival arrival)
    : bench_(bench),
      owner_(owner),
      socket_(arrival.socket),
      listener_(arrival.listener),
      context_(arrival.context),
      timer_(bench.timers, *this),
      peer_ip_(std::move(arrival.peer_ip)),
      address_(std::move(arrival.address)) {
  if (context_ != nullptr) ++context_->users;
  if (arrival.has_header) {
    phase_ = Phase::kHeader;
    header_ = std::make_unique<ProxyHeader>();
  }
  bench_.counters.arrivals.Add(1);
}

TlsConnection::~TlsConnection() {
  if (ssl_ != nullptr) bench_.inner.held_bytes().Add(-kTlsStateBytes);
  ssl_.reset();  // it calls into the context
  if (context_ != nullptr) --context_->users;
}

bool TlsConnection::Start() {
  const bool has_header = phase_ == Phase::kHeader;
  timer_.Arm(bench_.clock.Now() + (has_header ? kProxyHeaderTimeout : kHandshakeTimeout));
  if (bench_.inner.Register(socket_, *this)) return true;
  timer_.Disarm();
  phase_ = Phase::kClosed;
  bench_.counters.arrivals.Add(-1);
  bench_.counters.Error(ArrivalError::kResources);
  return false;
}

bool TlsConnection::is_h2() const {
  if (ssl_ == nullptr) return false;
  const unsigned char* protocol = nullptr;
  unsigned int size = 0;
  SSL_get0_alpn_selected(ssl_.get(), &protocol, &size);
  return absl::string_view(reinterpret_cast<const char*>(protocol), size) == "h2";
}

void TlsConnection::OnIo(IoEvents events) {
  if (events.readable) is_readable_ = true;
  if (events.hangup) is_hung_up_ = true;
  if (phase_ == Phase::kHeader || phase_ == Phase::kHandshake) {
    if (events.failed) return GiveUp(ArrivalError::kClosed);
    return owner_.WantsStep(*this);
  }
  unseen_.readable |= events.readable;
  unseen_.hangup |= events.hangup;
  unseen_.failed |= events.failed;
  if (context_ == nullptr) {
    unseen_.writable |= events.writable;
  } else {
    if (!out_.empty() && !Flush()) unseen_.failed = unseen_.hangup = unseen_.readable = true;
    if (wants_space_ && out_.empty()) {
      wants_space_ = false;
      unseen_.writable = true;
    }
  }
  Tell();
}

void TlsConnection::Tell() {
  if (phase_ != Phase::kOpen) return;
  const IoEvents events = std::exchange(unseen_, {});
  if (events.readable || events.writable || events.hangup || events.failed) handler_->OnIo(events);
}

void TlsConnection::SetHandler(IoHandler& handler) {
  SPAWNER_CHECK(phase_ == Phase::kReady);
  phase_ = Phase::kOpen;
  handler_ = &handler;
  if (context_ != nullptr) bench_.counters.open.Add(1);
  // As epoll_ctl: what is there already is told; OpenSSL may hold bytes behind the handshake.
  unseen_.readable = unseen_.writable = true;
  unseen_.hangup |= is_hung_up_;
  owner_.WantsTell(*this);
}

void TlsConnection::OnTimer(Instant) { GiveUp(ArrivalError::kTimeout); }

void TlsConnection::Step() {
  if (phase_ == Phase::kHeader && !ReadHeader()) return;
  if (phase_ == Phase::kHandshake) Handshake();
}

// False: not complete yet, or given up.
bool TlsConnection::ReadHeader() {
  while (header_->wanted() > 0) {
    char bytes[256];
    const size_t size = std::min(sizeof(bytes), header_->wanted());
    const IoResult read = bench_.inner.Read(socket_, bytes, size);
    if (read.kind == IoResult::Kind::kBlocked) return false;
    if (!read.is_bytes()) {
      GiveUp(ArrivalError::kClosed);
      return false;
    }
    header_->Take({bytes, read.size});
  }
  if (!header_->is_valid()) {
    GiveUp(ArrivalError::kProxyHeader);
    return false;
  }
  if (!header_->source_ip().empty()) peer_ip_ = header_->source_ip();
  header_.reset();
  is_readable_ = true;  // its edge may be used up
  if (context_ == nullptr) {
    BecomeReady();
    return false;
  }
  // Whose it is is known only now; a handshake is work.
  std::optional<AddressSlot> address = owner_.Count(peer_ip_);
  if (!address.has_value()) {
    GiveUp(ArrivalError::kAddress);
    return false;
  }
  address_ = std::move(*address);
  phase_ = Phase::kHandshake;
  timer_.Arm(bench_.clock.Now() + kHandshakeTimeout);
  return true;
}

bool TlsConnection::BeginHandshake() {
  ssl_ = context_->NewConnection();
  if (ssl_ == nullptr) return false;
  bench_.inner.held_bytes().Add(kTlsStateBytes);
  BIO* const bio = TlsBio::New(bench_.bio_method.get(), *this);
  if (bio == nullptr) return false;
  SSL_set_bio(ssl_.get(), bio, bio);
  return true;
}

void TlsConnection::Handshake() {
  if (ssl_ == nullptr && !BeginHandshake()) return GiveUp(ArrivalError::kResources);
  ERR_clear_error();
  const int result = SSL_do_handshake(ssl_.get());
  const int error = result == 1 ? SSL_ERROR_NONE : SSL_get_error(ssl_.get(), result);
  const unsigned long why = ERR_peek_error();
  ERR_clear_error();
  if (!Flush()) return GiveUp(ArrivalError::kClosed);
  if (result == 1) {
    CountHandshake();
    return BecomeReady();
  }
  if (error == SSL_ERROR_WANT_READ) return;
  if (ERR_GET_REASON(why) == SSL_R_HTTP_REQUEST) AnswerPlainHttp();
  GiveUp(has_eof_ ? ArrivalError::kClosed : ArrivalError::kProtocol);
}

// A browser or curl with http:// in front of an https port: it can't read an alert.
void TlsConnection::AnswerPlainHttp() {
  bench_.cipher =
      "HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain\r\nConnection: close\r\n"
      "Content-Length: 55\r\n\r\nThis port speaks TLS: use https:// instead of http://.\n";
  out_.Clear();
  if (!Flush()) return;  // nobody is there to read it
}

void TlsConnection::CountHandshake() {
  const bool is_resumed = SSL_session_reused(ssl_.get()) == 1;
  TlsCounters& counters = bench_.counters;
  if (SSL_version(ssl_.get()) == TLS1_3_VERSION) {
    (is_resumed ? counters.handshakes_13_resumed : counters.handshakes_13).Add(1);
  } else {
    (is_resumed ? counters.handshakes_12_resumed : counters.handshakes_12).Add(1);
  }
}

void TlsConnection::BecomeReady() {
  phase_ = Phase::kReady;
  timer_.Disarm();
  bench_.counters.arrivals.Add(-1);
  owner_.OnReady(*this);
}

void TlsConnection::GiveUp(ArrivalError error) {
  bench_.counters.Error(error);
  Close();
  owner_.OnGivenUp(*this);
}

bool TlsConnection::Flush() {
  if (is_dead_) {
    bench_.cipher.clear();
    return false;
  }
  if (!out_.empty()) {
    out_.Append(bench_.cipher, &bench_.inner.held_bytes());
    bench_.cipher.clear();
  }
  const absl::string_view bytes = out_.empty() ? absl::string_view(bench_.cipher) : out_.view();
  if (!bytes.empty()) {
    const iovec piece = {const_cast<char*>(bytes.data()), bytes.size()};
    const IoResult written = bench_.inner.Write(socket_, absl::MakeConstSpan(&piece, 1));
    if (written.kind == IoResult::Kind::kFailed) {
      is_dead_ = true;
      error_ = written.error;
      bench_.cipher.clear();
      out_.Clear();
      return false;
    }
    if (out_.empty()) {
      out_.Append(bytes.substr(written.size), &bench_.inner.held_bytes());
    } else {
      out_.Consume(written.size);
    }
    bench_.cipher.clear();
  }
  if (out_.empty() && std::exchange(is_shut_pending_, false)) bench_.inner.ShutdownWrite(socket_);
  return true;
}

IoResult TlsConnection::Fail(int error) {
  is_dead_ = true;
  if (error_ == 0) error_ = error;
  return {IoResult::Kind::kFailed, 0, error_};
}

IoResult TlsConnection::Read(char* bytes, size_t size) {
  if (context_ == nullptr) return bench_.inner.Read(socket_, bytes, size);
  size_t done = 0;
  ERR_clear_error();
  // Until it is full or the socket is drained: a reader takes a short read for the latter.
  while (done < size && end_ == IoResult::Kind::kBlocked) {
    size_t count = 0;
    if (SSL_read_ex(ssl_.get(), bytes + done, size - done, &count) == 1) {
      done += count;
      continue;
    }
    const int error = SSL_get_error(ssl_.get(), 0);
    if (error == SSL_ERROR_WANT_READ) break;
    // An end without close_notify may have been forged (RFC 8446 6.1): no clean end.
    end_ = error == SSL_ERROR_ZERO_RETURN ? IoResult::Kind::kEnd : IoResult::Kind::kFailed;
    if (end_ == IoResult::Kind::kFailed && error_ == 0) error_ = ECONNRESET;
    ERR_clear_error();
  }
  if (!bench_.cipher.empty() && !Flush()) end_ = IoResult::Kind::kFailed;
  if (done == 0) return {end_, 0, end_ == IoResult::Kind::kFailed ? error_ : 0};
  if (end_ != IoResult::Kind::kBlocked) {
    // No edge will come for the end behind these bytes.
    unseen_.readable = unseen_.hangup = true;
    owner_.WantsTell(*this);
  }
  return {IoResult::Kind::kBytes, done};
}

bool TlsConnection::Encrypt(absl::string_view record) {
  size_t written = 0;
  ERR_clear_error();
  if (SSL_write_ex(ssl_.get(), record.data(), record.size(), &written) == 1) return true;
  ERR_clear_error();
  return false;
}

IoResult TlsConnection::Write(absl::Span<const iovec> parts) {
  if (context_ == nullptr) return bench_.inner.Write(socket_, parts);
  if (is_dead_ || is_shut_) return Fail(EPIPE);
  if (!out_.empty()) {
    wants_space_ = true;
    return {IoResult::Kind::kBlocked};
  }
  Records records(parts, bench_.plain);
  size_t done = 0;
  if (std::exchange(owes_byte_, false)) {
    records.SkipByte();
    done = 1;
  }
  while (out_.empty()) {
    const absl::string_view record = records.Next();
    if (record.empty()) break;
    if (!Encrypt(record)) return Fail(EPIPE);
    done += record.size();
    if (bench_.cipher.size() >= kCipherChunk && !Flush()) return Fail(EPIPE);
  }
  if (!bench_.cipher.empty() && !Flush()) return Fail(EPIPE);
  if (out_.empty()) return {IoResult::Kind::kBytes, done};
  // Everything is encrypted, not everything is written. One byte is left to the writer, so that it
  // waits and closes nothing before; it is skipped when it comes again.
  owes_byte_ = wants_space_ = true;
  if (done == 1) return {IoResult::Kind::kBlocked};
  return {IoResult::Kind::kBytes, done - 1};
}

void TlsConnection::ShutdownWrite() {
  if (context_ == nullptr) return bench_.inner.ShutdownWrite(socket_);
  if (is_shut_ || is_dead_) return;
  is_shut_pending_ = true;
  SayGoodbye();
}

// close_notify, RFC 8446 6.1: each side says that it ends. A failure is seen by the next read.
void TlsConnection::SayGoodbye() {
  if (is_shut_ || is_dead_) return;
  is_shut_ = true;
  ERR_clear_error();
  SSL_shutdown(ssl_.get());
  ERR_clear_error();
  Flush();
}

void TlsConnection::Close() {
  if (phase_ == Phase::kClosed) return;
  // If there is room for it: whoever closes does not wait.
  if (phase_ == Phase::kOpen && context_ != nullptr) SayGoodbye();
  Abandon();
  bench_.inner.Close(socket_);
}

void TlsConnection::Abort() {
  if (phase_ == Phase::kClosed) return;
  Abandon();
  bench_.inner.Abort(socket_);
}

void TlsConnection::Abandon() {
  timer_.Disarm();
  if (phase_ == Phase::kHeader || phase_ == Phase::kHandshake) bench_.counters.arrivals.Add(-1);
  if (phase_ == Phase::kOpen && context_ != nullptr) bench_.counters.open.Add(-1);
  phase_ = Phase::kClosed;
}

}  // namespace spawner::proxy
