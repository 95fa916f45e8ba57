#include "tests/fuzz/http_oracle.h"

#include <http_parser.h>

#include <boost/asio/buffer.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/string_body.hpp>
#include <string>

#include "absl/strings/ascii.h"

namespace spawner::proxy {
namespace {

namespace http = boost::beast::http;

constexpr size_t kHeadMax = 64 * 1024;
constexpr size_t kBodyMax = 1024 * 1024;

template <bool kIsRequest>
Reading ReadWithBeast(absl::string_view bytes) {
  http::parser<kIsRequest, http::string_body> parser;
  parser.header_limit(kHeadMax);
  parser.body_limit(kBodyMax);
  parser.eager(true);
  Reading reading;
  boost::system::error_code error;
  while (!parser.is_done() && reading.size < bytes.size()) {
    const absl::string_view rest = bytes.substr(reading.size);
    const size_t taken = parser.put(boost::asio::buffer(rest.data(), rest.size()), error);
    reading.size += taken;
    if (error || taken == 0) break;
  }
  if (!error && !parser.is_done() && parser.is_header_done()) parser.put_eof(error);
  reading.accepts = !error && parser.is_done();
  if constexpr (kIsRequest) {
    reading.method = std::string(parser.get().method_string());
    reading.target = std::string(parser.get().target());
  } else {
    reading.status = static_cast<int>(parser.get().result_int());
  }
  reading.body = parser.get().body();
  return reading;
}

// A field whose name only begins as Transfer-Encoding does takes the chunks away that the real one
// announced (RFC 9110 5.1: names are compared whole). Of requests http-parser refuses the rest; a
// response it then reads until the connection ends.
bool ConfusesHttpParser(absl::string_view bytes) {
  const std::string name = "\ntransfer-encoding";
  const std::string text = absl::AsciiStrToLower(bytes);
  for (size_t at = text.find(name); at != std::string::npos; at = text.find(name, at + 1)) {
    const size_t end = at + name.size();
    if (end < text.size() && text[end] != ':') return true;
  }
  return false;
}

Reading& ReadingOf(http_parser* parser) { return *static_cast<Reading*>(parser->data); }

// Keeps what it is told, and stops at the end of the first message.
http_parser_settings FirstMessage() {
  http_parser_settings settings;
  http_parser_settings_init(&settings);
  settings.on_url = [](http_parser* parser, const char* at, size_t size) {
    ReadingOf(parser).target.append(at, size);
    return 0;
  };
  settings.on_headers_complete = [](http_parser* parser) {
    const unsigned status = parser->type == HTTP_RESPONSE ? parser->status_code : 0;
    return status / 100 == 1 || status == 204 || status == 304 ? 1 : 0;
  };
  settings.on_body = [](http_parser* parser, const char* at, size_t size) {
    ReadingOf(parser).body.append(at, size);
    return 0;
  };
  settings.on_message_complete = [](http_parser* parser) {
    ReadingOf(parser).accepts = true;
    http_parser_pause(parser, 1);
    return 0;
  };
  return settings;
}

}  // namespace

Reading ReadByHttpParser(absl::string_view bytes, MessageKind kind) {
  const bool is_request = kind == MessageKind::kRequest;
  static const http_parser_settings kSettings = FirstMessage();
  Reading reading;
  if (ConfusesHttpParser(bytes)) return reading;
  http_parser parser;
  http_parser_init(&parser, is_request ? HTTP_REQUEST : HTTP_RESPONSE);
  parser.data = &reading;
  reading.size = http_parser_execute(&parser, &kSettings, bytes.data(), bytes.size());
  if (!reading.accepts && HTTP_PARSER_ERRNO(&parser) == HPE_OK) {
    http_parser_execute(&parser, &kSettings, nullptr, 0);  // the connection ends
  }
  if (is_request) {
    reading.method = http_method_str(static_cast<http_method>(parser.method));
  } else {
    reading.status = static_cast<int>(parser.status_code);
  }
  return reading;
}

Reading ReadByBeast(absl::string_view bytes, MessageKind kind) {
  return kind == MessageKind::kRequest ? ReadWithBeast<true>(bytes) : ReadWithBeast<false>(bytes);
}

}  // namespace spawner::proxy
