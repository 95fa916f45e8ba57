#ifndef SPAWNER_PROXY_FORWARD_TUNNEL_H_
#define SPAWNER_PROXY_FORWARD_TUNNEL_H_

#include <cstddef>
#include <cstdint>

#include "absl/strings/string_view.h"
#include "proxy/forward/frame_scanner.h"
#include "proxy/forward/workbench.h"
#include "proxy/io/stream.h"

namespace spawner::proxy {

// Bytes both ways after a 101, unchanged. Each side may finish alone. A close of our own ends it
// between two frames of the backend's.
// Thread: its worker's. Owner: Exchange.
class Tunnel {
 public:
  enum class State {
    kOpen,
    kDone,    // all that was sent has been passed on, both sides have finished; or we closed it
    kFailed,  // one side is dead
  };

  Tunnel(Workbench& bench, Stream& client, Stream& backend, bool is_websocket)
      : bench_(bench), client_(client), backend_(backend), is_websocket_(is_websocket) {}

  // The backend's first bytes, which came with its 101: noted, not sent.
  void Note(absl::string_view from_backend) { frames_.Scan(from_backend, false); }
  // Moves what can be moved, kRoundsPerTurn at most. Adds to `*moved`.
  State Pump(size_t* moved);
  // Pump stopped at its bound: nothing may ever wake it again.
  bool has_more() const { return has_more_; }
  bool is_closing() const { return close_code_ != 0; }
  // One side has finished: the other may go on for a while.
  bool is_half_open() const { return client_.has_ended() != backend_.has_ended(); }

  // Closes with `code` at the next frame boundary: State::kDone from here or from a later Pump.
  State Close(uint16_t code);

 private:
  State MoveToBackend(size_t* moved);
  State MoveToClient(size_t* moved);
  State SendClose();

  Workbench& bench_;
  Stream& client_;
  Stream& backend_;
  FrameScanner frames_;  // backend to client
  const bool is_websocket_;
  bool has_more_ = false;
  uint16_t close_code_ = 0;
};

}  // namespace spawner::proxy

#endif  // SPAWNER_PROXY_FORWARD_TUNNEL_H_
