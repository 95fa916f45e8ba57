#include "controller/api/http_answer.h"

#include <optional>

#include "absl/strings/str_cat.h"

namespace spawner::api {
namespace {

constexpr char kPrometheus[] = "text/plain; version=0.0.4; charset=utf-8";

}  // namespace

HttpAnswer AnswerHttp(Edge& edge, absl::string_view method, absl::string_view target) {
  const absl::string_view path = target.substr(0, target.find('?'));
  if (path != "/healthz" && path != "/readyz" && path != "/metrics") {
    return {.code = 404,
            .body = absl::StrCat("nothing here; there are /healthz, /readyz and /metrics. Sessions "
                                 "are started with gRPC: spawner.v1.Sessions/Connect, or "
                                 "`spawnctl connect`\n")};
  }
  if (method != "GET" && method != "HEAD") return {.code = 405, .body = "only GET\n"};
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

}  // namespace spawner::api
