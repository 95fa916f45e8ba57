#include "controller/api/http_connection.h"

#include <boost/asio/write.hpp>
#include <boost/beast/http/error.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/write.hpp>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/address.h"
#include "controller/api/limits.h"

namespace spawner::api {
namespace {

namespace asio = boost::asio;
namespace http = boost::beast::http;

template <typename Fields, typename Name>
std::string FieldOf(const Fields& fields, Name name) {
  const auto value = fields[name];
  return std::string(value.data(), value.size());
}

constexpr char kStreamHead[] =
    "HTTP/1.1 200 OK\r\n"
    "Content-Type: text/event-stream\r\n"
    "Cache-Control: no-store\r\n"
    "X-Accel-Buffering: no\r\n"  // nginx would keep events back
    "X-Content-Type-Options: nosniff\r\n"
    "Connection: close\r\n\r\n";

// "10.0.0.7:5123", "[::1]:5123"; empty: it has gone.
std::string PeerOf(const asio::ip::tcp::socket& socket) {
  boost::system::error_code error;
  const auto end = socket.remote_endpoint(error);
  if (error) return "";
  return ToString(Address{end.address().to_string(), end.port()});
}

}  // namespace

void HttpConnection::ReadNext() {
  parser_.emplace();
  parser_->header_limit(kHttpHeadBytesMax);
  parser_->body_limit(kHttpBodyBytesMax);
  stream_.expires_after(absl::ToChronoSeconds(kHttpTimeout));
  http::async_read(stream_, buffer_, *parser_,
                   [self = shared_from_this()](ErrorCode error, size_t) { self->OnRead(error); });
}

void HttpConnection::OnRead(ErrorCode error) {
  if (!is_open_) return;
  if (error == http::error::body_limit) {
    return Refuse({.code = 413,
                   .body = absl::StrCat("the body is larger than ", kHttpBodyBytesMax,
                                        " bytes; put data into the image, or where the backend "
                                        "can fetch it\n")});
  }
  if (error) return Close();
  http::request<http::string_body>& request = parser_->get();
  request_ = {.method = std::string(request.method_string().data(), request.method_string().size()),
              .target = std::string(request.target().data(), request.target().size()),
              .host = FieldOf(request, http::field::host),
              .authorization = FieldOf(request, http::field::authorization),
              .content_type = FieldOf(request, http::field::content_type),
              .last_event_id = FieldOf(request, "Last-Event-ID"),
              .peer = PeerOf(stream_.socket()),
              .body = std::move(request.body())};
  is_waiting_ = true;
  stream_.expires_never();
  room_.handler.Handle(shared_from_this());
}

// The rest of the request is not read.
void HttpConnection::Refuse(HttpAnswer answer) {
  parser_->get().keep_alive(false);
  request_ = {};
  is_waiting_ = true;
  Answer(std::move(answer));
}

void HttpConnection::Answer(HttpAnswer answer) {
  if (!is_open_ || !std::exchange(is_waiting_, false)) return;
  const http::request<http::string_body>& request = parser_->get();
  response_ = {};
  response_.version(request.version());
  response_.result(static_cast<unsigned>(answer.code));
  response_.set(http::field::content_type, answer.content_type);
  response_.set(http::field::cache_control, "no-store");
  response_.set("X-Content-Type-Options", "nosniff");
  for (const auto& [name, value] : answer.headers) response_.set(name, value);
  response_.keep_alive(request.keep_alive());
  if (answer.code != 204) response_.content_length(answer.body.size());  // RFC 9110 8.6
  if (request.method() != http::verb::head) response_.body() = std::move(answer.body);
  stream_.expires_after(absl::ToChronoSeconds(kHttpTimeout));
  http::async_write(stream_, response_, [self = shared_from_this()](ErrorCode error, size_t) {
    if (error || !self->response_.keep_alive() || !self->is_open_) return self->Close();
    self->ReadNext();
  });
}

bool HttpConnection::StartEvents(std::function<void()> gone) {
  if (!is_open_ || !is_waiting_) return false;
  if (room_.streams >= kHttpStreamsMax) {
    Answer({.code = 503,
            .body = absl::StrCat(kHttpStreamsMax, " event streams are open; close one first\n"),
            .headers = {{"Retry-After", "5"}}});
    return false;
  }
  ++room_.streams;
  is_waiting_ = false;
  is_stream_ = true;
  gone_ = std::move(gone);
  Send(kStreamHead);
  WatchForEnd();
  return true;
}

void HttpConnection::Send(absl::string_view bytes) {
  if (!is_open_ || !is_stream_ || is_ending_) return;
  if (queued_bytes() + bytes.size() > kHttpStreamBytesMax) return Close();
  queued_.append(bytes.data(), bytes.size());
  if (writing_.empty()) WriteQueued();
}

void HttpConnection::WriteQueued() {
  writing_ = std::exchange(queued_, {});
  stream_.expires_after(absl::ToChronoSeconds(kHttpStreamWriteMax));
  asio::async_write(stream_, asio::buffer(writing_),
                    [self = shared_from_this()](ErrorCode error, size_t) {
                      self->writing_.clear();
                      if (!self->is_open_) return;
                      if (error) return self->Close();
                      self->stream_.expires_never();
                      if (!self->queued_.empty()) return self->WriteQueued();
                      if (self->is_ending_) return self->Close();
                      if (self->wrote_ != nullptr) self->wrote_();
                    });
}

// A client that closes its end is gone: it gets nothing more of the stream.
void HttpConnection::WatchForEnd() {
  stream_.socket().async_read_some(asio::buffer(rest_),
                                   [self = shared_from_this()](ErrorCode error, size_t) {
                                     if (!self->is_open_) return;
                                     if (error) return self->Close();
                                     self->WatchForEnd();
                                   });
}

void HttpConnection::End() {
  if (!is_open_ || !is_stream_) return;
  is_ending_ = true;
  gone_ = nullptr;
  wrote_ = nullptr;
  if (writing_.empty()) Close();
}

void HttpConnection::Close() {
  if (!std::exchange(is_open_, false)) return;
  if (is_stream_) --room_.streams;
  wrote_ = nullptr;
  ErrorCode ignored;
  stream_.socket().shutdown(asio::ip::tcp::socket::shutdown_both, ignored);
  stream_.close();
  room_.connections.erase(shared_from_this());
  if (const auto gone = std::exchange(gone_, nullptr); gone != nullptr) gone();
}

}  // namespace spawner::api
