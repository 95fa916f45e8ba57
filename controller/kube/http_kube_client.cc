#include "controller/kube/http_kube_client.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "base/json.h"
#include "base/status.h"
#include "controller/kube/api_error.h"
#include "controller/kube/limits.h"

namespace spawner::kube {
namespace {

constexpr char kJsonType[] = "application/json";

// metadata.name of what is to be created, for messages only.
std::string NameIn(absl::string_view json) {
  const absl::StatusOr<Json> document = ParseJson(json);
  if (!document.ok() || !document->is_object()) return "";
  absl::Status ignored;
  return JsonReader(*document, "", ignored).Object("metadata").String("name");
}

// The pod in an answer's body. An answer that is none leaves us as ignorant as no answer.
KubeClient::ObjectDone ToPod(RequestName name, KubeClient::PodDone done) {
  return [name = std::move(name), done = std::move(done)](absl::StatusOr<std::string> body) {
    if (!body.ok()) return done(std::move(body).status());
    absl::StatusOr<Pod> pod = DecodePod(*body);
    if (pod.ok()) return done(std::move(pod));
    done(NoAnswer(name, absl::UnavailableError(
                            absl::StrCat("the answer is not a pod: ", pod.status().message()))));
  };
}

}  // namespace

// One request in flight.
class HttpKubeClient::Exchange final : public HttpHandler {
 public:
  Exchange(HttpKubeClient& client, RequestName name, ObjectDone done)
      : client_(client), name_(std::move(name)), done_(std::move(done)) {}

  void Start(HttpRequest request) { id_ = client_.transport_.Start(std::move(request), this); }
  void Cancel() { client_.transport_.Cancel(id_); }

  void OnHead(int code, std::optional<absl::Duration> retry_after) override {
    code_ = code;
    retry_after_ = retry_after;
  }

  void OnData(absl::string_view chunk) override {
    if (body_.size() + chunk.size() > kAnswerBytesMax) {
      Cancel();
      Finish(NoAnswer(name_, absl::UnavailableError(absl::StrCat("an answer of more than ",
                                                                 kAnswerBytesMax, " bytes"))));
      return;
    }
    absl::StrAppend(&body_, chunk);
  }

  void OnEnd(const absl::Status& status) override {
    if (!status.ok()) return Finish(NoAnswer(name_, status));
    if (code_ < 200 || code_ > 299) return Finish(ApiError(name_, code_, retry_after_, body_));
    Finish(std::move(body_));
  }

 private:
  // Ends this object.
  void Finish(absl::StatusOr<std::string> result) {
    const auto self = client_.exchanges_.extract(this);
    done_(std::move(result));
  }

  HttpKubeClient& client_;
  const RequestName name_;
  const ObjectDone done_;
  HttpTransport::RequestId id_ = 0;
  int code_ = 0;
  std::optional<absl::Duration> retry_after_;
  std::string body_;
};

HttpKubeClient::HttpKubeClient(HttpTransport& transport) : transport_(transport) {}

HttpKubeClient::~HttpKubeClient() {
  for (const auto& [key, exchange] : exchanges_) exchange->Cancel();
}

void HttpKubeClient::Send(HttpRequest request, RequestName name, ObjectDone done) {
  auto exchange = std::make_unique<Exchange>(*this, std::move(name), std::move(done));
  Exchange* const raw = exchange.get();
  exchanges_.emplace(raw, std::move(exchange));
  raw->Start(std::move(request));
}

void HttpKubeClient::CreatePod(absl::string_view ns, std::string json, PodDone done) {
  HttpRequest request{.method = "POST", .path = PodsPath(ns), .content_type = kJsonType};
  RequestName name = NameRequest(request.method, request.path);
  name.name = NameIn(json);
  request.body = std::move(json);
  ObjectDone to_pod = ToPod(name, std::move(done));
  Send(std::move(request), std::move(name), std::move(to_pod));
}

void HttpKubeClient::PatchPod(absl::string_view ns, absl::string_view pod, std::string merge_patch,
                              PodDone done) {
  HttpRequest request{.method = "PATCH",
                      .path = PodPath(ns, pod),
                      .content_type = "application/merge-patch+json",
                      .body = std::move(merge_patch)};
  RequestName name = NameRequest(request.method, request.path);
  ObjectDone to_pod = ToPod(name, std::move(done));
  Send(std::move(request), std::move(name), std::move(to_pod));
}

void HttpKubeClient::DeletePod(absl::string_view ns, absl::string_view pod, DeleteOptions options,
                               std::function<void(absl::Status)> done) {
  DeleteObject(PodPath(ns, pod), std::move(options), std::move(done));
}

void HttpKubeClient::DeleteObject(std::string path, DeleteOptions options,
                                  std::function<void(absl::Status)> done) {
  Json body = {{"kind", "DeleteOptions"}, {"apiVersion", "v1"}};
  if (!options.uid.empty()) body["preconditions"]["uid"] = options.uid;
  if (!options.resource_version.empty()) {
    body["preconditions"]["resourceVersion"] = options.resource_version;
  }
  if (options.grace_seconds.has_value()) body["gracePeriodSeconds"] = *options.grace_seconds;
  RequestName name = NameRequest("DELETE", path);
  Send({.method = "DELETE",
        .path = std::move(path),
        .content_type = kJsonType,
        .body = JsonText(body)},
       std::move(name), [done = std::move(done)](const absl::StatusOr<std::string>& answer) {
         done(answer.status());
       });
}

void HttpKubeClient::GetObject(std::string path, ObjectDone done) {
  RequestName name = NameRequest("GET", path);
  Send({.method = "GET", .path = std::move(path)}, std::move(name), std::move(done));
}

void HttpKubeClient::CreateObject(std::string path, std::string json, ObjectDone done) {
  RequestName name = NameRequest("POST", path);
  name.name = NameIn(json);
  Send({.method = "POST",
        .path = std::move(path),
        .content_type = kJsonType,
        .body = std::move(json)},
       std::move(name), std::move(done));
}

void HttpKubeClient::ReplaceObject(std::string path, std::string json, ObjectDone done) {
  RequestName name = NameRequest("PUT", path);
  Send({.method = "PUT",
        .path = std::move(path),
        .content_type = kJsonType,
        .body = std::move(json)},
       std::move(name), std::move(done));
}

}  // namespace spawner::kube
