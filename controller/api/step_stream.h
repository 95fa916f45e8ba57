#ifndef SPAWNER_CONTROLLER_API_STEP_STREAM_H_
#define SPAWNER_CONTROLLER_API_STEP_STREAM_H_

#include <grpcpp/server_context.h>
#include <grpcpp/support/server_callback.h>

#include <deque>
#include <optional>
#include <utility>

#include "absl/status/status.h"
#include "base/grpc_status.h"
#include "controller/api/admission.h"
#include "controller/api/edge.h"
#include "controller/api/limits.h"
#include "controller/api/loop_handle.h"

namespace spawner::api {

// A server stream that tells the steps of something that takes a while. Lives until gRPC's OnDone.
// All state belongs to the loop; reactions only post. What tells is bounded by itself.
template <typename Response>
class StepStream : public grpc::ServerWriteReactor<Response> {
 public:
  StepStream(Edge& edge, grpc::CallbackServerContext* context)
      : edge_(edge), context_(context), loop_(edge, this) {}

  // Once, and first: `refusal` not OK is the answer to those who may call.
  void Begin(const absl::Status& refusal) {
    loop_.Post([refusal](StepStream& self) {
      Admit(self.edge_, *self.context_,
            [cell = self.loop_.cell(), refusal](const absl::StatusOr<auth::CallerPtr>& caller) {
              if (*cell == nullptr) return;
              if (!caller.ok()) return (*cell)->End(caller.status());
              if (!refusal.ok()) return (*cell)->End(refusal);
              (*cell)->Open();
            });
    });
  }

  void OnWriteDone(bool ok) override {
    loop_.Post([ok](StepStream& self) {
      self.is_writing_ = false;
      if (!ok) return self.End(absl::CancelledError("the reader is gone"));
      self.WriteNext();
    });
  }
  void OnCancel() override {
    loop_.Post([](StepStream& self) { self.End(absl::CancelledError("the call was cancelled")); });
  }
  void OnDone() override { delete this; }

 protected:
  ~StepStream() override = default;

  // Begins the work, with a service there. It calls Tell, and once Close; not after Stop.
  virtual void Run() = 0;
  // Drops what is in flight: the stream ends.
  virtual void Stop() {}
  // After Stop: something of gRPC's has to let go first, and calls Release then.
  virtual bool IsHeld() const { return false; }
  void Release() {
    if (held_end_.has_value()) End(*held_end_);
  }

  void Tell(Response step) {
    outbox_.push_back(std::move(step));
    WriteNext();
  }
  // Ends the stream when all is written.
  void Close(const absl::Status& status) {
    end_ = status;
    WriteNext();
  }

  Edge& edge() { return edge_; }
  grpc::CallbackServerContext& context() { return *context_; }
  const typename LoopHandle<StepStream>::Cell& cell() const { return loop_.cell(); }

 private:
  void Open() {
    const absl::Status added = edge_.AddStream(Edge::StreamKind::kSteps, this, kStepStreamsMax,
                                               [this](const absl::Status& status) { End(status); });
    if (!added.ok()) return End(added);
    Run();
  }

  void WriteNext() {
    if (is_writing_) return;
    if (outbox_.empty()) {
      if (end_.has_value()) End(*end_);
      return;
    }
    message_ = std::move(outbox_.front());
    outbox_.pop_front();
    is_writing_ = true;
    this->StartWrite(&message_);
  }

  // The last thing that the loop does with this object.
  void End(const absl::Status& status) {
    Stop();
    if (IsHeld()) {
      if (!held_end_.has_value()) held_end_ = status;
      return;
    }
    edge_.RemoveStream(Edge::StreamKind::kSteps, this);
    loop_.Clear();
    this->Finish(ToGrpc(status));
  }

  Edge& edge_;
  grpc::CallbackServerContext* const context_;
  LoopHandle<StepStream> loop_;
  std::deque<Response> outbox_;
  std::optional<absl::Status> end_;
  std::optional<absl::Status> held_end_;  // as soon as nothing is held
  Response message_;                      // the one being written
  bool is_writing_ = false;
};

}  // namespace spawner::api

#endif  // SPAWNER_CONTROLLER_API_STEP_STREAM_H_
