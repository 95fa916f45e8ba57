#include "controller/api/logs.h"

#include <algorithm>
#include <optional>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/grpc_status.h"
#include "base/status.h"
#include "controller/api/admission.h"
#include "controller/api/call.h"
#include "controller/api/convert.h"
#include "controller/api/limits.h"
#include "controller/api/loop_handle.h"
#include "controller/api/names.h"

namespace spawner::api {
namespace {

struct LogOrder {
  SessionName name;
  Epoch epoch;
  bool is_previous = false;
  core::LogQuery query;
};

absl::StatusOr<LogOrder> ReadLogs(const Edge& edge, const v1::StreamLogsRequest& request) {
  RETURN_IF_ERROR(CheckRequest(request));
  LogOrder order;
  ASSIGN_OR_RETURN(order.name, ParseSessionName("name", request.name()));
  RETURN_IF_ERROR(edge.CheckNamespace(order.name.ns));
  if (request.previous() && request.epoch() != 0) {
    return InvalidField("previous", "names an incarnation, as `epoch` does: give one of the two");
  }
  order.is_previous = request.previous();
  order.epoch = {request.epoch()};
  order.query.ns = order.name.ns;
  order.query.follow = request.follow();
  if (request.has_tail_lines()) {
    if (request.tail_lines() < 0) {
      return InvalidField("tail_lines", absl::StrCat(request.tail_lines(), " is negative"));
    }
    order.query.tail_lines = request.tail_lines();
  }
  if (request.has_since()) {
    ASSIGN_OR_RETURN(order.query.since, ReadDuration("since", request.since()));
  }
  return order;
}

// Lives until gRPC's OnDone. All state belongs to the loop; reactions only post.
class LogReactor final : public grpc::ServerWriteReactor<v1::StreamLogsResponse>,
                         public core::LogReader {
 public:
  LogReactor(Edge& edge, LeaderClient& leader, grpc::CallbackServerContext* context)
      : edge_(edge), leader_(leader), context_(context), loop_(edge, this) {}

  // Once, and first.
  void Begin(const absl::StatusOr<LogOrder>& order) {
    loop_.Post([order](LogReactor& self) {
      Admit(self.edge_, *self.context_,
            [cell = self.loop_.cell(), order](const absl::StatusOr<auth::CallerPtr>& caller) {
              if (*cell == nullptr) return;
              if (!caller.ok()) return (*cell)->End(caller.status());
              if (!order.ok()) return (*cell)->End(order.status());
              (*cell)->Open(*order);
            });
    });
  }

  // --- core::LogReader --------------------------------------------------------------------------
  void OnLogText(absl::string_view text) override {
    absl::StrAppend(&outbox_, text);
    if (outbox_.size() >= kLogOutboxBytesMax) SetPaused(true);
    WriteNext();
  }
  void OnLogEnd(const absl::Status& status) override {
    read_.reset();
    is_paused_ = false;
    end_ = status;
    if (ReasonOf(status) == "LOG_UNAVAILABLE") {
      end_ = Annotate(status, absl::StrCat("log of session ", order_.name.id.value));
      if (order_.query.follow) {
        return Find([](LogReactor& self, const absl::Status& found_status, const Found& found) {
          if (!found_status.ok() || !found.is_starting) return self.WriteNext();
          self.end_.reset();
          self.StartRead(kLogRetry);
        });
      }
    }
    WriteNext();
  }

  // --- gRPC's threads ---------------------------------------------------------------------------
  void OnWriteDone(bool ok) override {
    loop_.Post([ok](LogReactor& self) {
      self.is_writing_ = false;
      if (!ok) return self.End(absl::CancelledError("the reader is gone"));
      self.WriteNext();
    });
  }
  void OnCancel() override {
    loop_.Post([](LogReactor& self) { self.End(absl::CancelledError("the call was cancelled")); });
  }
  void OnDone() override { delete this; }

 private:
  void Open(const LogOrder& order) {
    const absl::Status added = edge_.AddStream(Edge::StreamKind::kLog, this, kLogsMax,
                                               [this](const absl::Status& status) { End(status); });
    if (!added.ok()) return End(added);
    order_ = order;
    if (order_.is_previous) {
      // Every controller sees every pod: the leader need not be asked.
      const absl::StatusOr<Epoch> before =
          edge_.service()->FindPrevious(order_.name.ns, order_.name.id);
      if (!before.ok()) return End(before.status());
      order_.epoch = *before;
    }
    Find([](LogReactor& self, const absl::Status& status, const Found& found) {
      if (!status.ok()) return self.End(status);
      // One incarnation's log, whatever starts at this key meanwhile.
      self.order_.epoch = found.epoch;
      self.order_.query.pod = found.pod;
      self.StartRead(absl::ZeroDuration());
    });
  }

  struct Found {
    Epoch epoch;
    std::string pod;
    bool is_starting = false;
  };
  using TakeFound = void (*)(LogReactor& self, const absl::Status& status, const Found& found);

  // Calls `take` with the session, now or later.
  void Find(TakeFound take) {
    if (!leader_.ShouldAsk(*context_)) return FindHere(take);
    v1::GetSessionRequest request;
    request.set_name(
        absl::StrCat("namespaces/", order_.name.ns, "/sessions/", order_.name.id.value));
    request.set_epoch(order_.epoch.value);
    leader_.Find(
        *context_, request,
        [self = loop_.cell(), take](const grpc::Status& status, const v1::Session& session) {
          if (*self == nullptr) return;
          if (IsNoAnswer(status)) return (*self)->FindHere(take);
          const bool is_starting =
              session.state() == v1::PENDING || session.state() == v1::STARTING;
          take(**self, FromGrpc(status), {{session.epoch()}, session.pod(), is_starting});
        });
  }
  void FindHere(TakeFound take) {
    if (edge_.service() == nullptr) return End(edge_.NotReady());
    const absl::StatusOr<SessionView> view =
        edge_.service()->Get(order_.name.ns, order_.name.id, order_.epoch);
    if (!view.ok()) return take(*this, view.status(), {});
    const bool is_starting =
        view->state == SessionState::kPending || view->state == SessionState::kStarting;
    take(*this, absl::OkStatus(), {view->epoch, view->pod, is_starting});
  }

  void StartRead(absl::Duration delay) {
    order_.query.delay = delay;
    // A standby has the pods as well; the leader's answer does not say it.
    if (edge_.service() != nullptr) {
      const absl::StatusOr<SessionView> view =
          edge_.service()->Get(order_.name.ns, order_.name.id, order_.epoch);
      if (view.ok()) order_.query.container = view->container;
    }
    read_ = edge_.logs()->Start(order_.query, this);
  }

  void SetPaused(bool is_paused) {
    if (!read_.has_value() || is_paused == is_paused_) return;
    is_paused_ = is_paused;
    edge_.logs()->SetPaused(*read_, is_paused);
  }

  void WriteNext() {
    if (is_writing_) return;
    if (outbox_.empty()) {
      if (end_.has_value()) End(*end_);
      return;
    }
    const size_t size = std::min(outbox_.size(), kLogMessageBytesMax);
    message_.set_content(outbox_.substr(0, size));
    outbox_.erase(0, size);
    if (outbox_.size() < kLogOutboxBytesMax / 2) SetPaused(false);
    is_writing_ = true;
    StartWrite(&message_);
  }

  // The last thing that the loop does with this object.
  void End(const absl::Status& status) {
    if (read_.has_value()) edge_.logs()->Cancel(*read_);
    edge_.RemoveStream(Edge::StreamKind::kLog, this);
    loop_.Clear();
    Finish(ToGrpc(status));
  }

  Edge& edge_;
  LeaderClient& leader_;
  grpc::CallbackServerContext* const context_;
  LoopHandle<LogReactor> loop_;
  LogOrder order_;
  std::optional<core::LogSource::ReadId> read_;
  bool is_paused_ = false;
  std::string outbox_;
  std::optional<absl::Status> end_;  // once all of outbox_ is written
  v1::StreamLogsResponse message_;   // the one being written
  bool is_writing_ = false;
};

}  // namespace

grpc::ServerWriteReactor<v1::StreamLogsResponse>* StartLogs(Edge& edge, LeaderClient& leader,
                                                            grpc::CallbackServerContext* context,
                                                            const v1::StreamLogsRequest& request) {
  auto* reactor = new LogReactor(edge, leader, context);
  reactor->Begin(ReadLogs(edge, request));
  return reactor;
}

}  // namespace spawner::api
