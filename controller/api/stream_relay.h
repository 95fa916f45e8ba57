#ifndef SPAWNER_CONTROLLER_API_STREAM_RELAY_H_
#define SPAWNER_CONTROLLER_API_STREAM_RELAY_H_

#include <grpcpp/client_context.h>
#include <grpcpp/support/client_callback.h>

#include <functional>
#include <memory>
#include <utility>

#include "absl/status/status.h"
#include "base/grpc_status.h"
#include "controller/api/edge.h"

namespace spawner::api {

// A standby's end of a server stream at the leader. One message at a time: the next is read when
// the reader asks for it (a watcher when the last is on its wire, so that a slow one fills the
// leader's outbox and ends by its bound).
// Thread: the loop's; reactions only post. Owner: the reader, from construction to OnRelayEnd.
template <typename Response>
class StreamRelay final : public grpc::ClientReadReactor<Response> {
 public:
  class Reader {
   public:
    virtual ~Reader() = default;
    // `message` may be taken. ReadNext brings the next one.
    virtual void OnRelayed(Response& message) = 0;
    // gRPC has let go: may destroy the relay. Without a reason it is not the leader that ended it.
    virtual void OnRelayEnd(const absl::Status& status) = 0;
  };
  // Makes the call, for this to start: LeaderClient's Bind methods.
  using Bind = std::function<std::unique_ptr<grpc::ClientContext>(StreamRelay* relay)>;

  // The first message is read at once.
  StreamRelay(Edge& edge, Reader& reader, const Bind& bind)
      : edge_(edge), reader_(reader), context_(bind(this)) {
    this->AddHold();  // reads start on the loop, not in reactions
    this->StartRead(&message_);
    this->StartCall();
  }

  void ReadNext() {
    if (is_cancelled_) return;
    is_reading_ = true;
    this->StartRead(&message_);
  }

  // No message comes any more, OnRelayEnd soon.
  void Cancel() {
    is_cancelled_ = true;
    context_->TryCancel();
    if (!is_reading_) LetGo();
  }

  // --- gRPC's threads ---------------------------------------------------------------------------
  void OnReadDone(bool ok) override {
    edge_.Post([this, ok] {
      is_reading_ = false;
      if (!ok || is_cancelled_) return LetGo();
      reader_.OnRelayed(message_);
    });
  }
  void OnDone(const grpc::Status& status) override {
    edge_.Post([this, status = FromGrpc(status)] { reader_.OnRelayEnd(status); });
  }

 private:
  // No read is out and none will be: OnDone may come.
  void LetGo() {
    if (std::exchange(is_held_, false)) this->RemoveHold();
  }

  Edge& edge_;
  Reader& reader_;
  Response message_;  // the one being read
  bool is_reading_ = true;
  bool is_cancelled_ = false;
  bool is_held_ = true;
  std::unique_ptr<grpc::ClientContext> context_;
};

}  // namespace spawner::api

#endif  // SPAWNER_CONTROLLER_API_STREAM_RELAY_H_
