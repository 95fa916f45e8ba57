#ifndef SPAWNER_PROXY_H2_SIM_H2_PEER_H_
#define SPAWNER_PROXY_H2_SIM_H2_PEER_H_

#include <algorithm>
#include <cstddef>
#include <string>

#include "absl/strings/string_view.h"
#include "proxy/h2/stream_io.h"
#include "proxy/io/io.h"
#include "proxy/io/stream.h"

namespace spawner::proxy::h2 {

// Who serves a stream, as text over its socket.
class Peer final : public IoHandler {
 public:
  Peer(StreamIo& io, Socket socket) : stream(io) {
    io.Register(socket, *this);
    stream.Adopt(socket);
  }
  void OnIo(IoEvents events) override {
    stream.OnIo(events);
    stream.Flush();
    Send();
    if (reads) Read();
  }
  void Read() {
    char bytes[4096];
    while (stream.is_open()) {
      const IoResult read = stream.Read(bytes, sizeof(bytes));
      if (read.kind == IoResult::Kind::kBlocked) return;
      has_end |= read.kind == IoResult::Kind::kEnd;
      has_failed |= read.kind == IoResult::Kind::kFailed;
      if (!read.is_bytes()) return stream.Close();
      got.append(bytes, read.size);
    }
  }
  void Answer(absl::string_view text) {
    to_send.append(text.data(), text.size());
    Send();
  }
  void Send() {
    while (stream.is_open() && !stream.is_blocked() && !to_send.empty()) {
      const std::string piece = to_send.substr(0, 16 * 1024);
      if (!stream.Write({piece})) return;
      most_kept = std::max(most_kept, stream.kept());
      to_send.erase(0, piece.size());
    }
  }

  Stream stream;
  std::string got;
  std::string to_send;
  size_t most_kept = 0;
  bool reads = true;
  bool has_end = false;
  bool has_failed = false;
};

}  // namespace spawner::proxy::h2

#endif  // SPAWNER_PROXY_H2_SIM_H2_PEER_H_
