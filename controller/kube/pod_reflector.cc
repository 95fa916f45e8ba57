#include "controller/kube/pod_reflector.h"

#include <algorithm>
#include <iterator>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "controller/kube/api_error.h"
#include "controller/kube/api_path.h"
#include "controller/kube/limits.h"
#include "controller/kube/line_buffer.h"
#include "controller/kube/pod_stream.h"

namespace spawner::kube {
namespace {

// What an error of a watch calls for. Whatever may mean that our version is not the server's (400,
// 404, 504 for one that is too large, a server restored from a backup) is mended by a new list.
bool NeedsList(int http_code) {
  if (http_code == 401 || http_code == 403 || http_code == 429) return false;
  return http_code < 500 || http_code == 504;
}

}  // namespace

class PodReflector::Worker final : public HttpHandler {
 public:
  Worker(HttpTransport& transport, const Clock& clock, Random& random, const std::string& ns,
         const std::string& label_selector, PodHandler& handler)
      : transport_(transport),
        clock_(clock),
        random_(random),
        handler_(handler),
        path_(PodsPath(ns)),
        selector_(label_selector.empty()
                      ? ""
                      : absl::StrCat("&labelSelector=", QueryEscape(label_selector))) {}

  ~Worker() override {
    if (phase_ != Phase::kWaiting) transport_.Cancel(request_);
  }

  void Step(Instant now);
  Instant NextWake() const;

  void OnHead(int code, std::optional<absl::Duration> retry_after) override;
  void OnData(absl::string_view chunk) override;
  void OnEnd(const absl::Status& status) override;

 private:
  enum class Phase { kWaiting, kListing, kWatching };

  void Send(Phase phase, std::string query, absl::Duration timeout, bool is_stream);
  void List(const std::string& continue_token);
  void Watch();
  void EndList(const absl::Status& status);
  void EndWatch(const absl::Status& status);
  void TakePage(PodPage page);
  void ReadEvents();
  void Take(WatchEvent event);
  void Retry(absl::Status why, bool must_list);
  void RetryAt(Instant at, bool must_list);
  absl::Duration NextBackoff();
  void SetView(const absl::Status& status);

  bool WatchHeld(Instant now) const {
    return phase_ == Phase::kWatching && IsAnswerOk() && now - started_at_ >= kWatchHealthyMin;
  }
  bool IsAnswerOk() const { return http_code_ >= 200 && http_code_ <= 299; }

  HttpTransport& transport_;
  const Clock& clock_;
  Random& random_;
  PodHandler& handler_;
  const std::string path_;
  const std::string selector_;

  Phase phase_ = Phase::kWaiting;
  Instant start_at_{};     // kWaiting: when to go on
  bool must_list_ = true;  // kWaiting: with a list
  int failures_ = 0;       // since the last watch that held
  std::string resource_version_;
  std::optional<absl::Status> view_;  // as last told

  // The request in flight.
  HttpTransport::RequestId request_ = 0;
  RequestName name_;
  int http_code_ = 0;  // 0 before the head
  std::optional<absl::Duration> retry_after_;
  std::string body_;  // of a page, or of an error

  // Of a list.
  std::vector<Pod> pods_;
  int pages_ = 0;

  // Of a watch.
  LineBuffer lines_{kWatchLineBytesMax};
  Instant started_at_{};
  Instant silent_at_{};                       // broken if nothing came until then
  Instant settled_at_ = Instant::Infinite();  // up to date if no error came until then
  bool is_fresh_ = false;                     // starts from a list: nothing to catch up with
};

void PodReflector::Worker::Step(Instant now) {
  if (phase_ == Phase::kWatching && now >= silent_at_) {
    transport_.Cancel(request_);
    const std::string what =
        http_code_ == 0 ? absl::StrCat("no answer for ", absl::FormatDuration(kWatchHeadMax))
                        : absl::StrCat("silent for ", absl::FormatDuration(kWatchSilenceMax));
    Retry(NoAnswer(name_, absl::UnavailableError(what)),
          /*must_list=*/false);
  } else if (phase_ == Phase::kWatching && now >= settled_at_) {
    SetView(absl::OkStatus());
  }
  if (phase_ != Phase::kWaiting || now < start_at_) return;
  if (must_list_) {
    pods_.clear();
    pages_ = 0;
    List("");
  } else {
    Watch();
  }
}

Instant PodReflector::Worker::NextWake() const {
  switch (phase_) {
    case Phase::kWaiting:
      return start_at_;
    case Phase::kListing:
      return Instant::Infinite();  // the transport bounds it
    case Phase::kWatching:
      return std::min(silent_at_, settled_at_);
  }
  return Instant::Infinite();
}

void PodReflector::Worker::Send(Phase phase, std::string query, absl::Duration timeout,
                                bool is_stream) {
  phase_ = phase;
  http_code_ = 0;
  retry_after_.reset();
  body_.clear();
  HttpRequest request{.path = absl::StrCat(path_, "?", query, selector_),
                      .timeout = timeout,
                      .is_stream = is_stream};
  name_ = NameRequest(request.method, request.path);
  request_ = transport_.Start(std::move(request), this);
}

void PodReflector::Worker::List(const std::string& continue_token) {
  Send(Phase::kListing,
       absl::StrCat("limit=", kListPageItems,
                    continue_token.empty() ? "" : "&continue=", QueryEscape(continue_token)),
       HttpRequest().timeout, /*is_stream=*/false);
}

void PodReflector::Worker::Watch() {
  const int64_t seconds_min = absl::ToInt64Seconds(kWatchMin);
  const int64_t seconds = seconds_min + static_cast<int64_t>(random_.Below(static_cast<uint64_t>(
                                            absl::ToInt64Seconds(kWatchMax) - seconds_min + 1)));
  lines_.Clear();
  started_at_ = clock_.Now();
  silent_at_ = started_at_ + kWatchHeadMax;
  settled_at_ = Instant::Infinite();
  Send(Phase::kWatching,
       absl::StrCat("watch=true&allowWatchBookmarks=true&timeoutSeconds=", seconds,
                    "&resourceVersion=", QueryEscape(resource_version_)),
       kWatchSilenceMax + kWatchHeadMax, /*is_stream=*/true);
}

void PodReflector::Worker::OnHead(int code, std::optional<absl::Duration> retry_after) {
  http_code_ = code;
  retry_after_ = retry_after;
  if (phase_ != Phase::kWatching || !IsAnswerOk()) return;
  const Instant now = clock_.Now();
  silent_at_ = now + kWatchSilenceMax;
  if (is_fresh_) {
    SetView(absl::OkStatus());
  } else {
    settled_at_ = now + kWatchSettle;
  }
}

void PodReflector::Worker::OnData(absl::string_view chunk) {
  if (!IsAnswerOk()) {
    absl::StrAppend(&body_, chunk.substr(0, kErrorBytesMax - body_.size()));
    return;
  }
  if (phase_ == Phase::kListing) {
    if (body_.size() + chunk.size() <= kListPageBytesMax) {
      absl::StrAppend(&body_, chunk);
      return;
    }
    transport_.Cancel(request_);
    return Retry(NoAnswer(name_, absl::UnavailableError(absl::StrCat("a page of more than ",
                                                                     kListPageBytesMax, " bytes"))),
                 /*must_list=*/true);
  }
  silent_at_ = clock_.Now() + kWatchSilenceMax;
  if (const absl::Status status = lines_.Append(chunk); !status.ok()) {
    transport_.Cancel(request_);
    return Retry(Annotate(status, name_.Text()), /*must_list=*/true);
  }
  ReadEvents();
}

void PodReflector::Worker::ReadEvents() {
  const HttpTransport::RequestId id = request_;
  absl::string_view line;
  while (phase_ == Phase::kWatching && request_ == id && lines_.Next(line)) {
    if (line.empty() || line == "\r") continue;
    absl::StatusOr<WatchEvent> event = DecodeWatchEvent(line);
    if (event.ok()) {
      Take(*std::move(event));
      continue;
    }
    // What can't be read must not be skipped: the view would differ from then on.
    transport_.Cancel(request_);
    Retry(NoAnswer(name_, absl::UnavailableError(absl::StrCat("an event that can't be read: ",
                                                              event.status().message()))),
          /*must_list=*/true);
  }
}

void PodReflector::Worker::Take(WatchEvent event) {
  if (event.type == WatchEvent::Type::kError) {
    transport_.Cancel(request_);
    const absl::Status error = ApiError(name_, event.error_code, std::nullopt, event.error);
    return Retry(error, NeedsList(event.error_code));
  }
  resource_version_ = std::move(event.resource_version);
  is_fresh_ = false;
  SetView(absl::OkStatus());
  if (event.type == WatchEvent::Type::kChanged) handler_.OnPodChanged(std::move(event.pod));
  if (event.type == WatchEvent::Type::kGone) handler_.OnPodGone(std::move(event.pod));
}

void PodReflector::Worker::OnEnd(const absl::Status& status) {
  if (phase_ == Phase::kListing) {
    EndList(status);
  } else {
    EndWatch(status);
  }
}

void PodReflector::Worker::EndList(const absl::Status& status) {
  if (!status.ok()) return Retry(NoAnswer(name_, status), /*must_list=*/true);
  if (!IsAnswerOk()) {
    return Retry(ApiError(name_, http_code_, retry_after_, body_), /*must_list=*/true);
  }
  absl::StatusOr<PodPage> page = DecodePodPage(body_);
  if (!page.ok()) {
    return Retry(NoAnswer(name_, absl::UnavailableError(absl::StrCat(
                                     "an answer that can't be read: ", page.status().message()))),
                 /*must_list=*/true);
  }
  TakePage(*std::move(page));
}

void PodReflector::Worker::TakePage(PodPage page) {
  ++pages_;
  std::move(page.pods.begin(), page.pods.end(), std::back_inserter(pods_));
  if (pods_.size() > kPodsMax || (pages_ == kListPagesMax && !page.continue_token.empty())) {
    return Retry(absl::ResourceExhaustedError(absl::StrCat(name_.Text(), ": more than ", kPodsMax,
                                                           " pods or ", kListPagesMax, " pages")),
                 /*must_list=*/true);
  }
  if (!page.continue_token.empty()) return List(page.continue_token);
  body_.clear();
  body_.shrink_to_fit();
  resource_version_ = std::move(page.resource_version);
  is_fresh_ = true;
  Watch();
  handler_.OnPodsListed(std::exchange(pods_, {}));
}

void PodReflector::Worker::EndWatch(const absl::Status& status) {
  if (!status.ok()) return Retry(NoAnswer(name_, status), /*must_list=*/false);
  if (!IsAnswerOk()) {
    return Retry(ApiError(name_, http_code_, retry_after_, body_), NeedsList(http_code_));
  }
  // The server's timeout: nothing is lost, a line cut short comes again.
  const Instant now = clock_.Now();
  const bool held = WatchHeld(now);
  if (held) failures_ = 0;
  RetryAt(held ? now : now + NextBackoff(), /*must_list=*/false);
}

// The request in flight is over.
void PodReflector::Worker::Retry(absl::Status why, bool must_list) {
  const Instant now = clock_.Now();
  if (WatchHeld(now)) failures_ = 0;
  // A version that is too old says nothing about the server's health: list at once, the first time.
  const bool at_once = absl::IsOutOfRange(why) && failures_ == 0;
  absl::Duration delay = NextBackoff();
  if (at_once) delay = absl::ZeroDuration();
  if (const std::optional<absl::Duration> asked = RetryAfterOf(why))
    delay = std::max(delay, *asked);
  RetryAt(now + delay, must_list);
  SetView(why);
}

void PodReflector::Worker::RetryAt(Instant at, bool must_list) {
  phase_ = Phase::kWaiting;
  start_at_ = at;
  must_list_ = must_list;
  is_fresh_ = false;
  settled_at_ = Instant::Infinite();
  pods_.clear();
  lines_.Clear();
}

absl::Duration PodReflector::Worker::NextBackoff() {
  absl::Duration delay = kBackoffMin;
  for (int i = 0; i < failures_ && delay < kBackoffMax; ++i) delay *= 2;
  ++failures_;
  // Jitter of half the delay, so that controllers don't come back in step.
  return std::min(delay, kBackoffMax / 1.5) * (1 + 0.5 * random_.Unit());
}

void PodReflector::Worker::SetView(const absl::Status& status) {
  if (status.ok()) settled_at_ = Instant::Infinite();
  if (view_ == status) return;
  view_ = status;
  handler_.OnPodViewStatus(status);
}

PodReflector::PodReflector(HttpTransport& transport, const Clock& clock, Random& random,
                           std::string ns, std::string label_selector, PodHandler& handler)
    : worker_(std::make_unique<Worker>(transport, clock, random, ns, label_selector, handler)) {}

PodReflector::~PodReflector() = default;

void PodReflector::Step(Instant now) { worker_->Step(now); }

Instant PodReflector::NextWake() const { return worker_->NextWake(); }

}  // namespace spawner::kube
