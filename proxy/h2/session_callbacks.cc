#include "proxy/h2/session_callbacks.h"

#include <cstddef>
#include <cstdint>
#include <vector>

#include "absl/strings/string_view.h"
#include "base/check.h"
#include "proxy/h2/limits.h"
#include "proxy/h2/server_connection.h"
#include "proxy/h2/server_stream.h"
#include "proxy/h2/workspace.h"

namespace spawner::proxy::h2 {
namespace {

absl::string_view View(const uint8_t* bytes, size_t size) {
  return {reinterpret_cast<const char*>(bytes), size};
}

ServerStream* Find(nghttp2_session* session, int32_t id) {
  return static_cast<ServerStream*>(nghttp2_session_get_stream_user_data(session, id));
}

ServerConnection& Connection(void* user) { return *static_cast<ServerConnection*>(user); }

}  // namespace

struct SessionCallbacks {
  static int OnBeginFrame(nghttp2_session*, const nghttp2_frame_hd* head, void* user) {
    // HEADERS and DATA with a byte are bounded by what they carry, resets are counted apart.
    const bool is_idle = head->type != NGHTTP2_HEADERS && head->type != NGHTTP2_RST_STREAM &&
                         head->type != NGHTTP2_WINDOW_UPDATE &&
                         !(head->type == NGHTTP2_DATA && head->length > 0);
    if (is_idle) Connection(user).CountIdleFrame();
    if (head->type == NGHTTP2_HEADERS || head->type == NGHTTP2_DATA) {
      Connection(user).OnStreamFrame(head->stream_id, head->type == NGHTTP2_HEADERS);
    }
    return 0;
  }

  static int OnBeginHeaders(nghttp2_session*, const nghttp2_frame* frame, void* user) {
    Connection(user).block_bytes_ = 0;
    Connection(user).block_id_ = frame->hd.stream_id;
    ++Connection(user).blocks_;
    if (frame->headers.cat == NGHTTP2_HCAT_REQUEST) {
      Connection(user).OnBeginRequest(frame->hd.stream_id);
    }
    return 0;
  }

  static int OnHeader(nghttp2_session* session, const nghttp2_frame* frame, const uint8_t* name,
                      size_t name_size, const uint8_t* value, size_t value_size, uint8_t,
                      void* user) {
    ServerConnection& connection = Connection(user);
    connection.block_bytes_ += name_size + value_size + kFieldOverheadBytes;
    if (connection.block_bytes_ > kHeaderBombBytes) {
      connection.EnhanceYourCalm();
      return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
    }
    ServerStream* const stream = Find(session, frame->hd.stream_id);
    if (stream == nullptr) return 0;
    if (!stream->has_head()) {
      connection.request_.Add(View(name, name_size), View(value, value_size));
    } else if (!stream->OnTrailer(View(name, name_size), View(value, value_size))) {
      return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
    }
    return 0;
  }

  // What nghttp2 finds malformed: the stream must not go on without the field.
  static int OnInvalidHeader(nghttp2_session*, const nghttp2_frame*, const uint8_t*, size_t,
                             const uint8_t*, size_t, uint8_t, void*) {
    return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
  }

  static int OnFrame(nghttp2_session* session, const nghttp2_frame* frame, void* user) {
    ServerConnection& connection = Connection(user);
    if (frame->hd.type == NGHTTP2_SETTINGS) connection.has_settings_ = true;
    if (frame->hd.type == NGHTTP2_HEADERS) {
      connection.block_bytes_ = 0;
      connection.block_id_ = 0;
    }
    if (frame->hd.type == NGHTTP2_RST_STREAM) {
      connection.CountReset();
      ServerStream* const reset = Find(session, frame->hd.stream_id);
      if (reset != nullptr) reset->OnReset(frame->rst_stream.error_code);
      connection.history_.OnClientDone(frame->hd.stream_id);
    }
    if (frame->hd.type != NGHTTP2_HEADERS && frame->hd.type != NGHTTP2_DATA) return 0;
    ServerStream* const stream = Find(session, frame->hd.stream_id);
    if (stream == nullptr) return 0;
    const bool ends = (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0;
    if (!stream->has_head()) {
      connection.OnRequest(*stream, ends);
    } else if (ends) {
      stream->OnEnd();
    }
    return 0;
  }

  static int OnData(nghttp2_session* session, uint8_t, int32_t id, const uint8_t* bytes,
                    size_t size, void* user) {
    ServerStream* const stream = Find(session, id);
    if (stream != nullptr) {
      stream->OnData(View(bytes, size));
    } else {
      // RFC 9113 6.9: the connection's window counts them all the same.
      nghttp2_session_consume_connection(Connection(user).session_, size);
    }
    return 0;
  }

  static int OnClose(nghttp2_session* session, int32_t id, uint32_t, void* user) {
    ServerStream* const stream = Find(session, id);
    if (stream != nullptr) Connection(user).OnStreamOver(*stream);
    return 0;
  }

  static int OnSent(nghttp2_session* session, const nghttp2_frame* frame, void*) {
    const bool may_end = frame->hd.type == NGHTTP2_HEADERS || frame->hd.type == NGHTTP2_DATA;
    if (!may_end || (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) == 0) return 0;
    ServerStream* const stream = Find(session, frame->hd.stream_id);
    if (stream != nullptr) stream->OnEndSent();
    return 0;
  }

  // A frame that makes us reset a stream is a reset by the client (CVE-2025-8671).
  static int OnInvalidFrame(nghttp2_session*, const nghttp2_frame*, int, void* user) {
    Connection(user).CountReset();
    return 0;
  }

  static ssize_t FillData(nghttp2_session* session, int32_t id, uint8_t* bytes, size_t size,
                          uint32_t* flags, nghttp2_data_source*, void* user) {
    ServerStream* const stream = Find(session, id);
    if (stream == nullptr) return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
    const ServerStream::Fill fill = stream->FillData(bytes, size);
    stream->is_deferred = fill.size == 0 && !fill.is_last;
    if (stream->is_deferred) return NGHTTP2_ERR_DEFERRED;
    if (!fill.is_last) return static_cast<ssize_t>(fill.size);
    *flags |= NGHTTP2_DATA_FLAG_EOF;
    if (stream->trailers().empty()) return static_cast<ssize_t>(fill.size);
    Workspace& workspace = Connection(user).bench_.workspace;
    workspace.block.SetTrailers(stream->trailers());
    const std::vector<nghttp2_nv>& fields = workspace.Views();
    if (fields.empty()) return static_cast<ssize_t>(fill.size);
    *flags |= NGHTTP2_DATA_FLAG_NO_END_STREAM;
    if (nghttp2_submit_trailer(session, id, fields.data(), fields.size()) != 0) {
      return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
    }
    return static_cast<ssize_t>(fill.size);
  }
};

nghttp2_data_provider StreamData() {
  nghttp2_data_provider data{};
  data.read_callback = SessionCallbacks::FillData;
  return data;
}

nghttp2_session* NewServerSession(ServerConnection& connection) {
  nghttp2_session_callbacks* callbacks = nullptr;
  nghttp2_option* option = nullptr;
  nghttp2_session* session = nullptr;
  SPAWNER_CHECK(nghttp2_session_callbacks_new(&callbacks) == 0);
  SPAWNER_CHECK(nghttp2_option_new(&option) == 0);
  using C = SessionCallbacks;
  nghttp2_session_callbacks_set_on_begin_frame_callback(callbacks, C::OnBeginFrame);
  nghttp2_session_callbacks_set_on_begin_headers_callback(callbacks, C::OnBeginHeaders);
  nghttp2_session_callbacks_set_on_header_callback(callbacks, C::OnHeader);
  nghttp2_session_callbacks_set_on_invalid_header_callback(callbacks, C::OnInvalidHeader);
  nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, C::OnFrame);
  nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, C::OnData);
  nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, C::OnClose);
  nghttp2_session_callbacks_set_on_frame_send_callback(callbacks, C::OnSent);
  nghttp2_session_callbacks_set_on_invalid_frame_recv_callback(callbacks, C::OnInvalidFrame);
  nghttp2_option_set_no_auto_window_update(option, 1);
  nghttp2_option_set_max_outbound_ack(option, kAcksQueuedMax);
  nghttp2_option_set_max_settings(option, kSettingsPerFrameMax);
  nghttp2_option_set_max_deflate_dynamic_table_size(option, kHpackTableBytes);
  nghttp2_option_set_max_continuations(option, kContinuationsMax);
  SPAWNER_CHECK(nghttp2_session_server_new2(&session, callbacks, &connection, option) == 0);
  nghttp2_option_del(option);
  nghttp2_session_callbacks_del(callbacks);
  return session;
}

}  // namespace spawner::proxy::h2
