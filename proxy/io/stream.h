#ifndef SPAWNER_PROXY_IO_STREAM_H_
#define SPAWNER_PROXY_IO_STREAM_H_

#include <sys/uio.h>

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <optional>

#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "proxy/io/buffer.h"
#include "proxy/io/io.h"
#include "proxy/io/splice.h"

namespace spawner::proxy {

// A non-blocking byte stream over one socket: remembers which edges are still to be used, and keeps
// the rest of a write that was blocked. While is_blocked() the writer must not write more: that is
// all there is to back-pressure, so at most one scratch buffer of bytes is kept.
// Thread: the loop of its Io. Owner: Downstream, Upstream or Tunnel.
class Stream {
 public:
  explicit Stream(Io& io) : io_(io) {}
  // Takes over the socket of `other`, its edges and what it keeps; events go to `handler` from now
  // on.
  Stream(Stream&& other, IoHandler& handler);
  ~Stream() { Close(); }
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;

  void Adopt(Socket socket) { socket_ = socket; }
  bool is_open() const { return socket_.is_open(); }
  Socket socket() const { return socket_; }
  Io& io() const { return io_; }

  // First thing in OnIo: takes note of the edges.
  void OnIo(IoEvents events);

  // A read may give something: an edge came and was not used up yet.
  bool is_readable() const { return is_readable_ && !has_ended_; }
  // One recv. kBlocked without one while nothing can be there.
  IoResult Read(char* bytes, size_t size);
  // FIN or failure is known to have come, perhaps behind bytes not read yet.
  bool is_hung_up() const { return is_hung_up_; }
  bool has_failed() const { return has_failed_; }
  // Read() has given kEnd.
  bool has_ended() const { return has_ended_; }

  // Writes all parts in order, keeping what the socket doesn't take. False: the connection is dead.
  bool Write(std::initializer_list<absl::string_view> parts) { return Put(parts, &Io::Write); }
  // The same when FinishWriting or Close follows at once.
  bool WriteLast(std::initializer_list<absl::string_view> parts) {
    return Put(parts, &Io::WriteLast);
  }
  bool is_blocked() const { return splice_ != nullptr || !rest_.empty(); }
  // Writes what was kept. False: the connection is dead.
  bool Flush();
  size_t kept() const { return rest_.size() + (splice_ == nullptr ? 0 : splice_->held()); }
  // Reads up to `size` bytes and writes them to `to`, which is not blocked, without looking at
  // them. As Read; what `to` doesn't take is kept there, and if it is dead it says has_failed().
  // Nothing: these two can't, use Read and Write.
  std::optional<IoResult> MoveTo(Stream& to, size_t size);

  // Half-close once nothing is kept any more.
  void FinishWriting();
  bool is_finished() const { return is_finishing_; }

  void Close();
  // `code`: as Io::AbortWith; 0: none.
  void Abort(uint32_t code = 0);
  uint32_t failure_code() const { return is_open() ? io_.FailureCode(socket_) : 0; }

 private:
  bool Put(std::initializer_list<absl::string_view> parts,
           IoResult (Io::*write)(Socket, absl::Span<const iovec>));
  void NoteRead(const IoResult& result);
  // False: the connection is dead.
  bool FlushSplice();
  bool FlushRest();
  void DropKept();

  Io& io_;
  Socket socket_;
  bool is_readable_ : 1 = false;  // registration tells of what is there already
  bool is_hung_up_ : 1 = false;
  bool has_failed_ : 1 = false;
  bool has_ended_ : 1 = false;
  bool is_finishing_ : 1 = false;
  std::unique_ptr<Splice> splice_;  // what it holds goes before rest_; null: nothing
  Buffer rest_;
};

}  // namespace spawner::proxy

#endif  // SPAWNER_PROXY_IO_STREAM_H_
