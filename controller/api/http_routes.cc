#include "controller/api/http_routes.h"

#include <algorithm>
#include <optional>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "base/check.h"
#include "base/ids.h"
#include "base/status.h"
#include "controller/api/backend_api.h"
#include "controller/api/backend_events.h"
#include "controller/api/http_error.h"
#include "controller/api/status_page.h"
#include "controller/api/status_stream.h"

namespace spawner::api {
namespace {

constexpr char kPrometheus[] = "text/plain; version=0.0.4; charset=utf-8";

// On the loop.
HttpAnswer AnswerOnLoop(Edge& edge, absl::string_view path) {
  if (path == "/healthz") return {.body = "ok\n"};
  if (path == "/readyz") {
    const std::string reasons = edge.NotReadyReasons();
    if (!reasons.empty()) return {.code = 503, .body = reasons};
    return {.body = "ok\n"};
  }
  if (edge.service() == nullptr) {
    return {.content_type = kPrometheus, .body = edge.metrics().Text(nullptr)};
  }
  const core::CoreStatus status = edge.Status();
  return {.content_type = kPrometheus, .body = edge.metrics().Text(&status)};
}

// False: the client has been told what is allowed.
bool IsMethod(const HttpExchangePtr& exchange, absl::string_view allowed) {
  const std::string& method = exchange->request().method;
  if (method == allowed || (method == "HEAD" && allowed == "GET")) return true;
  exchange->Answer({.code = 405,
                    .body = absl::StrCat("only ", allowed, "\n"),
                    .headers = {{"Allow", std::string(allowed)}}});
  return false;
}

// "localhost:9091" -> "localhost".
absl::string_view HostNameOf(absl::string_view host) {
  if (!host.empty() && host[0] == '[') return host.substr(0, host.find(']') + 1);
  return host.substr(0, host.find(':'));
}

bool IsLoopbackName(absl::string_view name) {
  return name == "localhost" || name == "[::1]" ||
         (absl::StartsWith(name, "127.") &&
          name.find_first_not_of("0123456789.") == absl::string_view::npos);
}

bool IsHost(absl::string_view host) {
  return !host.empty() && std::all_of(host.begin(), host.end(), [](char c) {
    return absl::ascii_isalnum(c) || absl::StrContains(".-:[]", absl::string_view(&c, 1));
  });
}

bool IsJson(absl::string_view content_type) {
  return absl::EqualsIgnoreCase(
      absl::StripAsciiWhitespace(content_type.substr(0, content_type.find(';'))),
      "application/json");
}

bool IsPrintable(absl::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return absl::ascii_isprint(c); });
}

// Where the caller reaches us: as told, else as it did.
std::string BaseUrl(const Edge& edge, const HttpRequest& request) {
  if (!edge.http_public_url().empty()) return edge.http_public_url();
  return IsHost(request.host) ? absl::StrCat("http://", request.host) : "";
}

}  // namespace

void HttpRoutes::Begin(std::shared_ptr<HttpThread> thread) {
  SPAWNER_CHECK(channel_ != nullptr);
  thread_ = std::move(thread);
  api_ = std::make_unique<InnerApi>(thread_, channel_);
  history_ = std::make_unique<StatusHistory>(edge_, thread_);
  history_->LookOn();
}

void HttpRoutes::Handle(const HttpExchangePtr& exchange) {
  if (AnswerForMachines(exchange)) return;
  const HttpRequest& request = exchange->request();
  if (const absl::Status status = CheckCaller(request); !status.ok()) {
    return exchange->Answer(ErrorAnswer(status));
  }
  if (request.path() == "/spawn") {
    if (IsMethod(exchange, "POST")) Spawn(exchange);
    return;
  }
  if (AnswerForPeople(exchange) || AnswerBackend(exchange)) return;
  exchange->Answer(
      {.code = 404,
       .body = "nothing here; there are /status, /healthz, /readyz, /metrics, POST /spawn and "
               "/backend/ID/ "
               "with status, status/stream and ready. All else is gRPC, see `spawnctl --help`\n"});
}

bool HttpRoutes::AnswerForMachines(const HttpExchangePtr& exchange) {
  const absl::string_view path = exchange->request().path();
  if (path != "/healthz" && path != "/readyz" && path != "/metrics") return false;
  if (!IsMethod(exchange, "GET")) return true;
  edge_.Post([edge = &edge_, thread = thread_, exchange, path = std::string(path)] {
    HttpAnswer answer = AnswerOnLoop(*edge, path);
    thread->Post([exchange, answer = std::move(answer)] { exchange->Answer(answer); });
  });
  return true;
}

bool HttpRoutes::AnswerForPeople(const HttpExchangePtr& exchange) {
  const absl::string_view path = exchange->request().path();
  if (path != "/" && path != "/status" && path != "/status/stream") return false;
  if (!IsMethod(exchange, "GET")) return true;
  if (path != "/status/stream") {
    exchange->Answer(StatusPage());  // the same for everybody: what it shows comes by the stream
  } else if (exchange->request().method == "HEAD") {
    exchange->Answer({.content_type = "text/event-stream"});
  } else {
    StreamStatus(edge_, *api_, thread_, *history_, exchange);
  }
  return true;
}

absl::Status HttpRoutes::CheckCaller(const HttpRequest& request) const {
  // It goes on as gRPC's metadata, which takes nothing else.
  if (!IsPrintable(request.authorization)) {
    return WithReason(
        absl::UnauthenticatedError("authenticate: the header Authorization has what is no "
                                   "printable ASCII; send the token as it was given"),
        "TOKEN_INVALID");
  }
  const absl::string_view name = HostNameOf(request.host);
  const absl::string_view own = edge_.http_public_url();
  const absl::string_view after_scheme = own.substr(std::min(own.find("//"), own.size()));
  if (!options_.is_loopback || IsLoopbackName(name) ||
      (!own.empty() && name == HostNameOf(after_scheme.substr(2)))) {
    return absl::OkStatus();
  }
  return WithReason(
      absl::PermissionDeniedError(
          "this port is for this machine: ask for it as localhost or 127.0.0.1. If something in "
          "front passes on another Host, name it with --http-public-url"),
      "NAMESPACE_FORBIDDEN");
}

absl::StatusOr<std::string> HttpRoutes::NamespaceOf(const HttpRequest& request) const {
  ASSIGN_OR_RETURN(std::optional<std::string> named, OnlyParameter(request.target, "namespace"));
  if (!named.has_value()) return edge_.default_namespace();
  if (!IsDnsLabel(*named)) return InvalidField("namespace", "is no name of a namespace");
  return *std::move(named);
}

void HttpRoutes::Spawn(const HttpExchangePtr& exchange) {
  const HttpRequest& http = exchange->request();
  // A page of another origin can't send this without asking first (CORS), and it asks in vain.
  if (!IsJson(http.content_type)) {
    return exchange->Answer(
        {.code = 415, .body = "send the body with Content-Type: application/json\n"});
  }
  const absl::StatusOr<std::string> ns = NamespaceOf(http);
  if (!ns.ok()) return exchange->Answer(ErrorAnswer(ns.status()));
  const absl::StatusOr<v1::ConnectRequest> request = ReadSpawn(*ns, http.body);
  if (!request.ok()) return exchange->Answer(ErrorAnswer(request.status()));
  api_->Connect(
      http, *request,
      [this, exchange, ns = *ns](const absl::Status& status, const v1::ConnectResponse& response) {
        if (!status.ok()) return exchange->Answer(ErrorAnswer(status));
        const std::string& name = response.session().name();
        const std::string id = name.substr(name.rfind('/') + 1);
        const std::string base = BaseUrl(edge_, exchange->request());
        const std::string& home = edge_.default_namespace();
        exchange->Answer(
            JsonAnswer(200, {{"url", response.url()},
                             {"name", id},
                             {"readyUrl", BackendUrl(base, home, ns, id, "ready")},
                             {"statusUrl", BackendUrl(base, home, ns, id, "status")}}));
      });
}

bool HttpRoutes::AnswerBackend(const HttpExchangePtr& exchange) {
  const HttpRequest& request = exchange->request();
  const std::vector<absl::string_view> parts = absl::StrSplit(request.path(), '/');
  if (parts.size() < 4 || parts[1] != "backend") return false;
  const absl::string_view what = request.path().substr(sizeof("/backend/") + parts[2].size());
  if (what != "status" && what != "status/stream" && what != "ready") return false;
  if (!IsMethod(exchange, "GET")) return true;
  const absl::StatusOr<std::string> ns = NamespaceOf(request);
  if (!ns.ok()) {
    exchange->Answer(ErrorAnswer(ns.status()));
    return true;
  }
  if (!IsDnsLabel(parts[2])) {
    exchange->Answer(ErrorAnswer(
        WithReason(absl::NotFoundError("no session can have this name"), "SESSION_NOT_FOUND")));
    return true;
  }
  const std::string name = absl::StrCat("namespaces/", *ns, "/sessions/", parts[2]);
  if (what == "status") {
    AnswerStatus(exchange, name);
  } else if (what == "ready") {
    AnswerReady(exchange, name);
  } else if (request.method == "HEAD") {
    exchange->Answer({.content_type = "text/event-stream"});
  } else {
    StreamBackendStates(*api_, thread_, edge_.clock(), exchange, name);
  }
  return true;
}

void HttpRoutes::AnswerStatus(const HttpExchangePtr& exchange, const std::string& name) {
  v1::GetSessionRequest request;
  request.set_name(name);
  api_->GetSession(
      exchange->request(), request,
      [exchange, name](const absl::Status& status, const v1::Session& session) {
        if (!status.ok()) return exchange->Answer(ErrorAnswer(status));
        exchange->Answer(JsonAnswer(200, StatusJson(name.substr(name.rfind('/') + 1), session)));
      });
}

void HttpRoutes::AnswerReady(const HttpExchangePtr& exchange, const std::string& name) {
  v1::GetSessionRequest request;
  request.set_name(name);
  api_->GetSession(exchange->request(), request,
                   [exchange, name](const absl::Status& status, const v1::Session& session) {
                     if (!status.ok()) return exchange->Answer(ErrorAnswer(status));
                     const BackendState state = StateOf(session);
                     HttpAnswer answer =
                         JsonAnswer(409, StatusJson(name.substr(name.rfind('/') + 1), session));
                     if (IsEnd(state)) {
                       answer.code = 410;
                     } else if (state == BackendState::kReady) {
                       answer.code = 302;
                       answer.headers.emplace_back("Location", session.url());
                     } else {
                       answer.headers.emplace_back("Retry-After", "1");
                     }
                     exchange->Answer(std::move(answer));
                   });
}

}  // namespace spawner::api
