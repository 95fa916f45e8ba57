#ifndef SPAWNER_CONTROLLER_API_CALL_H_
#define SPAWNER_CONTROLLER_API_CALL_H_

#include <google/protobuf/message.h>
#include <grpcpp/server_context.h>
#include <grpcpp/support/server_callback.h>

#include <functional>
#include <memory>
#include <utility>

#include "absl/status/status.h"
#include "controller/api/edge.h"
#include "controller/auth/caller.h"

namespace spawner::api {

// The loop's end of one unary call. Two owners: gRPC's reactor, and whatever the core keeps until
// it has an answer; the first that ends the call (answer, cancellation) takes it, the other finds
// it closed. Thread: the loop's.
class Call {
 public:
  Call(Edge& edge, grpc::ServerUnaryReactor* reactor, grpc::CallbackServerContext* context)
      : edge_(edge), reactor_(reactor), context_(context) {}

  // Gives the core the call, or answers why there is none.
  void Begin(const std::function<void(core::Service&)>& work);

  // Who made it, once it was admitted; null where there is no guard.
  const auth::CallerPtr& caller() const { return caller_; }
  void set_caller(auth::CallerPtr caller) { caller_ = std::move(caller); }

  // While open, the call's context, request and response are there.
  bool is_open() const { return reactor_ != nullptr; }
  grpc::CallbackServerContext& context() { return *context_; }
  void Finish(const grpc::Status& status);
  void Finish(const absl::Status& status);
  // Called once, when the call is over, however it ends: for what the core keeps of it.
  void OnFinish(std::function<void()> over) {
    if (!is_open()) return over();
    over_ = std::move(over);
  }

 private:
  Edge& edge_;
  grpc::ServerUnaryReactor* reactor_;
  grpc::CallbackServerContext* context_;
  bool has_begun_ = false;
  std::function<void()> over_;
  auth::CallerPtr caller_;
};

using CallPtr = std::shared_ptr<Call>;

// A reactor whose `work` runs on the loop once the caller is admitted and there is a core; a call
// that is cancelled, by its client or by shutdown, is closed at once. `refusal` not OK: it is the
// answer to those who may call, and nothing runs.
grpc::ServerUnaryReactor* StartCall(Edge& edge, grpc::CallbackServerContext* context,
                                    const absl::Status& refusal,
                                    std::function<void(CallPtr, core::Service&)> work);

// What every request must pass before its fields are read: size, and nothing that this version does
// not know.
absl::Status CheckRequest(const google::protobuf::Message& request);

}  // namespace spawner::api

#endif  // SPAWNER_CONTROLLER_API_CALL_H_
