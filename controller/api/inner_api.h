#ifndef SPAWNER_CONTROLLER_API_INNER_API_H_
#define SPAWNER_CONTROLLER_API_INNER_API_H_

#include <grpcpp/channel.h>
#include <grpcpp/client_context.h>
#include <grpcpp/support/client_callback.h>

#include <functional>
#include <memory>
#include <set>
#include <string>

#include "absl/status/status.h"
#include "controller/api/http_exchange.h"
#include "spawner/v1/admin.grpc.pb.h"
#include "spawner/v1/sessions.grpc.pb.h"

namespace spawner::api {

// Our own gRPC services as the HTTP port asks them, within the process: what comes by HTTP passes
// the same checks, is authorised as the same caller (the request's Authorization goes along as
// metadata) and is forwarded to the leader in the same way as what comes by gRPC. There is no
// second path to the core.
// Thread: the HTTP port's. Owner: HttpRoutes.
class InnerApi {
 public:
  template <typename Response>
  using Done = std::function<void(const absl::Status&, const Response&)>;
  class Watch;
  class Reader {
   public:
    virtual ~Reader() = default;
    // Watch::ReadNext brings the next one.
    virtual void OnWatched(const v1::WatchSessionsResponse& message) = 0;
    // The last.
    virtual void OnWatchEnd(const absl::Status& status) = 0;
  };

  InnerApi(std::shared_ptr<HttpThread> thread, const std::shared_ptr<grpc::Channel>& channel);
  InnerApi(const InnerApi&) = delete;
  InnerApi& operator=(const InnerApi&) = delete;

  // `caller` only for the call. DEADLINE_EXCEEDED after kHttpCallMax.
  void Connect(const HttpRequest& caller, const v1::ConnectRequest& request,
               Done<v1::ConnectResponse> done);
  void GetSession(const HttpRequest& caller, const v1::GetSessionRequest& request,
                  Done<v1::Session> done);
  void GetStatus(const HttpRequest& caller, Done<v1::GetStatusResponse> done);
  // The first message is read at once.
  std::shared_ptr<Watch> WatchSessions(const HttpRequest& caller,
                                       const v1::WatchSessionsRequest& request,
                                       std::weak_ptr<Reader> reader);

  // Cancels what is in flight; `done` when nothing is.
  void Finish(std::function<void()> done);

 private:
  std::unique_ptr<grpc::ClientContext> MakeContext(const HttpRequest& caller) const;
  template <typename Request, typename Response, typename Start>
  void Call(const HttpRequest& caller, const Request& request, Done<Response> done, Start start);
  void Leave(grpc::ClientContext* context);

  const std::shared_ptr<HttpThread> thread_;
  const std::unique_ptr<v1::Sessions::Stub> sessions_;
  const std::unique_ptr<v1::Admin::Stub> admin_;
  std::set<grpc::ClientContext*> open_;
  std::function<void()> finished_;
};

// One watch, one message at a time: a reader that is slow fills its outbox at the edge, and is
// ended there by its bound. Owners: the reader, and gRPC until it has ended.
class InnerApi::Watch final : public grpc::ClientReadReactor<v1::WatchSessionsResponse> {
 public:
  Watch(InnerApi& api, std::weak_ptr<Reader> reader) : api_(api), reader_(std::move(reader)) {}

  void ReadNext();
  // No message comes any more.
  void Cancel();

  // --- gRPC's threads ---------------------------------------------------------------------------
  void OnReadDone(bool ok) override;
  void OnDone(const grpc::Status& status) override;

 private:
  friend class InnerApi;
  void LetGo();

  InnerApi& api_;
  const std::weak_ptr<Reader> reader_;
  std::shared_ptr<Watch> self_;  // gRPC's
  std::unique_ptr<grpc::ClientContext> context_;
  v1::WatchSessionsResponse message_;  // the one being read
  bool is_reading_ = true;
  bool is_cancelled_ = false;
  bool is_held_ = true;
};

}  // namespace spawner::api

#endif  // SPAWNER_CONTROLLER_API_INNER_API_H_
