#include "controller/core/pod_logs.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "controller/core/limits.h"
#include "controller/kube/api_error.h"
#include "controller/kube/api_path.h"
#include "controller/session/pod_template.h"

namespace spawner::core {
namespace {

std::string PathOf(const LogQuery& query) {
  std::string path = absl::StrCat(kube::PodPath(query.ns, query.pod), "/log?container=",
                                  query.container.empty() ? kBackendContainer : query.container);
  if (query.follow) absl::StrAppend(&path, "&follow=true");
  if (query.tail_lines.has_value()) absl::StrAppend(&path, "&tailLines=", *query.tail_lines);
  if (query.since > absl::ZeroDuration()) {
    absl::StrAppend(
        &path, "&sinceSeconds=", absl::ToInt64Seconds(absl::Ceil(query.since, absl::Seconds(1))));
  }
  return path;
}

absl::Status Unavailable(absl::string_view path, const absl::Status& error) {
  const kube::RequestName log = kube::NameRequest("GET", path);
  return WithReason(absl::FailedPreconditionError(
                        absl::StrCat(error.message(),
                                     "; the container has not begun, or its pod is gone: "
                                     "explain the session")),
                    "LOG_UNAVAILABLE", {{"namespace", log.ns}, {"pod", log.name}});
}

}  // namespace

// One request, or the wait before it.
class PodLogs::Read final : public kube::HttpHandler {
 public:
  Read(PodLogs& owner, ReadId id, std::string path, Instant start_at, bool follows,
       LogReader* reader)
      : owner_(owner),
        id_(id),
        path_(std::move(path)),
        follows_(follows),
        reader_(reader),
        start_at_(start_at) {}
  ~Read() override {
    if (request_ != 0) owner_.transport_.Cancel(request_);
  }
  Read(const Read&) = delete;
  Read& operator=(const Read&) = delete;

  // Infinite once it has been sent.
  Instant start_at() const { return start_at_; }
  void Send() {
    start_at_ = Instant::Infinite();
    kube::HttpRequest request{.path = path_, .is_stream = true, .is_pausable = true};
    // A backend may be silent for as long as it likes.
    request.timeout = follows_ ? absl::InfiniteDuration() : kLogSilenceMax;
    request_ = owner_.transport_.Start(std::move(request), this);
  }
  void SetPaused(bool is_paused) {
    if (request_ != 0) owner_.transport_.SetPaused(request_, is_paused);
  }

  void OnHead(int code, std::optional<absl::Duration> retry_after) override {
    code_ = code;
    retry_after_ = retry_after;
  }
  void OnData(absl::string_view chunk) override {
    if (code_ == 200) return reader_->OnLogText(chunk);
    absl::StrAppend(&error_, chunk.substr(0, kLogErrorBytesMax - error_.size()));
  }
  void OnEnd(const absl::Status& status) override {
    request_ = 0;
    const auto self = std::move(owner_.reads_.extract(id_).mapped());
    const kube::RequestName name = kube::NameRequest("GET", path_);
    if (!status.ok()) return reader_->OnLogEnd(kube::NoAnswer(name, status));
    if (code_ == 200) return reader_->OnLogEnd(absl::OkStatus());
    if (code_ == 204) {  // what an API server says of a pod that has no node
      return reader_->OnLogEnd(
          Unavailable(path_, absl::FailedPreconditionError(absl::StrCat(
                                 name.Text(), ": the pod has not been given a node"))));
    }
    const absl::Status error = kube::ApiError(name, code_, retry_after_, error_);
    // 400: "container is waiting to start". 404: there is no such pod.
    reader_->OnLogEnd(code_ == 400 || code_ == 404 ? Unavailable(path_, error) : error);
  }

 private:
  PodLogs& owner_;
  const ReadId id_;
  const std::string path_;
  const bool follows_;
  LogReader* const reader_;
  Instant start_at_;
  kube::HttpTransport::RequestId request_ = 0;
  int code_ = 0;
  std::optional<absl::Duration> retry_after_;
  std::string error_;
};

PodLogs::PodLogs(kube::HttpTransport& transport, const Clock& clock)
    : transport_(transport), clock_(clock) {}

PodLogs::~PodLogs() = default;

LogSource::ReadId PodLogs::Start(const LogQuery& query, LogReader* reader) {
  const ReadId id = ++last_id_;
  reads_.emplace(id, std::make_unique<Read>(*this, id, PathOf(query), clock_.Now() + query.delay,
                                            query.follow, reader));
  return id;
}

void PodLogs::Cancel(ReadId id) {
  // Out of the table first: a reader may cancel from within its own call.
  const auto read = reads_.extract(id);
}

void PodLogs::SetPaused(ReadId id, bool is_paused) {
  const auto it = reads_.find(id);
  if (it != reads_.end()) it->second->SetPaused(is_paused);
}

void PodLogs::Step(Instant now) {
  for (const auto& [id, read] : reads_) {
    if (read->start_at() <= now) read->Send();
  }
}

Instant PodLogs::NextWake() const {
  Instant wake = Instant::Infinite();
  for (const auto& [id, read] : reads_) wake = std::min(wake, read->start_at());
  return wake;
}

}  // namespace spawner::core
