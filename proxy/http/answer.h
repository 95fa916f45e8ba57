#ifndef SPAWNER_PROXY_HTTP_ANSWER_H_
#define SPAWNER_PROXY_HTTP_ANSWER_H_

#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "proxy/http/rewrite.h"

namespace spawner::proxy {

// An answer of the proxy's own. The text says what happened and what to do next.
struct Answer {
  int status = 500;
  std::string reason;        // for programs: "SESSION_ENDED"
  std::string message;       // for people
  std::string heading;       // of the HTML page; empty: by the status
  std::string content_type;  // set: `message` is the body as it stands
  std::vector<AddedField> fields;
};

struct AnswerForm {
  bool as_html = false;       // the client's Accept prefers it
  bool without_body = false;  // to HEAD
  bool keeps_connection = false;
};

// The whole message: head and body, JSON or a small HTML page.
std::string RenderAnswer(const Answer& answer, const AnswerForm& form);

// True if Accept names text/html before any JSON: browsers' navigations do.
bool PrefersHtml(absl::string_view accept);
// "Not Found"; "Unknown" for what the proxy never sends.
absl::string_view StatusText(int status);

}  // namespace spawner::proxy

#endif  // SPAWNER_PROXY_HTTP_ANSWER_H_
