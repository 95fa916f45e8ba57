#ifndef SPAWNER_PROXY_H2_CLIENT_STREAM_H_
#define SPAWNER_PROXY_H2_CLIENT_STREAM_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "base/clock.h"
#include "proxy/h2/inbound_text.h"
#include "proxy/h2/outbound_text.h"
#include "proxy/h2/request_fields.h"
#include "proxy/h2/response_text.h"
#include "proxy/h2/stream_io.h"
#include "proxy/io/held_bytes.h"
#include "proxy/io/io.h"

namespace spawner::proxy::h2 {

// One request to a backend and its response: text on one side, frames on the other. Its socket is
// connected once a connection that speaks HTTP/2 has room for it; until then it waits in a queue.
// Thread: its worker's. Owner: StreamIo.
class ClientStream final : public StreamEnd {
 public:
  // The connection that carries it; takes note until its own turn.
  class Link {
   public:
    // The request's head is known.
    virtual void Submit(ClientStream& stream) = 0;
    // There are bytes for DATA, or its end.
    virtual void SendData(ClientStream& stream) = 0;
    // So much of the body was passed on: the backend may send as much more.
    virtual void Consume(ClientStream& stream, size_t body_bytes) = 0;
    // Nobody wants it any more; it was submitted, or it was not.
    virtual void Cancel(ClientStream& stream, uint32_t code) = 0;

   protected:
    ~Link() = default;
  };
  // Where it waits.
  class Queue {
   public:
    // Its socket was closed: takes it out and releases it.
    virtual void Leave(ClientStream& stream) = 0;

   protected:
    ~Queue() = default;
  };

  ClientStream(StreamIo& io, Queue& queue)
      : io_(io),
        queue_(queue),
        held_(&io.held_bytes(), kOwnBytes),
        in_(&io.held_bytes()),
        out_(&io.held_bytes()) {}

  // ---- its connection ----
  // Room was found for it.
  void Attach(Link& link);
  // Back into the queue: the backend has not seen it (RFC 9113 8.7), and no byte of its body went
  // out. Once.
  void Requeue();
  bool may_requeue() const {
    return !was_requeued_ && !has_response_ && body_sent_ == 0 && !is_closed_;
  }
  // No frame comes or goes any more.
  void Detach();
  bool is_submitted() const { return id != 0; }
  bool is_answered() const { return has_response_; }

  // ---- frames ----
  const OwnedFields& head() const { return head_; }
  bool has_data() const { return !out_.is_complete() || !out_.payload().empty(); }
  // Of a header block: fields of a response's head, or of the trailers. False: malformed.
  void OnBeginHeaders();
  bool OnField(absl::string_view name, absl::string_view value);
  bool OnHeaders(bool ends);
  bool OnData(absl::string_view bytes);
  void OnEnd();
  // The backend has reset it, or has not looked at it.
  void OnReset(uint32_t code);
  // The next bytes of a DATA frame.
  struct Fill {
    size_t size = 0;
    bool is_last = false;
  };
  Fill FillData(uint8_t* bytes, size_t size);
  absl::string_view trailers() const { return out_.trailers(); }
  size_t unread_bytes() const { return in_.body_bytes(); }

  // ---- the socket ----
  IoResult Read(char* bytes, size_t size) override;
  IoResult Write(absl::Span<const iovec> parts) override;
  void ShutdownWrite() override {}  // the message says where it ends
  void OnClose(bool is_abort) override;
  bool IsConnected() const override { return link_ != nullptr; }
  void SayOnAbort(uint32_t code) override { abort_code_ = code; }
  uint32_t FailureCode() const override { return failure_code_; }

  // ---- its connection's ----
  Socket socket;
  int32_t id = 0;            // 0: not submitted
  bool is_sent = false;      // HEADERS went out
  bool is_deferred = false;  // DATA waits for bytes
  Instant submitted_at;

 private:
  static const size_t kOwnBytes;

  // False: the request is broken, the stream cancelled.
  bool Take(absl::string_view* bytes);
  bool TakeHead(absl::string_view* bytes);

  StreamIo& io_;
  Queue& queue_;
  Link* link_ = nullptr;
  HeldBytes held_;                          // this, and head_
  OwnedFields head_;                        // of the request, until the response's has come
  std::unique_ptr<ResponseText> response_;  // the head that is coming in
  InboundText in_;
  OutboundText out_;
  uint64_t body_sent_ = 0;
  uint32_t abort_code_ = 0;    // 0: CANCEL
  uint32_t failure_code_ = 0;  // for whoever has the socket
  int interims_ = 0;
  bool to_head_ = false;
  bool has_response_ = false;  // a final head has come
  bool is_blocked_ = false;
  bool is_closed_ = false;
  bool is_over_ = false;  // detached for good
  bool was_requeued_ = false;
};

}  // namespace spawner::proxy::h2

#endif  // SPAWNER_PROXY_H2_CLIENT_STREAM_H_
