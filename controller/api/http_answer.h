#ifndef SPAWNER_CONTROLLER_API_HTTP_ANSWER_H_
#define SPAWNER_CONTROLLER_API_HTTP_ANSWER_H_

#include <string>

#include "absl/strings/string_view.h"
#include "controller/api/edge.h"

namespace spawner::api {

struct HttpAnswer {
  int code = 200;
  std::string content_type = "text/plain; charset=utf-8";
  std::string body;
};

// What the HTTP port says to `method` and `target` (with query). Thread: the loop's.
HttpAnswer AnswerHttp(Edge& edge, absl::string_view method, absl::string_view target);

}  // namespace spawner::api

#endif  // SPAWNER_CONTROLLER_API_HTTP_ANSWER_H_
