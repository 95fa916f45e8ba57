#include "controller/api/watch_relay.h"

#include <utility>

#include "base/grpc_status.h"

namespace spawner::api {

WatchRelay::WatchRelay(Edge& edge, LeaderClient& leader, grpc::CallbackServerContext& context,
                       const v1::WatchSessionsRequest& request, Reader& reader)
    : edge_(edge), reader_(reader), context_(leader.BindWatch(context, request, this)) {
  AddHold();  // reads start on the loop, not in reactions
  StartRead(&message_);
  StartCall();
}

void WatchRelay::ReadNext() {
  if (is_cancelled_) return;
  is_reading_ = true;
  StartRead(&message_);
}

void WatchRelay::Cancel() {
  is_cancelled_ = true;
  context_->TryCancel();
  if (!is_reading_) LetGo();
}

// No read is out and none will be: OnDone may come.
void WatchRelay::LetGo() {
  if (std::exchange(is_held_, false)) RemoveHold();
}

void WatchRelay::OnReadDone(bool ok) {
  edge_.Post([this, ok] {
    is_reading_ = false;
    if (!ok || is_cancelled_) return LetGo();
    reader_.OnRelayed(message_);
  });
}

void WatchRelay::OnDone(const grpc::Status& status) {
  edge_.Post([this, status = FromGrpc(status)] { reader_.OnRelayEnd(status); });
}

}  // namespace spawner::api
