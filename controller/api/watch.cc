#include "controller/api/watch.h"

#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "base/grpc_status.h"
#include "base/status.h"
#include "controller/api/admission.h"
#include "controller/api/call.h"
#include "controller/api/filter.h"
#include "controller/api/limits.h"
#include "controller/api/loop_handle.h"
#include "controller/api/names.h"
#include "controller/api/stream_relay.h"

namespace spawner::api {
namespace {

using WatchRelay = StreamRelay<v1::WatchSessionsResponse>;

struct WatchOrder {
  core::ListParams filter;
  v1::WatchSessionsRequest request;  // for the leader
};

absl::StatusOr<WatchOrder> ReadWatch(const Edge& edge, const v1::WatchSessionsRequest& request) {
  RETURN_IF_ERROR(CheckRequest(request));
  WatchOrder order;
  ASSIGN_OR_RETURN(order.filter.ns, ParseParentOrAll("parent", request.parent()));
  if (!order.filter.ns.empty()) RETURN_IF_ERROR(edge.CheckNamespace(order.filter.ns));
  RETURN_IF_ERROR(ParseFilter(request.filter(), order.filter));
  RETURN_IF_ERROR(CheckText("resume_version", request.resume_version(), kPageTokenBytesMax));
  order.request = request;
  return order;
}

// Lives until gRPC's OnDone. All state belongs to the loop; reactions only post.
class WatchReactor final : public grpc::ServerWriteReactor<v1::WatchSessionsResponse>,
                           public core::Watcher,
                           public WatchRelay::Reader {
 public:
  WatchReactor(Edge& edge, LeaderClient& leader, WatchMessages& messages,
               grpc::CallbackServerContext* context)
      : edge_(edge), leader_(leader), messages_(messages), context_(context), loop_(edge, this) {}

  // Once, and first.
  void Begin(const absl::StatusOr<WatchOrder>& order) {
    loop_.Post([order](WatchReactor& self) {
      Admit(self.edge_, *self.context_,
            [cell = self.loop_.cell(), order](const absl::StatusOr<auth::CallerPtr>& caller) {
              if (*cell == nullptr) return;
              if (!caller.ok()) return (*cell)->End(caller.status());
              if (!order.ok()) return (*cell)->End(order.status());
              (*cell)->Open(*order);
            });
    });
  }

  // --- core::Watcher ----------------------------------------------------------------------------
  bool OnWatchEvent(const core::WatchEvent& event) override {
    if (outbox_.size() >= kWatchOutboxMax) return false;
    outbox_.push_back(messages_.Of(event));
    WriteNext();
    return true;
  }
  bool HasRoom() const override { return outbox_.size() < kWatchListAhead; }
  void OnWatchEnd(const absl::Status& status) override {
    watch_.reset();  // over on the core's side
    // Not from within the core's call: End may be called by Watch itself.
    loop_.Post([status](WatchReactor& self) { self.End(status); });
  }

  // --- WatchRelay::Reader -----------------------------------------------------------------------
  void OnRelayed(v1::WatchSessionsResponse& message) override {
    auto taken = std::make_shared<v1::WatchSessionsResponse>();
    taken->Swap(&message);
    Write(std::move(taken));
  }
  void OnRelayEnd(const absl::Status& status) override {
    relay_.reset();
    // A leader that is shut down in a hurry cancels.
    const bool is_gone = ReasonOf(status).empty() || absl::IsCancelled(status);
    End(end_.value_or(is_gone ? Edge::LeaderGone() : status));
  }

  // --- gRPC's threads ---------------------------------------------------------------------------
  void OnWriteDone(bool ok) override {
    loop_.Post([ok](WatchReactor& self) {
      self.is_writing_ = false;
      if (!ok) return self.End(absl::CancelledError("the watcher is gone"));
      if (self.relay_ != nullptr) return self.relay_->ReadNext();
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
    order_ = order;
    if (!leader_.ShouldAsk(*context_)) return WatchHere();
    if (!Enter(Edge::StreamKind::kRelay)) return;
    // Whether it is there, and leads: before a watch that may have nothing to say for long.
    leader_.FindStatus(*context_, [self = loop_.cell()](const grpc::Status& status,
                                                        const v1::GetStatusResponse& leader) {
      if (*self != nullptr) (*self)->OnLeaderAnswer(status.ok() && leader.is_leader());
    });
  }
  void OnLeaderAnswer(bool leads) {
    if (!leads || !leader_.ShouldAsk(*context_)) return WatchHere();
    relay_ = std::make_unique<WatchRelay>(edge_, *this, [this](WatchRelay* relay) {
      return leader_.BindWatch(*context_, order_.request, relay);
    });
  }

  // False: the call has ended.
  bool Enter(Edge::StreamKind kind) {
    edge_.RemoveStream(kind_, this);
    kind_ = kind;
    const absl::Status added = edge_.AddStream(kind, this, kWatchersMax,
                                               [this](const absl::Status& status) { End(status); });
    if (!added.ok()) End(added);
    return added.ok();
  }

  void WatchHere() {
    if (!Enter(Edge::StreamKind::kWatch)) return;
    absl::StatusOr<core::Service::WatchId> watch =
        edge_.service()->Watch(order_.filter, order_.request.resume_version(), this);
    if (!watch.ok()) return End(watch.status());
    watch_ = *watch;
  }

  void WriteNext() {
    if (is_writing_ || outbox_.empty()) return;
    WatchMessages::Message next = std::move(outbox_.front());
    outbox_.pop_front();
    Write(std::move(next));
  }

  void Write(WatchMessages::Message message) {
    message_ = std::move(message);
    is_writing_ = true;
    StartWrite(message_.get());
  }

  // The last thing that the loop does with this object, unless a relay has to end first.
  void End(const absl::Status& status) {
    if (relay_ != nullptr) {
      if (end_.has_value()) return;
      end_ = status;
      return relay_->Cancel();
    }
    if (watch_.has_value() && edge_.service() != nullptr) edge_.service()->CancelWatch(*watch_);
    edge_.RemoveStream(kind_, this);
    loop_.Clear();
    Finish(ToGrpc(status));
  }

  Edge& edge_;
  LeaderClient& leader_;
  WatchMessages& messages_;
  grpc::CallbackServerContext* const context_;
  LoopHandle<WatchReactor> loop_;
  WatchOrder order_;
  Edge::StreamKind kind_ = Edge::StreamKind::kWatch;
  std::unique_ptr<WatchRelay> relay_;  // until gRPC has let go of it
  std::optional<absl::Status> end_;    // of a relay
  std::optional<core::Service::WatchId> watch_;
  std::deque<WatchMessages::Message> outbox_;
  WatchMessages::Message message_;  // the one being written
  bool is_writing_ = false;
};

}  // namespace

grpc::ServerWriteReactor<v1::WatchSessionsResponse>* StartWatch(
    Edge& edge, LeaderClient& leader, WatchMessages& messages, grpc::CallbackServerContext* context,
    const v1::WatchSessionsRequest& request) {
  auto* reactor = new WatchReactor(edge, leader, messages, context);
  reactor->Begin(ReadWatch(edge, request));
  return reactor;
}

}  // namespace spawner::api
