#include "controller/api/inner_api.h"

#include <utility>

#include "base/grpc_status.h"
#include "controller/api/edge_options.h"
#include "controller/api/limits.h"

namespace spawner::api {
namespace {

// One call on its way. Two owners: gRPC's callback, and the answer's way back to the thread.
template <typename Request, typename Response>
struct InnerCall {
  std::unique_ptr<grpc::ClientContext> context;
  Request request;
  Response response;
};

}  // namespace

InnerApi::InnerApi(std::shared_ptr<HttpThread> thread,
                   const std::shared_ptr<grpc::Channel>& channel)
    : thread_(std::move(thread)),
      sessions_(v1::Sessions::NewStub(channel)),
      admin_(v1::Admin::NewStub(channel)) {}

std::unique_ptr<grpc::ClientContext> InnerApi::MakeContext(const HttpRequest& caller) const {
  auto context = std::make_unique<grpc::ClientContext>();
  if (!caller.authorization.empty()) context->AddMetadata("authorization", caller.authorization);
  context->AddMetadata(kPeerHeader, caller.peer);
  return context;
}

void InnerApi::Leave(grpc::ClientContext* context) {
  open_.erase(context);
  if (open_.empty() && finished_ != nullptr) std::exchange(finished_, nullptr)();
}

void InnerApi::Finish(std::function<void()> done) {
  if (open_.empty()) return done();
  finished_ = std::move(done);
  for (grpc::ClientContext* context : open_) context->TryCancel();
}

template <typename Request, typename Response, typename Start>
void InnerApi::Call(const HttpRequest& caller, const Request& request, Done<Response> done,
                    Start start) {
  const auto call = std::make_shared<InnerCall<Request, Response>>();
  call->context = MakeContext(caller);
  call->context->set_deadline(
      gpr_time_add(gpr_now(GPR_CLOCK_REALTIME),
                   gpr_time_from_millis(absl::ToInt64Milliseconds(kHttpCallMax), GPR_TIMESPAN)));
  call->request = request;
  open_.insert(call->context.get());
  start(call->context.get(), &call->request, &call->response,
        [this, call, done = std::move(done)](const grpc::Status& status) {
          thread_->Post([this, call, done, status = FromGrpc(status)] {
            done(status, call->response);
            Leave(call->context.get());
          });
        });
}

void InnerApi::Connect(const HttpRequest& caller, const v1::ConnectRequest& request,
                       Done<v1::ConnectResponse> done) {
  Call(caller, request, std::move(done),
       [this](grpc::ClientContext* context, const v1::ConnectRequest* in, v1::ConnectResponse* out,
              std::function<void(grpc::Status)> heard) {
         sessions_->async()->Connect(context, in, out, std::move(heard));
       });
}

void InnerApi::GetSession(const HttpRequest& caller, const v1::GetSessionRequest& request,
                          Done<v1::Session> done) {
  Call(caller, request, std::move(done),
       [this](grpc::ClientContext* context, const v1::GetSessionRequest* in, v1::Session* out,
              std::function<void(grpc::Status)> heard) {
         sessions_->async()->GetSession(context, in, out, std::move(heard));
       });
}

void InnerApi::GetStatus(const HttpRequest& caller, Done<v1::GetStatusResponse> done) {
  Call(caller, v1::GetStatusRequest(), std::move(done),
       [this](grpc::ClientContext* context, const v1::GetStatusRequest* in,
              v1::GetStatusResponse* out, std::function<void(grpc::Status)> heard) {
         admin_->async()->GetStatus(context, in, out, std::move(heard));
       });
}

std::shared_ptr<InnerApi::Watch> InnerApi::WatchSessions(const HttpRequest& caller,
                                                         const v1::WatchSessionsRequest& request,
                                                         std::weak_ptr<Reader> reader) {
  const auto watch = std::make_shared<Watch>(*this, std::move(reader));
  watch->self_ = watch;
  watch->context_ = MakeContext(caller);
  open_.insert(watch->context_.get());
  sessions_->async()->WatchSessions(watch->context_.get(), &request, watch.get());
  watch->AddHold();  // reads start on the port's thread, not in reactions
  watch->StartRead(&watch->message_);
  watch->StartCall();
  return watch;
}

void InnerApi::Watch::ReadNext() {
  if (is_cancelled_ || !is_held_) return;
  is_reading_ = true;
  StartRead(&message_);
}

void InnerApi::Watch::Cancel() {
  if (std::exchange(is_cancelled_, true)) return;
  context_->TryCancel();
  if (!is_reading_) LetGo();
}

// No read is out and none will be: OnDone may come.
void InnerApi::Watch::LetGo() {
  if (std::exchange(is_held_, false)) RemoveHold();
}

void InnerApi::Watch::OnReadDone(bool ok) {
  api_.thread_->Post([this, ok] {
    is_reading_ = false;
    const std::shared_ptr<Reader> reader = reader_.lock();
    if (ok && reader == nullptr) Cancel();  // of one that has ended: it would hide why
    if (!ok || is_cancelled_) return LetGo();
    reader->OnWatched(message_);
  });
}

void InnerApi::Watch::OnDone(const grpc::Status& status) {
  api_.thread_->Post([this, self = std::move(self_), status = FromGrpc(status)] {
    if (const std::shared_ptr<Reader> reader = reader_.lock();
        reader != nullptr && !is_cancelled_) {
      reader->OnWatchEnd(status);
    }
    api_.Leave(context_.get());
  });
}

}  // namespace spawner::api
