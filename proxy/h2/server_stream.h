#ifndef SPAWNER_PROXY_H2_SERVER_STREAM_H_
#define SPAWNER_PROXY_H2_SERVER_STREAM_H_

#include <cstddef>
#include <cstdint>

#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "proxy/h2/inbound_text.h"
#include "proxy/h2/limits.h"
#include "proxy/h2/outbound_text.h"
#include "proxy/h2/request_text.h"
#include "proxy/h2/stream_io.h"
#include "proxy/h2/workspace.h"
#include "proxy/http/head.h"
#include "proxy/io/counter.h"
#include "proxy/io/held_bytes.h"
#include "proxy/io/io.h"

namespace spawner::proxy::h2 {

// One request of a client and its response: frames on one side, text on the other.
// Thread: its worker's. Owner: StreamIo.
class ServerStream final : public StreamEnd {
 public:
  // What it asks of its connection, which only takes note of it until its own turn.
  class Link {
   public:
    // So much of the body was passed on: the client may send as much more.
    virtual void Consume(ServerStream& stream, size_t body_bytes) = 0;
    // The workspace's block.
    virtual void SendHead(ServerStream& stream, bool is_interim) = 0;
    virtual void SendData(ServerStream& stream) = 0;
    virtual void Reset(ServerStream& stream, uint32_t code) = 0;
    virtual void Tell(ServerStream& stream, IoEvents events) = 0;
    // So many bytes more, or less, wait to be sent.
    virtual void CountOut(int64_t bytes) = 0;
    virtual bool HasRoom() const = 0;
    virtual Workspace& workspace() = 0;

   protected:
    ~Link() = default;
  };

  // `held`: what its memory is counted in.
  ServerStream(Link& link, int32_t id, Counter& held)
      : link_(&link),
        id_(id),
        held_(&held),
        own_held_(&held, sizeof(*this) + kStreamStateBytes),
        in_(&held),
        out_(&held) {}
  int32_t id() const { return id_; }

  // ---- frames, from its connection ----
  bool has_head() const { return has_head_; }
  // Its header block is complete. Anything but kGood: the stream is not to be served.
  RequestText::Verdict OnHead(RequestText& request, bool ends);
  void OnData(absl::string_view bytes);
  // False: not one that can be passed on.
  bool OnTrailer(absl::string_view name, absl::string_view value);
  void OnEnd();
  // The next bytes of a DATA frame.
  struct Fill {
    size_t size = 0;
    bool is_last = false;
  };
  Fill FillData(uint8_t* bytes, size_t size);
  absl::string_view trailers() const { return out_.trailers(); }
  bool has_data() const { return !out_.is_complete() || !out_.payload().empty(); }
  // The client has reset it.
  void OnReset(uint32_t code);
  // END_STREAM has gone out.
  void OnEndSent();
  // No frame comes or goes any more; the connection may be gone.
  void Detach();
  // The client has.
  bool has_ended() const { return in_.has_ended(); }
  size_t unread_bytes() const { return in_.body_bytes(); }
  // The connection has room again: a blocked writer may go on.
  void OnRoom();

  // ---- the socket ----
  IoResult Read(char* bytes, size_t size) override;
  IoResult Write(absl::Span<const iovec> parts) override;
  void ShutdownWrite() override;
  void OnClose(bool is_abort) override;
  bool IsConnected() const override { return link_ != nullptr; }
  bool ClosesCleanly() const override { return in_.has_ended() && out_.is_complete(); }
  void SayOnAbort(uint32_t code) override { abort_code_ = code; }
  uint32_t FailureCode() const override { return failure_code_; }

  // ---- its connection's ----
  Socket socket;
  bool is_deferred = false;  // DATA waits for bytes
  bool is_served = false;    // somebody has the socket
  uint32_t place = 0;        // in its list

 private:
  // False: the response is broken, the stream reset.
  bool Take(absl::string_view* bytes);
  bool TakeHead(absl::string_view* bytes);
  bool Break();
  // The backend has agreed to what was asked for (RFC 6455 4.2.2).
  bool IsAgreement(const ResponseHead& head) const;
  size_t out_bytes_max() const;
  // What an incomplete message is reset with.
  uint32_t reset_code() const;
  // Both directions have ended as they should: the socket reads an end.
  void CheckEnd();

  Link* link_;
  const int32_t id_;
  Counter* const held_;
  HeldBytes own_held_;
  InboundText in_;
  OutboundText out_;
  uint32_t abort_code_ = 0;    // 0: the usual one
  uint32_t failure_code_ = 0;  // for whoever has the socket
  bool has_head_ = false;
  bool to_head_ = false;
  bool is_websocket_ = false;  // RFC 8441: asked for, or a tunnel by now
  bool has_final_head_ = false;
  bool is_blocked_ = false;
  bool is_closed_ = false;
  bool is_end_sent_ = false;
};

}  // namespace spawner::proxy::h2

#endif  // SPAWNER_PROXY_H2_SERVER_STREAM_H_
