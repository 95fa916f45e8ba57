#include "tests/fuzz/http_oracle.h"

#include <boost/asio/buffer.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/string_body.hpp>

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

}  // namespace

Reading ReadByBeast(absl::string_view bytes, MessageKind kind) {
  return kind == MessageKind::kRequest ? ReadWithBeast<true>(bytes) : ReadWithBeast<false>(bytes);
}

}  // namespace spawner::proxy
