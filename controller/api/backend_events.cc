#include "controller/api/backend_events.h"

#include <google/protobuf/util/time_util.h>

#include <utility>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "base/json.h"
#include "controller/api/backend_api.h"
#include "controller/api/http_error.h"
#include "controller/api/limits.h"

namespace spawner::api {
namespace {

// Owners: its timers and the call that is out, until the exchange or the session is over.
class BackendEvents final : public std::enable_shared_from_this<BackendEvents> {
 public:
  BackendEvents(InnerApi& api, std::shared_ptr<HttpThread> thread, const Clock& clock,
                HttpExchangePtr exchange)
      : api_(api), thread_(std::move(thread)), clock_(clock), exchange_(std::move(exchange)) {}

  void Begin(const std::string& name) {
    request_.set_name(name);
    ReadLastEventId(exchange_->request().last_event_id);
    // EventSource takes 204 for: do not come again.
    if (IsEnd(last_)) return exchange_->Answer({.code = 204});
    Ask();
  }

 private:
  // "{epoch}-{number of the state}", as we gave it.
  void ReadLastEventId(const std::string& id) {
    const std::vector<std::string> parts = absl::StrSplit(id, '-');
    uint64_t epoch = 0;
    int number = 0;
    if (parts.size() != 2 || !absl::SimpleAtoi(parts[0], &epoch) ||
        !absl::SimpleAtoi(parts[1], &number) || number < 1 ||
        number > static_cast<int>(BackendState::kFailed)) {
      return;
    }
    request_.set_epoch(epoch);
    last_ = static_cast<BackendState>(number);
  }

  void Ask() {
    api_.GetSession(
        exchange_->request(), request_,
        [self = shared_from_this()](const absl::Status& status, const v1::Session& session) {
          if (!self->is_over_) self->OnSession(status, session);
        });
  }

  void OnSession(const absl::Status& status, const v1::Session& session) {
    if (!is_streaming_) {
      if (!status.ok()) return exchange_->Answer(ErrorAnswer(status));
      const bool has_begun = exchange_->StartEvents([self = shared_from_this()] { self->Stop(); });
      if (!has_begun) return;
      is_streaming_ = true;
      exchange_->Send("retry: 2000\n\n");
      StayAwake();
    }
    if (absl::IsNotFound(status)) {
      // Its retention is over, and we have not seen how it ended.
      Tell(BackendState::kSwept, {});
    } else if (status.ok()) {
      request_.set_epoch(session.epoch());
      TellAll(session);
    } else if (!absl::IsUnavailable(status) && !absl::IsDeadlineExceeded(status)) {
      exchange_->Send(absl::StrCat("event: error\ndata: ", JsonText(ErrorJson(status)), "\n\n"));
      return End();
    }
    if (IsEnd(last_)) return End();
    poll_ = thread_->After(
        last_ == BackendState::kReady || !status.ok() ? kBackendPollReady : kBackendPollStarting,
        [self = shared_from_this()] { self->Ask(); });
  }

  // With the states before that it must have had.
  void TellAll(const v1::Session& session) {
    const BackendState now = StateOf(session);
    BackendState through = now;
    if (IsEnd(now)) through = session.has_ready_time() ? BackendState::kReady : last_;
    for (int next = static_cast<int>(last_) + 1; next <= static_cast<int>(through); ++next) {
      const BackendState state = static_cast<BackendState>(next);
      Json json;
      if (state == now) {
        json = StatusJson(Id(), session);
      } else if (state == BackendState::kSubmitted) {
        json["time"] = google::protobuf::util::TimeUtil::ToString(session.create_time());
      } else if (state == BackendState::kReady && session.has_ready_time()) {
        json["time"] = google::protobuf::util::TimeUtil::ToString(session.ready_time());
      }
      Tell(state, std::move(json));
    }
    if (IsEnd(now)) Tell(now, StatusJson(Id(), session));
  }

  void Tell(BackendState state, Json json) {
    json["state"] = std::string(Name(state));
    json["name"] = Id();
    if (!json.contains("time")) {
      json["time"] =
          absl::FormatTime("%Y-%m-%dT%H:%M:%E3SZ", clock_.WallNow(), absl::UTCTimeZone());
    }
    exchange_->Send(absl::StrCat("id: ", request_.epoch(), "-", static_cast<int>(state),
                                 "\ndata: ", JsonText(json), "\n\n"));
    last_ = state;
  }

  std::string Id() const { return request_.name().substr(request_.name().rfind('/') + 1); }

  void StayAwake() {
    keep_alive_ = thread_->After(kHttpKeepAlive, [self = shared_from_this()] {
      self->exchange_->Send(": keep-alive\n\n");
      if (!self->is_over_) self->StayAwake();
    });
  }

  void End() {
    exchange_->End();
    Stop();
  }
  void Stop() {
    is_over_ = true;
    poll_ = nullptr;
    keep_alive_ = nullptr;
  }

  InnerApi& api_;
  const std::shared_ptr<HttpThread> thread_;
  const Clock& clock_;
  const HttpExchangePtr exchange_;
  v1::GetSessionRequest request_;
  BackendState last_{};  // 0: none yet
  bool is_streaming_ = false;
  bool is_over_ = false;
  HttpThread::Timer poll_;
  HttpThread::Timer keep_alive_;
};

}  // namespace

void StreamBackendStates(InnerApi& api, std::shared_ptr<HttpThread> thread, const Clock& clock,
                         const HttpExchangePtr& exchange, const std::string& name) {
  std::make_shared<BackendEvents>(api, std::move(thread), clock, exchange)->Begin(name);
}

}  // namespace spawner::api
