// A client's HTTP/2, frame by frame or not frames at all, through a worker to a backend: nothing
// crashes or stays behind, and all that the backend hears is whole requests of strict HTTP/1.1.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <string>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "base/address.h"
#include "base/check.h"
#include "proxy/forward/counters.h"
#include "proxy/forward/sim_world.h"
#include "proxy/h2/request_text.h"
#include "proxy/http/body_scanner.h"
#include "proxy/http/head.h"
#include "proxy/http/head_scanner.h"
#include "proxy/route/route.h"

namespace spawner::proxy {
namespace {

constexpr absl::string_view kPreface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
constexpr absl::string_view kSettings("\0\0\0\4\0\0\0\0\0", 9);

// A backend's connection, as strict as the proxy itself.
class Reader {
 public:
  void Read(SimPeer& peer) {
    while (!peer.received.empty() && !is_tunnel_) {
      if (in_body_) {
        const BodyScanner::Result body = body_.Scan(peer.received);
        SPAWNER_CHECK(body.is_valid);
        peer.received.erase(0, body.taken);
        if (!body_.is_done()) return;
        in_body_ = false;
        Answer(peer);
        continue;
      }
      HeadScanner scanner;
      const HeadScanner::State state = scanner.Scan(peer.received);
      if (state == HeadScanner::State::kIncomplete) return;
      SPAWNER_CHECK(state == HeadScanner::State::kComplete);
      const auto head = std::make_unique<RequestHead>();
      const absl::string_view text = absl::string_view(peer.received).substr(0, scanner.size());
      SPAWNER_CHECK(!head->Parse(text).is_error());
      SPAWNER_CHECK(absl::EqualsIgnoreCase(head->host, "a.test") ||
                    absl::StartsWithIgnoreCase(head->host, "a.test:"));
      path_ = std::string(head->path);
      is_websocket_ = !head->upgrade.empty();
      body_ = BodyScanner(head->body);
      in_body_ = head->body.has_body();
      peer.received.erase(0, scanner.size());
      if (!in_body_) Answer(peer);
    }
  }

 private:
  void Answer(SimPeer& peer) {
    if (is_websocket_) {
      is_tunnel_ = true;
      return peer.Send(absl::StrCat("HTTP/1.1 101 S\r\nConnection: upgrade\r\n",
                                    "Upgrade: websocket\r\nSec-WebSocket-Accept: ",
                                    h2::kWebSocketAccept, "\r\n\r\n\x82\x01x"));
    }
    switch (path_.size() % 4) {
      case 0:
        return peer.Send("HTTP/1.1 204 No Content\r\n\r\n");
      case 1:
        return peer.Send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
      case 2:
        return peer.Send(
            "HTTP/1.1 103 E\r\nLink: x\r\n\r\nHTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
            "3\r\nabc\r\n0\r\nSum: 3\r\n\r\n");
      default:
        peer.Send("HTTP/1.1 200 OK\r\n\r\nuntil the end");
        return peer.Finish();
    }
  }

  std::string path_;
  BodyScanner body_;
  bool in_body_ = false;
  bool is_websocket_ = false;
  bool is_tunnel_ = false;
};

void Try(absl::string_view bytes, size_t piece, uint64_t seed) {
  std::map<SimPeer*, Reader> readers;
  SimWorld world(seed);
  SimBackend backend(world.io, [&readers](SimPeer& peer) { readers[&peer].Read(peer); });
  const Address address = backend.Listen({"10.0.1.1", 8080});
  world.SetRoute({.session_id = "a",
                  .epoch = 1,
                  .state = RouteState::kOpen,
                  .ip = address.ip,
                  .port = address.port});
  SimPeer& client = world.NewClient();
  for (size_t at = 0; at < bytes.size(); at += piece) {
    client.Send(bytes.substr(at, piece));
    if (at % (8 * piece) == 0) world.Run(absl::Milliseconds(1));
  }
  world.Run(absl::Milliseconds(20));
  client.Close();
  // More than any timeout of an exchange whose client is gone.
  world.Run(absl::Seconds(40));
  const Counters& counters = world.worker->counters();
  SPAWNER_CHECK(counters.h2_streams.value() == 0);
  SPAWNER_CHECK(counters.h2_clients.value() == 0);
  SPAWNER_CHECK(counters.clients.value() == 0);
  SPAWNER_CHECK(counters.held.value() == 0);
  SPAWNER_CHECK(world.reports.Last("a", 1).open == 0);
}

}  // namespace
}  // namespace spawner::proxy

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 1) return 0;
  const size_t piece = size_t{1} << (data[0] % 12);
  const absl::string_view given(reinterpret_cast<const char*>(data + 1), size - 1);
  const bool is_whole = (data[0] & 0x80) != 0;  // with its preface, or without
  const std::string bytes =
      is_whole ? std::string(given)
               : absl::StrCat(spawner::proxy::kPreface, spawner::proxy::kSettings, given);
  spawner::proxy::Try(bytes, std::max(piece, bytes.size() / 64), data[0]);
  return 0;
}
