#include "controller/api/watch.h"

#include <deque>
#include <optional>
#include <string>
#include <utility>

#include "base/grpc_status.h"
#include "base/status.h"
#include "controller/api/call.h"
#include "controller/api/convert.h"
#include "controller/api/filter.h"
#include "controller/api/limits.h"
#include "controller/api/loop_handle.h"
#include "controller/api/names.h"

namespace spawner::api {
namespace {

struct WatchOrder {
  core::ListParams filter;
  std::string resume_version;
};

absl::StatusOr<WatchOrder> ReadWatch(const Edge& edge, const v1::WatchSessionsRequest& request) {
  RETURN_IF_ERROR(CheckRequest(request));
  WatchOrder order;
  ASSIGN_OR_RETURN(order.filter.ns, ParseParentOrAll("parent", request.parent()));
  if (!order.filter.ns.empty()) RETURN_IF_ERROR(edge.CheckNamespace(order.filter.ns));
  RETURN_IF_ERROR(ParseFilter(request.filter(), order.filter));
  RETURN_IF_ERROR(CheckText("resume_version", request.resume_version(), kPageTokenBytesMax));
  order.resume_version = request.resume_version();
  return order;
}

// Lives until gRPC's OnDone. All state belongs to the loop; reactions only post.
class WatchReactor final : public grpc::ServerWriteReactor<v1::WatchSessionsResponse>,
                           public core::Watcher {
 public:
  explicit WatchReactor(Edge& edge) : edge_(edge), loop_(edge, this) {}

  void Begin(WatchOrder order) {
    loop_.Post([order = std::move(order)](WatchReactor& self) { self.Open(order); });
  }
  // Before Begin: ends the call with nothing on the loop.
  void Refuse(const absl::Status& status) { Finish(ToGrpc(status)); }

  // --- core::Watcher ----------------------------------------------------------------------------
  bool OnWatchEvent(const core::WatchEvent& event) override {
    if (outbox_.size() >= kWatchOutboxMax) return false;
    outbox_.push_back(event);
    WriteNext();
    return true;
  }
  void OnWatchEnd(const absl::Status& status) override {
    watch_.reset();  // over on the core's side
    // Not from within the core's call: End may be called by Watch itself.
    loop_.Post([status](WatchReactor& self) { self.End(status); });
  }

  // --- gRPC's threads ---------------------------------------------------------------------------
  void OnWriteDone(bool ok) override {
    loop_.Post([ok](WatchReactor& self) {
      self.is_writing_ = false;
      if (!ok) return self.End(absl::CancelledError("the watcher is gone"));
      self.WriteNext();
    });
  }
  void OnCancel() override {
    loop_.Post(
        [](WatchReactor& self) { self.End(absl::CancelledError("the call was cancelled")); });
  }
  void OnDone() override { delete this; }

 private:
  void Open(const WatchOrder& order) {
    const absl::Status added = edge_.AddStream(Edge::StreamKind::kWatch, this, kWatchersMax,
                                               [this](const absl::Status& status) { End(status); });
    if (!added.ok()) return End(added);
    absl::StatusOr<core::Service::WatchId> watch =
        edge_.service()->Watch(order.filter, order.resume_version, this);
    if (!watch.ok()) return End(watch.status());
    watch_ = *watch;
  }

  void WriteNext() {
    if (is_writing_ || outbox_.empty()) return;
    const core::WatchEvent& event = outbox_.front();
    message_.Clear();
    message_.set_type(static_cast<v1::WatchSessionsResponse::Type>(event.type));
    message_.set_version(event.version);
    if (event.type != core::WatchEventType::kBookmark) {
      WriteSession(event.session, edge_.urls(), *message_.mutable_session());
    }
    outbox_.pop_front();
    is_writing_ = true;
    StartWrite(&message_);
  }

  // The last thing that the loop does with this object.
  void End(const absl::Status& status) {
    if (watch_.has_value() && edge_.service() != nullptr) edge_.service()->CancelWatch(*watch_);
    edge_.RemoveStream(Edge::StreamKind::kWatch, this);
    loop_.Clear();
    Finish(ToGrpc(status));
  }

  Edge& edge_;
  LoopHandle<WatchReactor> loop_;
  std::optional<core::Service::WatchId> watch_;
  std::deque<core::WatchEvent> outbox_;
  v1::WatchSessionsResponse message_;  // the one being written
  bool is_writing_ = false;
};

}  // namespace

grpc::ServerWriteReactor<v1::WatchSessionsResponse>* StartWatch(
    Edge& edge, const v1::WatchSessionsRequest& request) {
  auto* reactor = new WatchReactor(edge);
  absl::StatusOr<WatchOrder> order = ReadWatch(edge, request);
  if (order.ok()) {
    reactor->Begin(*std::move(order));
  } else {
    reactor->Refuse(order.status());
  }
  return reactor;
}

}  // namespace spawner::api
