// A shared whiteboard: the page, its WebSocket, and the board itself, which lives as long as this
// process does. What Spawner asks of it is little: listen on $PORT, end on SIGTERM.
#include <cstdlib>
#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "boost/asio/this_coro.hpp"
#include "deploy/examples/server/http.h"
#include "deploy/examples/server/server.h"
#include "deploy/examples/whiteboard/client.h"
#include "deploy/examples/whiteboard/limits.h"
#include "deploy/examples/whiteboard/page.h"
#include "deploy/examples/whiteboard/room.h"

namespace spawner::examples {
namespace {

using boost::asio::awaitable;

struct File {
  std::string_view content_type;
  std::string_view text;
};

const File* FindFile(const std::string& path) {
  static const auto& files = *new std::map<std::string, File>{
      {"/", {"text/html; charset=utf-8", kIndexHtml}},
      {"/index.html", {"text/html; charset=utf-8", kIndexHtml}},
      {"/style.css", {"text/css; charset=utf-8", kStyleCss}},
      {"/app.js", {"text/javascript; charset=utf-8", kAppJs}},
      {"/board.js", {"text/javascript; charset=utf-8", kBoardJs}},
      {"/link.js", {"text/javascript; charset=utf-8", kLinkJs}},
      {"/reactions.js", {"text/javascript; charset=utf-8", kReactionsJs}},
      {"/healthz", {"text/plain; charset=utf-8", "ok\n"}},
  };
  const auto found = files.find(path);
  return found == files.end() ? nullptr : &found->second;
}

awaitable<void> ServeWebSocket(Room& room, Exchange& exchange) {
  const std::shared_ptr<WebSocket> websocket = co_await exchange.Upgrade(kMessageBytesMax);
  if (!websocket) {
    co_return;
  }
  if (room.is_full()) {
    co_await websocket->Close(1013, "the board is full");
    co_return;
  }
  const auto client =
      std::make_shared<Client>(websocket, co_await boost::asio::this_coro::executor);
  co_await client->Run(room);
}

awaitable<void> Handle(Room& room, Exchange& exchange) {
  const Request& request = exchange.request();
  const File* const file = FindFile(request.path);
  if (request.path == "/ws" && request.is_websocket) {
    co_await ServeWebSocket(room, exchange);
  } else if (file == nullptr) {
    co_await exchange.Reply(404, "text/plain", "not found\n");
  } else if (request.method != "GET" && request.method != "HEAD") {
    co_await exchange.Reply(405, "text/plain", "GET or HEAD only\n");
  } else {
    co_await exchange.Reply(200, file->content_type, file->text);
  }
}

// The board's name: the session's key, else its id.
std::string Title() {
  for (const char* name : {"SPAWNER_KEY", "SPAWNER_SESSION"}) {
    const char* const value = std::getenv(name);  // NOLINT(concurrency-mt-unsafe): one thread
    if (value != nullptr && *value != '\0') {
      return value;
    }
  }
  return "whiteboard";
}

int Main() {
  const auto endpoint = EndpointFromEnvironment();
  if (!endpoint) {
    return 2;
  }
  Room room(Title());
  Server server(*endpoint, kConnectionsMax,
                [&room](Exchange& exchange) { return Handle(room, exchange); });
  server.StopOnSignals();  // before anyone can know that it listens
  if (!server.Listen()) {
    return 1;
  }
  server.Run();
  return 0;
}

}  // namespace
}  // namespace spawner::examples

int main() { return spawner::examples::Main(); }
