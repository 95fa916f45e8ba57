#include "proxy/h2/sim_h2_client.h"

#include <algorithm>
#include <cstring>

#include "base/check.h"

namespace spawner::proxy::h2 {
namespace {

// Views of `fields`; nghttp2 copies them.
std::vector<nghttp2_nv> Views(const SimH2Client::Fields& fields) {
  std::vector<nghttp2_nv> views;
  for (const auto& [name, value] : fields) {
    views.push_back({reinterpret_cast<uint8_t*>(const_cast<char*>(name.data())),
                     reinterpret_cast<uint8_t*>(const_cast<char*>(value.data())), name.size(),
                     value.size(), NGHTTP2_NV_FLAG_NONE});
  }
  return views;
}

}  // namespace

struct SimH2Client::Callbacks {
  static int OnHeader(nghttp2_session*, const nghttp2_frame* frame, const uint8_t* name,
                      size_t name_size, const uint8_t* value, size_t value_size, uint8_t,
                      void* user) {
    std::string& head = static_cast<SimH2Client*>(user)->replies[frame->hd.stream_id].head;
    head.append(reinterpret_cast<const char*>(name), name_size).append(": ");
    head.append(reinterpret_cast<const char*>(value), value_size).append("\n");
    return 0;
  }

  static int OnData(nghttp2_session* session, uint8_t, int32_t id, const uint8_t* bytes,
                    size_t size, void* user) {
    auto* client = static_cast<SimH2Client*>(user);
    client->replies[id].body.append(reinterpret_cast<const char*>(bytes), size);
    if (client->consumes) nghttp2_session_consume(session, id, size);
    return 0;
  }

  static int OnFrame(nghttp2_session*, const nghttp2_frame* frame, void* user) {
    auto* client = static_cast<SimH2Client*>(user);
    if (frame->hd.type == NGHTTP2_GOAWAY) client->goaways.push_back(frame->goaway.error_code);
    if ((frame->hd.type == NGHTTP2_DATA || frame->hd.type == NGHTTP2_HEADERS) &&
        (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0) {
      client->replies[frame->hd.stream_id].has_end = true;
    }
    return 0;
  }

  static int OnClose(nghttp2_session*, int32_t id, uint32_t code, void* user) {
    Reply& reply = static_cast<SimH2Client*>(user)->replies[id];
    reply.is_over = true;
    reply.code = code;
    return 0;
  }

  static ssize_t FillData(nghttp2_session* session, int32_t id, uint8_t* bytes, size_t size,
                          uint32_t* flags, nghttp2_data_source*, void* user) {
    Body& body = static_cast<SimH2Client*>(user)->bodies_[id];
    if (body.left.empty() && !body.ends) return NGHTTP2_ERR_DEFERRED;
    size = std::min(size, body.left.size());
    std::memcpy(bytes, body.left.data(), size);
    body.left.erase(0, size);
    if (!body.left.empty() || !body.ends) return static_cast<ssize_t>(size);
    *flags |= NGHTTP2_DATA_FLAG_EOF;
    if (!body.trailers.empty()) {
      *flags |= NGHTTP2_DATA_FLAG_NO_END_STREAM;
      const std::vector<nghttp2_nv> views = Views(body.trailers);
      SPAWNER_CHECK(nghttp2_submit_trailer(session, id, views.data(), views.size()) == 0);
    }
    return static_cast<ssize_t>(size);
  }
};

SimH2Client::SimH2Client(Io& io) : stream_(io) {
  nghttp2_session_callbacks* callbacks = nullptr;
  SPAWNER_CHECK(nghttp2_session_callbacks_new(&callbacks) == 0);
  nghttp2_session_callbacks_set_on_header_callback(callbacks, Callbacks::OnHeader);
  nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, Callbacks::OnData);
  nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, Callbacks::OnFrame);
  nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, Callbacks::OnClose);
  nghttp2_option* option = nullptr;
  SPAWNER_CHECK(nghttp2_option_new(&option) == 0);
  nghttp2_option_set_no_auto_window_update(option, 1);
  nghttp2_option_set_no_http_messaging(option, 1);
  SPAWNER_CHECK(nghttp2_session_client_new2(&session_, callbacks, this, option) == 0);
  nghttp2_option_del(option);
  nghttp2_session_callbacks_del(callbacks);
  nghttp2_submit_settings(session_, NGHTTP2_FLAG_NONE, nullptr, 0);
}

SimH2Client::~SimH2Client() { nghttp2_session_del(session_); }

void SimH2Client::Connect(const Address& address) {
  stream_.Adopt(stream_.io().Connect(address, *this).value());
}

int32_t SimH2Client::Request(Fields fields, std::optional<std::string> body) {
  if (body) {
    const int32_t id = Open(std::move(fields));
    Append(id, *body);
    Finish(id);
    return id;
  }
  const std::vector<nghttp2_nv> views = Views(fields);
  const int32_t id =
      nghttp2_submit_request(session_, nullptr, views.data(), views.size(), nullptr, nullptr);
  Pump();
  return id;
}

int32_t SimH2Client::Get(absl::string_view path, absl::string_view authority) {
  return Request({{":method", "GET"},
                  {":scheme", "http"},
                  {":authority", std::string(authority)},
                  {":path", std::string(path)}});
}

int32_t SimH2Client::Open(Fields fields) {
  const std::vector<nghttp2_nv> views = Views(fields);
  nghttp2_data_provider data{};
  data.read_callback = Callbacks::FillData;
  const int32_t id =
      nghttp2_submit_request(session_, nullptr, views.data(), views.size(), &data, nullptr);
  bodies_[id] = {};
  Pump();
  return id;
}

void SimH2Client::Append(int32_t id, absl::string_view bytes) {
  bodies_[id].left.append(bytes.data(), bytes.size());
  nghttp2_session_resume_data(session_, id);
  Pump();
}

void SimH2Client::Finish(int32_t id, Fields trailers) {
  bodies_[id].ends = true;
  bodies_[id].trailers = std::move(trailers);
  nghttp2_session_resume_data(session_, id);
  Pump();
}

void SimH2Client::Reset(int32_t id, uint32_t code) {
  nghttp2_submit_rst_stream(session_, NGHTTP2_FLAG_NONE, id, code);
  Pump();
}

void SimH2Client::Consume(int32_t id, size_t count) {
  nghttp2_session_consume(session_, id, count);
  Pump();
}

std::string SimH2Client::Output() {
  std::string all;
  const uint8_t* bytes = nullptr;
  for (ssize_t size; (size = nghttp2_session_mem_send(session_, &bytes)) > 0;) {
    all.append(reinterpret_cast<const char*>(bytes), static_cast<size_t>(size));
  }
  return all;
}

void SimH2Client::Hear(absl::string_view bytes) {
  nghttp2_session_mem_recv(session_, reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size());
}

void SimH2Client::OnIo(IoEvents events) {
  stream_.OnIo(events);
  char bytes[4096];
  while (reads && stream_.is_open()) {
    const IoResult read = stream_.Read(bytes, sizeof(bytes));
    if (read.kind == IoResult::Kind::kBlocked) break;
    if (!read.is_bytes()) {
      is_closed = true;
      return stream_.Close();
    }
    Hear({bytes, read.size});
  }
  Pump();
}

void SimH2Client::Pump() {
  if (!stream_.is_open()) return;
  stream_.Flush();
  const uint8_t* bytes = nullptr;
  while (stream_.is_open() && !stream_.is_blocked()) {
    const ssize_t size = nghttp2_session_mem_send(session_, &bytes);
    if (size <= 0) return;
    stream_.Write({{reinterpret_cast<const char*>(bytes), static_cast<size_t>(size)}});
  }
}

}  // namespace spawner::proxy::h2
