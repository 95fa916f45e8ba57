#include "proxy/http/answer.h"

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_replace.h"

namespace spawner::proxy {
namespace {

std::string JsonText(absl::string_view text) {
  std::string out;
  for (char c : text) {
    if (c == '"' || c == '\\') {
      out.append({'\\', c});
    } else if (static_cast<unsigned char>(c) < 0x20) {
      absl::StrAppendFormat(&out, "\\u%04x", static_cast<unsigned char>(c));
    } else {
      out.push_back(c);
    }
  }
  return out;
}

std::string HtmlText(absl::string_view text) {
  return absl::StrReplaceAll(text,
                             {{"&", "&amp;"}, {"<", "&lt;"}, {">", "&gt;"}, {"\"", "&quot;"}});
}

// What a person reads first; the reason phrase of HTTP where no better words are known.
absl::string_view Heading(const Answer& answer) {
  if (!answer.heading.empty()) return answer.heading;
  switch (answer.status) {
    case 401:
      return "This needs a fresh link";
    case 403:
      return "This link opens something else";
    case 404:
      return "Nothing lives here";
    case 410:
      return "This session has ended";
    case 414:
      return "URI Too Long";
    case 426:
      return "Upgrade Required";
    case 429:
      return "It is full at the moment";
    case 502:
      return "The session broke off";
    case 503:
      return "Not ready yet";
    case 504:
      return "The session does not answer";
    default:
      return StatusText(answer.status);
  }
}

// Its first letter large, as at the start of a sentence.
std::string Sentence(absl::string_view text) {
  std::string sentence(text);
  if (!sentence.empty()) sentence[0] = absl::ascii_toupper(static_cast<unsigned char>(sentence[0]));
  return sentence;
}

std::string Page(const Answer& answer) {
  return absl::StrCat(
      "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\">"
      "<meta name=\"viewport\" content=\"width=device-width\"><link rel=\"icon\" href=\"data:,\">"
      "<title>",
      Heading(answer),
      "</title><style>:root{color-scheme:light dark}"
      "body{font:1.1rem/1.5 system-ui,sans-serif;max-width:34rem;margin:18vh auto;padding:0 1rem}"
      "h1{font-size:1.7rem;line-height:1.2}small{color:#767676}</style><h1>",
      Heading(answer), "</h1><p>", HtmlText(Sentence(answer.message)), "<p><small>", answer.status,
      " ", HtmlText(answer.reason), " &middot; Spawner</small></html>\n");
}

}  // namespace

std::string RenderAnswer(const Answer& answer, const AnswerForm& form) {
  std::string body;
  absl::string_view type = answer.content_type;
  if (!type.empty()) {
    body = answer.message;
  } else if (form.as_html) {
    type = "text/html; charset=utf-8";
    body = Page(answer);
  } else {
    type = "application/json";
    body = absl::StrCat("{\"code\":", answer.status, ",\"reason\":\"", JsonText(answer.reason),
                        "\",\"message\":\"", JsonText(answer.message), "\"}\n");
  }
  std::string out =
      absl::StrCat("HTTP/1.1 ", answer.status, " ", StatusText(answer.status), "\r\n");
  const bool has_content = answer.status != 204;  // RFC 9110 15.3.5, 8.6
  if (has_content) {
    absl::StrAppend(&out, "Content-Type: ", type, "\r\nContent-Length: ", body.size(), "\r\n");
  }
  out.append("Cache-Control: no-store\r\n");
  for (const AddedField& field : answer.fields) {
    AppendField(field, &out);
  }
  absl::StrAppend(&out, "Connection: ", form.keeps_connection ? "keep-alive" : "close", "\r\n\r\n");
  if (has_content && !form.without_body) out.append(body);
  return out;
}

bool PrefersHtml(absl::string_view accept) {
  const size_t html = accept.find("text/html");
  return html != absl::string_view::npos && html < accept.find("application/json");
}

absl::string_view StatusText(int status) {
  switch (status) {
    case 200:
      return "OK";
    case 202:
      return "Accepted";
    case 204:
      return "No Content";
    case 302:
      return "Found";
    case 308:
      return "Permanent Redirect";
    case 400:
      return "Bad Request";
    case 401:
      return "Unauthorized";
    case 403:
      return "Forbidden";
    case 404:
      return "Not Found";
    case 405:
      return "Method Not Allowed";
    case 408:
      return "Request Timeout";
    case 410:
      return "Gone";
    case 413:
      return "Content Too Large";
    case 429:
      return "Too Many Requests";
    case 431:
      return "Request Header Fields Too Large";
    case 500:
      return "Internal Server Error";
    case 501:
      return "Not Implemented";
    case 502:
      return "Bad Gateway";
    case 503:
      return "Service Unavailable";
    case 504:
      return "Gateway Timeout";
    case 505:
      return "HTTP Version Not Supported";
    default:
      return "Unknown";
  }
}

}  // namespace spawner::proxy
