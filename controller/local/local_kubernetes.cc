#include "controller/local/local_kubernetes.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "controller/local/limits.h"
#include "controller/local/object_schema.h"

namespace spawner::local {
namespace {

constexpr absl::string_view kMergePatchType = "application/merge-patch+json";
constexpr absl::string_view kJsonType = "application/json";

// Media type without its parameters ("; charset=utf-8").
absl::string_view MediaType(absl::string_view content_type) {
  return content_type.substr(0, content_type.find(';'));
}

// The paths outside the resources that a client probes.
std::optional<std::string> PlainAnswer(const std::string& path) {
  if (path == "/readyz" || path == "/livez" || path == "/healthz") return "ok";
  if (path != "/version") return std::nullopt;
  return JsonText({{"major", "1"},
                   {"minor", "34"},
                   {"gitVersion", "v1.34.0+spawner-local"},
                   {"platform", "local"}});
}

ApiResult<PodLog::Query> ParseLogQuery(const ApiPath& path, absl::Time now) {
  PodLog::Query query;
  query.has_times = path.IsQueryTrue("timestamps");
  if (const absl::string_view text = path.Query("tailLines"); !text.empty()) {
    uint64_t lines = 0;
    if (!absl::SimpleAtoi(text, &lines)) return BadRequest("tailLines: not a number of lines");
    query.tail_lines = lines;
  }
  if (const absl::string_view text = path.Query("sinceSeconds"); !text.empty()) {
    int64_t seconds = 0;
    if (!absl::SimpleAtoi(text, &seconds) || seconds < 1) {
      return BadRequest("sinceSeconds: must be greater than 0");
    }
    query.since = now - absl::Seconds(seconds);
  }
  if (path.IsQueryTrue("previous")) {
    return BadRequest("previous terminated container not found: local mode restarts none");
  }
  return query;
}

}  // namespace

LocalKubernetes::LocalKubernetes(const Clock& clock, Random& random, Runtime& runtime)
    : clock_(clock),
      random_(random),
      runtime_(runtime),
      api_(store_, clock, random,
           [&runtime](const Json& pod, std::vector<FieldFault>& faults) {
             runtime.CheckPod(pod, faults);
           }),
      kubelet_(store_, api_, runtime, clock) {}

LocalKubernetes::~LocalKubernetes() = default;

LocalKubernetes::RequestId LocalKubernetes::Start(kube::HttpRequest request,
                                                  kube::HttpHandler* handler) {
  const RequestId id = ++last_id_;
  Exchange& exchange = exchanges_[id];
  exchange.request = std::move(request);
  exchange.handler = handler;
  new_.insert(id);
  return id;
}

void LocalKubernetes::Cancel(RequestId id) {
  exchanges_.erase(id);
  new_.erase(id);
  streams_.erase(id);
  late_.erase(id);
}

void LocalKubernetes::SetPaused(RequestId id, bool is_paused) {
  Exchange* exchange = Find(id);
  if (exchange == nullptr || exchange->is_paused == is_paused) return;
  exchange->is_paused = is_paused;
  exchange->last_data = clock_.Now();  // its silence was not the sender's
  if (!is_paused) runtime_.Wake();     // there may be something for it
}

void LocalKubernetes::Poll(absl::Duration max_wait) {
  const absl::Duration due = NextWake() - clock_.Now();
  runtime_.Wait(std::clamp(due, absl::ZeroDuration(), std::max(max_wait, absl::ZeroDuration())));
  Step(clock_.Now());
}

void LocalKubernetes::Wake() { runtime_.Wake(); }

Instant LocalKubernetes::NextWake() const {
  if (!new_.empty()) return Instant{};
  Instant wake = kubelet_.NextWake();
  for (const RequestId id : late_) wake = std::min(wake, exchanges_.at(id).late->at);
  for (const RequestId id : streams_) {
    const Exchange& exchange = exchanges_.at(id);
    if (exchange.is_paused) continue;
    wake = std::min(wake, exchange.last_data + exchange.request.timeout);
    if (!exchange.watch) continue;
    if (exchange.watch->HasNews(store_)) return Instant{};
    wake = std::min(wake, exchange.watch->NextWake());
  }
  return wake;
}

void LocalKubernetes::BreakStreams() {
  const std::set<RequestId> open = streams_;
  for (const RequestId id : open) End(id, absl::UnavailableError("local: the stream was broken"));
}

void LocalKubernetes::Step(Instant now) {
  const std::set<RequestId> started = std::exchange(new_, {});
  for (const RequestId id : started) Answer(id, now);
  const std::set<RequestId> late = late_;
  for (const RequestId id : late) {
    const Exchange* exchange = Find(id);
    if (exchange == nullptr || exchange->late->at > now) continue;
    const LateAnswer answer = *exchange->late;
    Finish(id, answer.code, answer.body);
  }
  kubelet_.Step(now);
  const std::set<RequestId> open = streams_;
  for (const RequestId id : open) {
    const Exchange* exchange = Find(id);
    if (exchange == nullptr || exchange->is_paused) continue;
    if (exchange->watch) {
      MoveWatch(id, now);
    } else {
      MoveLog(id, now);
    }
  }
}

LocalKubernetes::Exchange* LocalKubernetes::Find(RequestId id) {
  const auto found = exchanges_.find(id);
  return found == exchanges_.end() ? nullptr : &found->second;
}

void LocalKubernetes::Answer(RequestId id, Instant now) {
  Exchange* exchange = Find(id);
  if (exchange == nullptr) return;
  if (exchanges_.size() > kRequestsMax) return FinishWithError(id, TooManyRequests(1));
  std::optional<Fault> fault;
  if (fault_hook_) fault = fault_hook_(exchange->request);
  const std::optional<ApiPath> path = ParseApiPath(exchange->request.path);
  if (fault && !fault->answer_after) {
    if (fault->is_applied && path) Serve(exchange->request, *path);
    if (fault->code == 0) return End(id, absl::UnavailableError("local: the connection broke"));
    ApiError error = fault->code == 429
                         ? TooManyRequests(1)
                         : ServerError(fault->code, "local: a fault that a test asked for");
    error.retry_after_seconds.reset();
    if (fault->retry_after) error.retry_after_seconds = absl::ToInt64Seconds(*fault->retry_after);
    return FinishWithError(id, error);
  }
  const kube::HttpRequest& request = exchange->request;
  if (auto review = ServeReview(reviewers_, request.method, request.path, request.body)) {
    if (!review->ok()) return FinishWithError(id, review->error());
    return Finish(id, 201, JsonText(review->value()));
  }
  if (!path) return FinishWithError(id, PathNotFound());
  if (!path->plain.empty()) {
    const std::optional<std::string> text = PlainAnswer(path->plain);
    if (!text) return FinishWithError(id, PathNotFound());
    return Finish(id, 200, *text);
  }
  if (OpenStream(id, *path, now)) return;
  ApiResult<Json> result = Serve(exchange->request, *path);
  if (!result.ok()) return FinishWithError(id, result.error());
  const int code = exchange->request.method == "POST" ? 201 : 200;
  if (!fault) return Finish(id, code, JsonText(result.value()));
  exchange->late = {now + *fault->answer_after, code, JsonText(result.value())};
  late_.insert(id);
}

ApiResult<Json> LocalKubernetes::Serve(const kube::HttpRequest& request, const ApiPath& path) {
  if (path.resource == Resource::kEvents) {  // to be read, neither written nor watched
    if (request.method != "GET") return MethodNotAllowed();
    return kubelet_.events().Get(path, store_.version());
  }
  const bool has_status = path.resource == Resource::kPods && path.subresource == "status";
  if (!path.subresource.empty() && !has_status) return PathNotFound();
  const absl::string_view type = MediaType(request.content_type);
  if (request.method == "GET") return path.name.empty() ? api_.List(path) : api_.Get(path);
  if (request.method == "POST" && path.name.empty() && !path.ns.empty()) {
    if (!type.empty() && type != kJsonType) return UnsupportedMediaType(kJsonType);
    return api_.Create(path, request.body);
  }
  if (path.name.empty()) return MethodNotAllowed();
  if (request.method == "PUT") {
    if (!type.empty() && type != kJsonType) return UnsupportedMediaType(kJsonType);
    return api_.Replace(path, request.body);
  }
  if (request.method == "PATCH") {
    if (type != kMergePatchType) return UnsupportedMediaType(kMergePatchType);
    return api_.MergePatch(path, request.body);
  }
  if (request.method == "DELETE" && path.subresource.empty()) {
    return api_.Delete(path, request.body);
  }
  return MethodNotAllowed();
}

bool LocalKubernetes::OpenStream(RequestId id, const ApiPath& path, Instant now) {
  Exchange* exchange = Find(id);
  if (exchange->request.method != "GET") return false;
  if (path.resource == Resource::kPods && path.subresource == "log") {
    OpenLog(id, path, now);
    return true;
  }
  if (!path.subresource.empty() || !path.IsQueryTrue("watch")) return false;
  if (path.resource == Resource::kEvents) {
    FinishWithError(id, MethodNotAllowed());
    return true;
  }
  ApiResult<WatchStream> watch = WatchStream::Open(path, store_, random_, now);
  if (!watch.ok()) {
    FinishWithError(id, watch.error());
  } else if (streams_.size() >= kWatchesMax + kLogFollowersMax) {
    FinishWithError(id, TooManyRequests(1));
  } else {
    exchange->watch = std::move(watch.value());
    exchange->last_data = now;
    streams_.insert(id);
    exchange->handler->OnHead(200, std::nullopt);
  }
  return true;
}

void LocalKubernetes::OpenLog(RequestId id, const ApiPath& path, Instant now) {
  const Object pod = store_.Find(path.key());
  if (!pod) return FinishWithError(id, NotFound(path.key()));
  ApiResult<PodLog::Query> query = ParseLogQuery(path, clock_.WallNow());
  if (!query.ok()) return FinishWithError(id, query.error());
  // As the real one: no node yet is no error.
  if (!(*pod)["spec"].contains("nodeName")) return Finish(id, 204, "");
  const PodLog* log = kubelet_.FindLog(path.key());
  if (log == nullptr) {
    return FinishWithError(
        id, BadRequest(absl::StrCat("pod \"", path.name, "\" has no container that has started")));
  }
  if (!path.IsQueryTrue("follow")) return Finish(id, 200, log->Read(query.value()));
  if (streams_.size() >= kWatchesMax + kLogFollowersMax) {
    return FinishWithError(id, TooManyRequests(1));
  }
  Exchange* exchange = Find(id);
  exchange->log = LogFollower{path.key(), MetaText(*pod, "uid"), query.value()};
  exchange->last_data = now;
  streams_.insert(id);
  exchange->handler->OnHead(200, std::nullopt);
}

void LocalKubernetes::MoveWatch(RequestId id, Instant now) {
  Exchange* exchange = Find(id);
  const WatchStream::Output output = exchange->watch->Take(store_, now);
  if (!output.text.empty()) {
    exchange->last_data = now;
    exchange->handler->OnData(output.text);
    exchange = Find(id);  // the handler may have cancelled it
    if (exchange == nullptr) return;
  }
  if (output.is_over) return End(id, absl::OkStatus());
  if (now - exchange->last_data >= exchange->request.timeout) {
    End(id, absl::UnavailableError("local: the stream was silent for too long"));
  }
}

void LocalKubernetes::MoveLog(RequestId id, Instant now) {
  Exchange* exchange = Find(id);
  LogFollower& follower = *exchange->log;
  const Object pod = store_.Find(follower.key);
  const bool is_same = pod && MetaText(*pod, "uid") == follower.uid;
  const PodLog* log = is_same ? kubelet_.FindLog(follower.key) : nullptr;
  if (log == nullptr) return End(id, absl::OkStatus());
  const std::string text = log->Read(follower.query);
  follower.query.from_line = log->next_line();
  follower.query.tail_lines.reset();
  const bool is_over = log->is_closed();
  if (!text.empty()) {
    exchange->last_data = now;
    exchange->handler->OnData(text);
    exchange = Find(id);
    if (exchange == nullptr) return;
  }
  if (is_over) return End(id, absl::OkStatus());
  if (now - exchange->last_data >= exchange->request.timeout) {
    End(id, absl::UnavailableError("local: the stream was silent for too long"));
  }
}

void LocalKubernetes::Finish(RequestId id, int code, const std::string& body,
                             std::optional<absl::Duration> retry_after) {
  Exchange* exchange = Find(id);
  if (exchange == nullptr) return;
  exchange->handler->OnHead(code, retry_after);
  exchange = Find(id);  // the handler may have cancelled it
  if (exchange == nullptr) return;
  exchange->handler->OnData(body);
  End(id, absl::OkStatus());
}

void LocalKubernetes::FinishWithError(RequestId id, const ApiError& error) {
  std::optional<absl::Duration> retry_after;
  if (error.retry_after_seconds) retry_after = absl::Seconds(*error.retry_after_seconds);
  Finish(id, error.code, JsonText(error.ToStatus()), retry_after);
}

void LocalKubernetes::End(RequestId id, const absl::Status& status) {
  Exchange* exchange = Find(id);
  if (exchange == nullptr) return;
  kube::HttpHandler* handler = exchange->handler;
  Cancel(id);
  handler->OnEnd(status);
}

}  // namespace spawner::local
