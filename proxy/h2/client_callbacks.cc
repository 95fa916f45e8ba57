#include "proxy/h2/client_callbacks.h"

#include <cstddef>
#include <cstdint>
#include <vector>

#include "absl/strings/string_view.h"
#include "base/check.h"
#include "proxy/h2/client_connection.h"
#include "proxy/h2/client_stream.h"
#include "proxy/h2/limits.h"
#include "proxy/h2/name_values.h"
#include "proxy/h2/response_fields.h"

namespace spawner::proxy::h2 {
namespace {

absl::string_view View(const uint8_t* bytes, size_t size) {
  return {reinterpret_cast<const char*>(bytes), size};
}

ClientStream* Find(nghttp2_session* session, int32_t id) {
  return static_cast<ClientStream*>(nghttp2_session_get_stream_user_data(session, id));
}

ClientConnection& Connection(void* user) { return *static_cast<ClientConnection*>(user); }

void Refuse(nghttp2_session* session, int32_t id) {
  nghttp2_submit_rst_stream(session, NGHTTP2_FLAG_NONE, id, NGHTTP2_PROTOCOL_ERROR);
}

}  // namespace

struct ClientCallbacks {
  static int OnBeginHeaders(nghttp2_session* session, const nghttp2_frame* frame, void* user) {
    Connection(user).block_bytes_ = 0;
    ClientStream* const stream = Find(session, frame->hd.stream_id);
    if (stream != nullptr) stream->OnBeginHeaders();
    return 0;
  }

  static int OnHeader(nghttp2_session* session, const nghttp2_frame* frame, const uint8_t* name,
                      size_t name_size, const uint8_t* value, size_t value_size, uint8_t,
                      void* user) {
    ClientConnection& connection = Connection(user);
    connection.block_bytes_ += name_size + value_size + kFieldOverheadBytes;
    if (connection.block_bytes_ > kHeaderBombBytes) {
      nghttp2_session_terminate_session(session, NGHTTP2_ENHANCE_YOUR_CALM);
      return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
    }
    ClientStream* const stream = Find(session, frame->hd.stream_id);
    if (stream == nullptr) return 0;
    const bool is_good = stream->OnField(View(name, name_size), View(value, value_size));
    return is_good ? 0 : NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
  }

  // What nghttp2 finds malformed: the stream must not go on without the field.
  static int OnInvalidHeader(nghttp2_session*, const nghttp2_frame*, const uint8_t*, size_t,
                             const uint8_t*, size_t, uint8_t, void*) {
    return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
  }

  static int OnFrame(nghttp2_session* session, const nghttp2_frame* frame, void* user) {
    ClientConnection& connection = Connection(user);
    const bool is_ack = (frame->hd.flags & NGHTTP2_FLAG_ACK) != 0;
    if (frame->hd.type == NGHTTP2_SETTINGS && !is_ack) connection.OnSettings();
    if (frame->hd.type == NGHTTP2_GOAWAY) connection.Leave();
    ClientStream* const stream = Find(session, frame->hd.stream_id);
    if (stream == nullptr) return 0;
    if (frame->hd.type == NGHTTP2_RST_STREAM) stream->OnReset(frame->rst_stream.error_code);
    if (frame->hd.type != NGHTTP2_HEADERS && frame->hd.type != NGHTTP2_DATA) return 0;
    const bool ends = (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0;
    if (frame->hd.type == NGHTTP2_HEADERS) {
      if (!stream->OnHeaders(ends)) Refuse(session, frame->hd.stream_id);
    } else if (ends) {
      stream->OnEnd();
    }
    return 0;
  }

  static int OnData(nghttp2_session* session, uint8_t, int32_t id, const uint8_t* bytes,
                    size_t size, void*) {
    ClientStream* const stream = Find(session, id);
    if (stream == nullptr) {
      // RFC 9113 6.9: the connection's window counts them all the same.
      nghttp2_session_consume_connection(session, size);
    } else if (!stream->OnData(View(bytes, size))) {
      Refuse(session, id);
    }
    return 0;
  }

  static int OnClose(nghttp2_session* session, int32_t id, uint32_t code, void* user) {
    ClientStream* const stream = Find(session, id);
    if (stream != nullptr) Connection(user).OnStreamOver(*stream, code);
    return 0;
  }

  static int OnSent(nghttp2_session* session, const nghttp2_frame* frame, void*) {
    if (frame->hd.type != NGHTTP2_HEADERS) return 0;
    ClientStream* const stream = Find(session, frame->hd.stream_id);
    if (stream != nullptr) stream->is_sent = true;
    return 0;
  }

  static ssize_t FillData(nghttp2_session* session, int32_t id, uint8_t* bytes, size_t size,
                          uint32_t* flags, nghttp2_data_source*, void*) {
    ClientStream* const stream = Find(session, id);
    if (stream == nullptr) return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
    const ClientStream::Fill fill = stream->FillData(bytes, size);
    stream->is_deferred = fill.size == 0 && !fill.is_last;
    if (stream->is_deferred) return NGHTTP2_ERR_DEFERRED;
    if (!fill.is_last) return static_cast<ssize_t>(fill.size);
    *flags |= NGHTTP2_DATA_FLAG_EOF;
    if (stream->trailers().empty()) return static_cast<ssize_t>(fill.size);
    FieldBlock trailers;
    trailers.SetTrailers(stream->trailers());
    if (trailers.all().empty()) return static_cast<ssize_t>(fill.size);
    const std::vector<nghttp2_nv> fields = NameValues(trailers.all());
    *flags |= NGHTTP2_DATA_FLAG_NO_END_STREAM;
    if (nghttp2_submit_trailer(session, id, fields.data(), fields.size()) != 0) {
      return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
    }
    return static_cast<ssize_t>(fill.size);
  }
};

nghttp2_data_provider RequestData() {
  nghttp2_data_provider data{};
  data.read_callback = ClientCallbacks::FillData;
  return data;
}

nghttp2_session* NewClientSession(ClientConnection& connection) {
  nghttp2_session_callbacks* callbacks = nullptr;
  nghttp2_option* option = nullptr;
  nghttp2_session* session = nullptr;
  SPAWNER_CHECK(nghttp2_session_callbacks_new(&callbacks) == 0);
  SPAWNER_CHECK(nghttp2_option_new(&option) == 0);
  using C = ClientCallbacks;
  nghttp2_session_callbacks_set_on_begin_headers_callback(callbacks, C::OnBeginHeaders);
  nghttp2_session_callbacks_set_on_header_callback(callbacks, C::OnHeader);
  nghttp2_session_callbacks_set_on_invalid_header_callback(callbacks, C::OnInvalidHeader);
  nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, C::OnFrame);
  nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, C::OnData);
  nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, C::OnClose);
  nghttp2_session_callbacks_set_on_frame_send_callback(callbacks, C::OnSent);
  nghttp2_option_set_no_auto_window_update(option, 1);
  nghttp2_option_set_max_outbound_ack(option, kAcksQueuedMax);
  nghttp2_option_set_max_settings(option, kSettingsPerFrameMax);
  nghttp2_option_set_max_deflate_dynamic_table_size(option, kHpackTableBytes);
  nghttp2_option_set_max_continuations(option, kContinuationsMax);
  nghttp2_option_set_no_closed_streams(option, 1);
  SPAWNER_CHECK(nghttp2_session_client_new2(&session, callbacks, &connection, option) == 0);
  nghttp2_option_del(option);
  nghttp2_session_callbacks_del(callbacks);
  return session;
}

}  // namespace spawner::proxy::h2
