#ifndef SPAWNER_CONTROLLER_API_WATCH_RELAY_H_
#define SPAWNER_CONTROLLER_API_WATCH_RELAY_H_

#include <grpcpp/client_context.h>
#include <grpcpp/support/client_callback.h>

#include <memory>

#include "absl/status/status.h"
#include "controller/api/edge.h"
#include "controller/api/leader_client.h"
#include "spawner/v1/sessions.pb.h"

namespace spawner::api {

// A standby's end of a watch at the leader. One message at a time: the next is read when the last
// is on the watcher's wire, so that a slow watcher fills the leader's outbox and ends by its bound.
// Thread: the loop's; reactions only post. Owner: the reader, from construction to OnRelayEnd.
class WatchRelay final : public grpc::ClientReadReactor<v1::WatchSessionsResponse> {
 public:
  class Reader {
   public:
    virtual ~Reader() = default;
    // `message` may be taken. ReadNext brings the next one.
    virtual void OnRelayed(v1::WatchSessionsResponse& message) = 0;
    // gRPC has let go: may destroy the relay. Without a reason it is not the leader that ended it.
    virtual void OnRelayEnd(const absl::Status& status) = 0;
  };

  // Of a call with this context; the first message is read at once.
  WatchRelay(Edge& edge, LeaderClient& leader, grpc::CallbackServerContext& context,
             const v1::WatchSessionsRequest& request, Reader& reader);

  void ReadNext();
  // No message comes any more, OnRelayEnd soon.
  void Cancel();

  // --- gRPC's threads ---------------------------------------------------------------------------
  void OnReadDone(bool ok) override;
  void OnDone(const grpc::Status& status) override;

 private:
  void LetGo();

  Edge& edge_;
  Reader& reader_;
  v1::WatchSessionsResponse message_;  // the one being read
  bool is_reading_ = true;
  bool is_cancelled_ = false;
  bool is_held_ = true;
  std::unique_ptr<grpc::ClientContext> context_;
};

}  // namespace spawner::api

#endif  // SPAWNER_CONTROLLER_API_WATCH_RELAY_H_
