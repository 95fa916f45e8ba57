#include "proxy/h2/sim_h2_backend.h"

#include <algorithm>
#include <cstring>

#include "base/check.h"

namespace spawner::proxy::h2 {
namespace {

using Connection = SimH2Backend::Connection;

std::vector<nghttp2_nv> Views(const SimH2Backend::Fields& fields) {
  std::vector<nghttp2_nv> views;
  for (const auto& [name, value] : fields) {
    views.push_back({reinterpret_cast<uint8_t*>(const_cast<char*>(name.data())),
                     reinterpret_cast<uint8_t*>(const_cast<char*>(value.data())), name.size(),
                     value.size(), NGHTTP2_NV_FLAG_NONE});
  }
  return views;
}

int OnHeader(nghttp2_session*, const nghttp2_frame* frame, const uint8_t* name, size_t name_size,
             const uint8_t* value, size_t value_size, uint8_t, void* user) {
  SimH2Backend::Request& request = static_cast<Connection*>(user)->requests[frame->hd.stream_id];
  std::string& where = request.has_head ? request.trailers : request.head;
  where.append(reinterpret_cast<const char*>(name), name_size).append(": ");
  where.append(reinterpret_cast<const char*>(value), value_size).append("\n");
  return 0;
}

int OnFrame(nghttp2_session*, const nghttp2_frame* frame, void* user) {
  auto& connection = *static_cast<Connection*>(user);
  if (frame->hd.type == NGHTTP2_GOAWAY) connection.has_goaway = true;
  if (frame->hd.type == NGHTTP2_PING) ++connection.pings;
  if (frame->hd.type != NGHTTP2_HEADERS && frame->hd.type != NGHTTP2_DATA) return 0;
  SimH2Backend::Request& request = connection.requests[frame->hd.stream_id];
  request.has_head = true;
  request.has_end = (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0;
  if (connection.backend.on_request) {
    connection.backend.on_request(connection, frame->hd.stream_id, request);
  }
  return 0;
}

int OnData(nghttp2_session* session, uint8_t, int32_t id, const uint8_t* bytes, size_t size,
           void* user) {
  auto& connection = *static_cast<Connection*>(user);
  connection.requests[id].body.append(reinterpret_cast<const char*>(bytes), size);
  if (connection.backend.consumes) nghttp2_session_consume(session, id, size);
  return 0;
}

int OnOver(nghttp2_session*, int32_t id, uint32_t code, void* user) {
  SimH2Backend::Request& request = static_cast<Connection*>(user)->requests[id];
  request.is_over = true;
  request.code = code;
  return 0;
}

ssize_t Fill(nghttp2_session* session, int32_t id, uint8_t* bytes, size_t size, uint32_t* flags,
             nghttp2_data_source*, void* user) {
  SimH2Backend::Request& request = static_cast<Connection*>(user)->requests[id];
  const size_t count = std::min(size, request.to_send.size());
  std::memcpy(bytes, request.to_send.data(), count);
  request.to_send.erase(0, count);
  const bool is_last = request.ends && request.to_send.empty();
  request.is_deferred = count == 0 && !is_last;
  if (request.is_deferred) return NGHTTP2_ERR_DEFERRED;
  if (is_last) *flags |= NGHTTP2_DATA_FLAG_EOF;
  if (is_last && !request.trailers_to_send.empty()) {
    *flags |= NGHTTP2_DATA_FLAG_NO_END_STREAM;
    const std::vector<nghttp2_nv> views = Views(request.trailers_to_send);
    SPAWNER_CHECK(nghttp2_submit_trailer(session, id, views.data(), views.size()) == 0);
  }
  return static_cast<ssize_t>(count);
}

}  // namespace

SimH2Backend::Connection::Connection(SimH2Backend& the_backend, Socket socket)
    : backend(the_backend), stream(the_backend.io) {
  nghttp2_session_callbacks* callbacks = nullptr;
  nghttp2_option* option = nullptr;
  nghttp2_session_callbacks_new(&callbacks);
  nghttp2_option_new(&option);
  nghttp2_option_set_no_auto_window_update(option, 1);
  nghttp2_session_callbacks_set_on_header_callback(callbacks, OnHeader);
  nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, OnFrame);
  nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, OnData);
  nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, OnOver);
  SPAWNER_CHECK(nghttp2_session_server_new2(&session, callbacks, this, option) == 0);
  nghttp2_option_del(option);
  nghttp2_session_callbacks_del(callbacks);
  if (backend.sends_settings) SendSettings();
  backend.io.Register(socket, *this);
  stream.Adopt(socket);
}

SimH2Backend::Connection::~Connection() { nghttp2_session_del(session); }

void SimH2Backend::Connection::SendSettings() {
  const nghttp2_settings_entry setting = {NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS,
                                          backend.streams_max};
  nghttp2_submit_settings(session, NGHTTP2_FLAG_NONE, &setting, 1);
  has_settings = true;
  OnIo({});  // what came before
}

void SimH2Backend::Connection::OnIo(IoEvents events) {
  stream.OnIo(events);
  if (!has_settings) return;  // nothing may go out before them, and nothing is answered
  stream.Flush();
  std::string bytes(16 * 1024, '\0');
  while (stream.is_open()) {
    const IoResult read = stream.Read(bytes.data(), bytes.size());
    if (read.kind == IoResult::Kind::kBlocked) break;
    has_ended |= !read.is_bytes();
    if (!read.is_bytes()) return stream.Close();
    is_receiving = true;
    const ssize_t taken = nghttp2_session_mem_recv(
        session, reinterpret_cast<const uint8_t*>(bytes.data()), read.size);
    is_receiving = false;
    SPAWNER_CHECK(taken == static_cast<ssize_t>(read.size));
  }
  Flush();
}

void SimH2Backend::Connection::Flush() {
  // nghttp2 does not send while it receives.
  if (!has_settings || is_receiving) return;
  while (stream.is_open() && !stream.is_blocked()) {
    const uint8_t* bytes = nullptr;
    const ssize_t size = nghttp2_session_mem_send(session, &bytes);
    SPAWNER_CHECK(size >= 0);
    if (size == 0) break;
    stream.Write({{reinterpret_cast<const char*>(bytes), static_cast<size_t>(size)}});
  }
  const bool is_done =
      nghttp2_session_want_read(session) == 0 && nghttp2_session_want_write(session) == 0;
  if (is_done && !stream.is_blocked()) stream.Close();
}

void SimH2Backend::Connection::Head(int32_t id, const Fields& fields, bool ends) {
  const std::vector<nghttp2_nv> views = Views(fields);
  nghttp2_data_provider data{};
  data.read_callback = Fill;
  const bool is_interim = fields.front().second.front() == '1';
  if (is_interim) {
    nghttp2_submit_headers(session, NGHTTP2_FLAG_NONE, id, nullptr, views.data(), views.size(),
                           nullptr);
  } else {
    nghttp2_submit_response(session, id, views.data(), views.size(), ends ? nullptr : &data);
  }
  Flush();
}

void SimH2Backend::Connection::Data(int32_t id, absl::string_view bytes, bool ends,
                                    Fields trailers) {
  Request& request = requests[id];
  request.to_send.append(bytes.data(), bytes.size());
  request.ends = ends;
  request.trailers_to_send = std::move(trailers);
  if (request.is_deferred) nghttp2_session_resume_data(session, id);
  Flush();
}

void SimH2Backend::Connection::Reset(int32_t id, uint32_t code) {
  nghttp2_submit_rst_stream(session, NGHTTP2_FLAG_NONE, id, code);
  Flush();
}

void SimH2Backend::Connection::GoAway(int32_t last_id) {
  nghttp2_submit_goaway(session, NGHTTP2_FLAG_NONE, last_id, NGHTTP2_NO_ERROR, nullptr, 0);
  Flush();
}

void SimH2Backend::Connection::Consume(int32_t id, size_t size) {
  nghttp2_session_consume(session, id, size);
  Flush();
}

SimH2Backend::SimH2Backend(SimIo& the_io, const Address& the_address)
    : io(the_io), address(the_address) {
  absl::StatusOr<Socket> socket = io.Listen(address, *this);
  SPAWNER_CHECK(socket.ok());
  listener_ = *socket;
}

void SimH2Backend::StopListening() {
  if (listener_.is_open()) io.Close(listener_);
  listener_ = {};
}

void SimH2Backend::OnIo(IoEvents) {
  for (;;) {
    const Accepted accepted = io.Accept(listener_);
    if (accepted.kind != Accepted::Kind::kSocket) return;
    connections.push_back(std::make_unique<Connection>(*this, accepted.socket));
  }
}

std::function<void(SimH2Backend::Connection&, int32_t, SimH2Backend::Request&)> Echoing(
    std::string body) {
  return [body = std::move(body)](SimH2Backend::Connection& connection, int32_t id,
                                  SimH2Backend::Request& request) {
    if (!request.has_end) return;
    connection.Head(id, {{":status", "200"}, {"x-id", std::to_string(id)}});
    connection.Data(id, request.body.empty() ? body : request.body, true);
  };
}

}  // namespace spawner::proxy::h2
