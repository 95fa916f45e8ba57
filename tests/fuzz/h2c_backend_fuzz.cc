// What a backend sends where HTTP/2 is expected, frames or not, through a worker to clients of
// HTTP/1.1: nothing crashes or stays behind, and all that the clients hear is strict HTTP/1.1.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "base/address.h"
#include "base/check.h"
#include "proxy/forward/counters.h"
#include "proxy/forward/sim_world.h"
#include "proxy/http/body_scanner.h"
#include "proxy/http/head.h"
#include "proxy/http/head_scanner.h"
#include "proxy/route/route.h"

namespace spawner::proxy {
namespace {

constexpr absl::string_view kSettings("\0\0\0\4\0\0\0\0\0", 9);
// Streams 1, 3 and 5.
constexpr absl::string_view kRequests[] = {"GET /a HTTP/1.1\r\nHost: a.test\r\n\r\n",
                                           "POST /b HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: "
                                           "chunked\r\n\r\n2\r\nab\r\n0\r\nT: 1\r\n\r\n",
                                           "HEAD /c HTTP/1.1\r\nHost: a.test\r\n\r\n"};

// As strict as the proxy itself. What is not complete must not look so.
void CheckHeard(const SimPeer& client, bool to_head) {
  absl::string_view left = client.received;
  while (!left.empty()) {
    HeadScanner scanner;
    const HeadScanner::State state = scanner.Scan(left);
    if (state == HeadScanner::State::kIncomplete) return;
    SPAWNER_CHECK(state == HeadScanner::State::kComplete);
    const auto head = std::make_unique<ResponseHead>();
    SPAWNER_CHECK(!head->Parse(left.substr(0, scanner.size()), to_head).is_error());
    left.remove_prefix(scanner.size());
    if (head->is_interim()) continue;
    SPAWNER_CHECK(head->body.kind != BodyKind::kUntilClose);
    BodyScanner body(head->body, &IsRefusedInTrailers);
    const BodyScanner::Result result = body.Scan(left);
    SPAWNER_CHECK(result.is_valid);
    left.remove_prefix(result.taken);
    SPAWNER_CHECK(body.is_done() || left.empty());
    SPAWNER_CHECK(left.empty());  // one request, one response
  }
}

void Try(absl::string_view bytes, size_t piece, uint64_t seed) {
  SimWorld world(seed);
  SimBackend backend(world.io, [](SimPeer& peer) { peer.received.clear(); });
  const Address address = backend.Listen({"10.0.1.1", 50051});
  world.SetRoute({.session_id = "a",
                  .epoch = 1,
                  .state = RouteState::kOpen,
                  .ip = address.ip,
                  .port = address.port,
                  .protocol = BackendProtocol::kH2c});
  for (const absl::string_view request : kRequests) {
    world.NewClient().Send(request);
    world.Run(absl::Milliseconds(5));
  }
  for (size_t at = 0; at < bytes.size() && !backend.connections.empty(); at += piece) {
    backend.connections[0]->Send(bytes.substr(at, piece));
    if (at % (8 * piece) == 0) world.Run(absl::Milliseconds(1));
  }
  world.Run(absl::Milliseconds(20));
  for (size_t i = 0; i < world.clients.size(); ++i) {
    CheckHeard(*world.clients[i], i == 2);
    world.clients[i]->Close();
  }
  // More than any timeout of an exchange whose client is gone, and of an idle connection.
  world.Run(absl::Seconds(40));
  const Counters& counters = world.worker->counters();
  SPAWNER_CHECK(counters.clients.value() == 0);
  SPAWNER_CHECK(counters.upstreams.value() == 0);
  SPAWNER_CHECK(counters.held.value() == 0);
  SPAWNER_CHECK(world.reports.Last("a", 1).open == 0);
}

}  // namespace
}  // namespace spawner::proxy

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 1) return 0;
  const size_t piece = size_t{1} << (data[0] % 12);
  const absl::string_view given(reinterpret_cast<const char*>(data + 1), size - 1);
  const bool is_whole = (data[0] & 0x80) != 0;  // with its settings, or without
  const std::string bytes =
      is_whole ? std::string(given) : absl::StrCat(spawner::proxy::kSettings, given);
  spawner::proxy::Try(bytes, std::max(piece, bytes.size() / 64), data[0]);
  return 0;
}
