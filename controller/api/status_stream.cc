#include "controller/api/status_stream.h"

#include <google/protobuf/util/json_util.h>

#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "controller/api/backend_api.h"
#include "controller/api/http_error.h"
#include "controller/api/limits.h"

namespace spawner::api {
namespace {

std::string ToJson(const google::protobuf::Message& message) {
  std::string json;
  if (!google::protobuf::util::MessageToJsonString(message, &json).ok()) return "{}";
  return json;
}

std::string TimeText(absl::Time time) {
  return absl::FormatTime("%Y-%m-%dT%H:%M:%E3SZ", time, absl::UTCTimeZone());
}

// Owners: its timers and calls, until the exchange is over.
class StatusStream final : public InnerApi::Reader,
                           public std::enable_shared_from_this<StatusStream> {
 public:
  StatusStream(const Edge& edge, InnerApi& api, std::shared_ptr<HttpThread> thread,
               const StatusHistory& history, HttpExchangePtr exchange)
      : edge_(edge),
        api_(api),
        thread_(std::move(thread)),
        history_(history),
        exchange_(std::move(exchange)) {}

  void Begin() {
    absl::StatusOr<std::optional<std::string>> filter =
        OnlyParameter(exchange_->request().target, "filter");
    if (!filter.ok()) return exchange_->Answer(ErrorAnswer(filter.status()));
    request_.set_parent("namespaces/-");
    request_.set_filter(filter->value_or(""));
    AskStatus();
  }

  // --- InnerApi::Reader -------------------------------------------------------------------------
  void OnWatched(const v1::WatchSessionsResponse& message) override {
    if (message.type() != v1::WatchSessionsResponse::BOOKMARK) Note(message);
    if (flush_ == nullptr) FlushSoon();
    if (pending_bytes_ + exchange_->queued_bytes() > kHttpStreamBytesMax / 4) {
      is_paused_ = true;  // until some of it is on the wire: OnWrote
    } else {
      watch_->ReadNext();
    }
  }
  void OnWatchEnd(const absl::Status& status) override {
    watch_ = nullptr;
    exchange_->Send(absl::StrCat("event: problem\ndata: ", JsonText(ErrorJson(status)), "\n\n"));
    // Too many for one watch, or not allowed: that does not change soon.
    const bool may_pass = absl::IsUnavailable(status) || absl::IsCancelled(status);
    rewatch_ = thread_->After(may_pass ? kRewatchSoon : kRewatchLater,
                              [self = shared_from_this()] { self->WatchAnew(); });
  }

 private:
  void AskStatus() {
    api_.GetStatus(exchange_->request(),
                   [self = shared_from_this()](const absl::Status& status,
                                               const v1::GetStatusResponse& response) {
                     if (!self->is_over_) self->OnStatus(status, response);
                   });
  }

  void OnStatus(const absl::Status& status, const v1::GetStatusResponse& response) {
    if (!is_streaming_) {
      if (!status.ok()) return exchange_->Answer(ErrorAnswer(status));
      if (!exchange_->StartEvents([self = shared_from_this()] { self->Stop(); })) return;
      is_streaming_ = true;
      exchange_->OnWrote([weak = weak_from_this()] {
        if (const auto self = weak.lock(); self != nullptr) self->GoOn();
      });
      WatchAnew();
    }
    if (absl::IsUnauthenticated(status) || absl::IsPermissionDenied(status)) {
      exchange_->End();
      return Stop();
    }
    if (status.ok()) last_status_ = ToJson(response);
    // To one who does not read, later.
    if (exchange_->queued_bytes() <= kHttpStreamBytesMax / 4) TellStatus(status);
    status_timer_ =
        thread_->After(kStatusEvery, [self = shared_from_this()] { self->AskStatus(); });
  }

  void TellStatus(const absl::Status& status) {
    Json about = {{"now", TimeText(edge_.clock().WallNow())},
                  {"history", history_.PointsAfter(points_seen_)},
                  {"leaseProblem", history_.lease_problem()}};
    if (history_.unreachable_since().has_value()) {
      about["kubernetesUnreachableSince"] = TimeText(*history_.unreachable_since());
    }
    if (history_.no_leader_since().has_value()) {
      about["noLeaderSince"] = TimeText(*history_.no_leader_since());
    }
    if (!status.ok()) about["problem"] = std::string(status.message());
    std::string text = JsonText(about);
    text.pop_back();  // the brace
    exchange_->Send(
        absl::StrCat("event: status\ndata: ", text, ",\"status\":", last_status_, "}\n\n"));
  }

  void WatchAnew() {
    changes_.clear();
    pending_bytes_ = 0;
    is_paused_ = false;
    is_reset_ = true;
    watch_ = api_.WatchSessions(exchange_->request(), request_, weak_from_this());
  }

  // The newest of each incarnation; an empty text: it is gone.
  void Note(const v1::WatchSessionsResponse& message) {
    std::string key = absl::StrCat(message.session().name(), " ", message.session().epoch());
    std::string text;
    if (message.type() != v1::WatchSessionsResponse::DELETED) {
      v1::Session session = message.session();
      session.clear_spec();
      session.clear_labels();
      session.clear_url();
      session.clear_etag();
      text = ToJson(session);
    }
    pending_bytes_ += key.size() + text.size();
    changes_[std::move(key)] = std::move(text);
  }

  void FlushSoon() {
    flush_ = thread_->After(kSessionsEvery, [self = shared_from_this()] {
      self->flush_ = nullptr;
      self->Flush();
    });
  }

  void Flush() {
    if (is_over_ || (changes_.empty() && !is_reset_)) return;
    // What is not on the wire yet goes first; then OnWrote brings us here again.
    is_late_ = exchange_->queued_bytes() > kHttpStreamBytesMax / 4;
    if (is_late_) return;
    std::vector<std::string> set;
    Json gone = Json::array();
    for (auto& [key, text] : changes_) {
      if (text.empty()) {
        gone.push_back(key);
      } else {
        set.push_back(std::move(text));
      }
    }
    changes_.clear();
    pending_bytes_ = 0;
    exchange_->Send(absl::StrCat("event: sessions\ndata: {\"reset\":", is_reset_ ? "true" : "false",
                                 ",\"gone\":", JsonText(gone), ",\"set\":[",
                                 absl::StrJoin(set, ","), "]}\n\n"));
    is_reset_ = false;
  }

  void GoOn() {
    if (is_late_ || is_paused_) Flush();
    if (is_over_ || !is_paused_ || watch_ == nullptr) return;
    is_paused_ = false;
    watch_->ReadNext();
  }

  void Stop() {
    is_over_ = true;
    status_timer_ = flush_ = rewatch_ = nullptr;
    if (watch_ != nullptr) watch_->Cancel();
    watch_ = nullptr;
  }

  const Edge& edge_;
  InnerApi& api_;
  const std::shared_ptr<HttpThread> thread_;
  const StatusHistory& history_;
  const HttpExchangePtr exchange_;
  v1::WatchSessionsRequest request_;
  std::string last_status_ = "{}";
  uint64_t points_seen_ = 0;
  std::shared_ptr<InnerApi::Watch> watch_;
  std::map<std::string, std::string> changes_;  // not sent yet
  size_t pending_bytes_ = 0;                    // of them, and of those they replaced
  bool is_reset_ = false;
  bool is_paused_ = false;  // the next change is read when these are on the wire
  bool is_late_ = false;
  bool is_streaming_ = false;
  bool is_over_ = false;
  HttpThread::Timer status_timer_;
  HttpThread::Timer flush_;
  HttpThread::Timer rewatch_;
};

}  // namespace

void StreamStatus(const Edge& edge, InnerApi& api, std::shared_ptr<HttpThread> thread,
                  const StatusHistory& history, const HttpExchangePtr& exchange) {
  std::make_shared<StatusStream>(edge, api, std::move(thread), history, exchange)->Begin();
}

}  // namespace spawner::api
