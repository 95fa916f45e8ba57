#include "deploy/examples/echo/handlers.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>  // IWYU pragma: keep: Asio 1.74 needs it
#include <vector>

#include "boost/asio/redirect_error.hpp"
#include "boost/asio/steady_timer.hpp"
#include "boost/asio/this_coro.hpp"
#include "boost/asio/use_awaitable.hpp"
#include "boost/crc.hpp"
#include "deploy/examples/echo/files.h"
#include "deploy/examples/echo/limits.h"
#include "nlohmann/json.hpp"

namespace spawner::examples {
namespace {

namespace asio = boost::asio;
using asio::awaitable;
using std::chrono::milliseconds;

constexpr std::string_view kText = "text/plain; charset=utf-8";
constexpr std::string_view kJson = "application/json";

std::string Environment(const char* name) {
  const char* const value = std::getenv(name);  // NOLINT(concurrency-mt-unsafe): one thread
  return value ? value : "";
}

std::string HostName() {
  std::array<char, 256> name = {};
  return gethostname(name.data(), name.size() - 1) == 0 ? name.data() : "unknown";
}

nlohmann::json SessionEnvironment() {
  nlohmann::json json = nlohmann::json::object();
  for (const char* name :
       {"PORT", "HOST", "SPAWNER_SESSION", "SPAWNER_KEY", "SPAWNER_EPOCH", "SESSION_BACKEND_ID",
        "SESSION_BACKEND_KEY", "SESSION_BACKEND_FENCING_TOKEN"}) {
    const std::string value = Environment(name);
    if (!value.empty()) {
      json[name] = value;
    }
  }
  return json;
}

// JSON with whatever bytes a client sent replaced where they are not UTF-8.
std::string Dump(const nlohmann::json& json) {
  return json.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
}

awaitable<void> Sleep(milliseconds duration) {
  asio::steady_timer timer(co_await asio::this_coro::executor, duration);
  boost::system::error_code ignored;  // nothing cancels it
  co_await timer.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
}

// How many bytes a slow transfer moves between two waits of kPaceInterval.
size_t PaceBytes(uint64_t bytes_per_second) {
  return bytes_per_second == 0
             ? kPieceBytesMax
             : std::clamp<uint64_t>(bytes_per_second * kPaceInterval.count() / 1000, 1,
                                    kPieceBytesMax);
}

awaitable<void> BadParameter(Exchange& exchange) {
  co_await exchange.Reply(400, kText, "a query parameter is no number in its range\n");
}

awaitable<void> Index(Exchange& exchange) {
  std::string text = "echo\nhost: " + HostName() + "\npid: " + std::to_string(getpid()) + "\n";
  const nlohmann::json environment = SessionEnvironment();
  for (const auto& [name, value] : environment.items()) {
    text += name + ": " + value.get<std::string>() + "\n";
  }
  co_await exchange.Reply(200, kText, text);
}

awaitable<void> Health(Exchange& exchange) { co_await exchange.Reply(200, kText, "ok\n"); }

awaitable<void> Headers(Exchange& exchange) {
  const Request& request = exchange.request();
  nlohmann::json json;
  json["method"] = request.method;
  json["target"] = request.target;
  json["version"] = request.version == 10 ? "1.0" : "1.1";
  json["host"] = HostName();
  json["pid"] = getpid();
  json["env"] = SessionEnvironment();
  json["headers"] = nlohmann::json::array();
  for (const Header& header : request.headers) {
    nlohmann::json pair = nlohmann::json::array();
    pair.push_back(header.name);
    pair.push_back(header.value);
    json["headers"].push_back(pair);
  }
  const std::string body = Dump(json);
  co_await exchange.Reply(200, kJson, body);
}

awaitable<void> Echo(Exchange& exchange) {
  ResponseHead head;
  head.content_type = "application/octet-stream";
  for (const Header& header : exchange.request().headers) {
    if (header.name == "Content-Type") {
      head.content_type = header.value;
    }
  }
  head.content_length = exchange.request().content_length;
  if (!co_await exchange.Begin(head)) {
    co_return;
  }
  while (true) {
    const std::optional<std::string> piece = co_await exchange.ReadBody(kPieceBytesMax);
    if (!piece || piece->empty()) {
      break;
    }
    if (!co_await exchange.Write(*piece)) {
      co_return;
    }
  }
  const std::vector<Header> no_trailers;
  co_await exchange.End(no_trailers);
}

// The bytes [begin, end) of the pattern that README.md gives.
std::string Pattern(uint64_t begin, uint64_t end) {
  std::string text;
  for (uint64_t block = begin / 16; block * 16 < end; ++block) {
    std::array<char, 17> line;
    std::snprintf(line.data(), line.size(), "%015llu\n",
                  static_cast<unsigned long long>(block * 16 % 1000000000000000));
    text += line.data();
  }
  return text.substr(begin % 16, end - begin);
}

awaitable<void> Bytes(Exchange& exchange) {
  const auto total = exchange.request().Number("n", 0, kBytesMax);
  const auto rate = exchange.request().Number("rate", 0, kBytesMax);
  if (!total || !rate) {
    co_await BadParameter(exchange);
    co_return;
  }
  ResponseHead head;
  head.content_type = "application/octet-stream";
  head.content_length = *total;
  bool is_open = co_await exchange.Begin(head);
  const size_t piece_bytes = PaceBytes(*rate);
  for (uint64_t sent = 0; is_open && sent < *total; sent += piece_bytes) {
    if (*rate > 0 && sent > 0) {
      co_await Sleep(kPaceInterval);
    }
    const std::string piece = Pattern(sent, std::min<uint64_t>(*total, sent + piece_bytes));
    is_open = co_await exchange.Write(piece);
  }
  const std::vector<Header> no_trailers;
  co_await exchange.End(no_trailers);
}

awaitable<void> ServerSentEvents(Exchange& exchange) {
  const auto count = exchange.request().Number("n", 0, kBytesMax);
  const auto interval = exchange.request().Number("interval_ms", 1000, kWaitMsMax);
  if (!count || !interval) {
    co_await BadParameter(exchange);
    co_return;
  }
  ResponseHead head;
  head.content_type = "text/event-stream";
  Header no_cache;
  no_cache.name = "Cache-Control";
  no_cache.value = "no-cache";
  head.headers.push_back(no_cache);
  bool is_open = co_await exchange.Begin(head);
  for (uint64_t i = 0; is_open && (*count == 0 || i < *count); ++i) {
    if (i > 0) {
      co_await Sleep(milliseconds(*interval));
    }
    const std::string number = std::to_string(i);
    const std::string event = "id: " + number + "\ndata: {\"n\":" + number + "}\n\n";
    is_open = co_await exchange.Write(event);
  }
  const std::vector<Header> no_trailers;
  co_await exchange.End(no_trailers);
}

awaitable<void> LongPoll(Exchange& exchange) {
  const auto wait = exchange.request().Number("ms", 1000, kWaitMsMax);
  if (!wait) {
    co_await BadParameter(exchange);
    co_return;
  }
  co_await Sleep(milliseconds(*wait));
  const std::string body = "{\"waited_ms\":" + std::to_string(*wait) + "}\n";
  co_await exchange.Reply(200, kJson, body);
}

awaitable<void> Upload(Exchange& exchange) {
  const auto rate = exchange.request().Number("rate", 0, kBytesMax);
  if (!rate) {
    co_await BadParameter(exchange);
    co_return;
  }
  boost::crc_32_type crc;
  uint64_t bytes = 0;
  while (true) {
    const std::optional<std::string> piece = co_await exchange.ReadBody(PaceBytes(*rate));
    if (!piece) {
      co_return;
    }
    if (piece->empty()) {
      break;
    }
    crc.process_bytes(piece->data(), piece->size());
    bytes += piece->size();
    if (*rate > 0) {
      co_await Sleep(milliseconds(piece->size() * 1000 / *rate));
    }
  }
  std::array<char, 9> hex;
  std::snprintf(hex.data(), hex.size(), "%08x", crc.checksum());
  const std::string body =
      "{\"bytes\":" + std::to_string(bytes) + ",\"crc32\":\"" + hex.data() + "\"}\n";
  co_await exchange.Reply(200, kJson, body);
}

awaitable<void> Status(Exchange& exchange) {
  const auto code = exchange.request().Number("code", 200, 599);
  if (!code || *code < 200) {
    co_await BadParameter(exchange);
    co_return;
  }
  co_await exchange.Reply(static_cast<int>(*code), kText, "as you asked\n");
}

awaitable<void> Exit(Exchange& exchange) {
  const auto code = exchange.request().Number("code", 0, 255);
  if (!code) {
    co_await BadParameter(exchange);
    co_return;
  }
  co_await exchange.Reply(200, kText, "bye\n");
  std::_Exit(static_cast<int>(*code));
}

awaitable<void> Print(Exchange& exchange) {
  std::printf("%s\n", exchange.request().Query("text").value_or("").c_str());
  std::fflush(stdout);
  co_await exchange.Reply(200, kText, "printed\n");
}

awaitable<void> Crash(Exchange&) {
  std::abort();
  co_return;
}

awaitable<void> Hog(Exchange& exchange) {
  const auto mebibytes = exchange.request().Number("mb", 64, kHogMebibytesMax);
  if (!mebibytes) {
    co_await BadParameter(exchange);
    co_return;
  }
  // Kept for good: what a leaking backend does. Each page is touched, so that it counts as used.
  static auto& hoarded = *new std::vector<std::unique_ptr<std::string>>;
  for (uint64_t i = 0; i < *mebibytes; ++i) {
    hoarded.push_back(std::make_unique<std::string>(size_t{1} << 20, 'x'));
  }
  const std::string body = std::to_string(hoarded.size()) + " MiB held\n";
  co_await exchange.Reply(200, kText, body);
}

awaitable<void> CloseEarly(Exchange& exchange) {
  ResponseHead head;
  head.content_length = 1000;
  const std::string part(100, 'x');
  const std::vector<Header> no_trailers;
  (void)(co_await exchange.Begin(head) && co_await exchange.Write(part) &&
         co_await exchange.End(no_trailers));
}

awaitable<void> Trailers(Exchange& exchange) {
  ResponseHead head;
  Header announcement;
  announcement.name = "Trailer";
  announcement.value = "X-Checksum";
  head.headers.push_back(announcement);
  const std::string body = "a body with a trailer\n";
  boost::crc_32_type crc;
  crc.process_bytes(body.data(), body.size());
  std::vector<Header> trailers(1);
  trailers[0].name = "X-Checksum";
  trailers[0].value = std::to_string(crc.checksum());
  (void)(co_await exchange.Begin(head) && co_await exchange.Write(body) &&
         co_await exchange.End(trailers));
}

// Upgrades, or answers 426 to a request that is none.
awaitable<std::shared_ptr<WebSocket>> Upgrade(Exchange& exchange) {
  if (exchange.request().is_websocket) {
    co_return co_await exchange.Upgrade(kMessageBytesMax);
  }
  co_await exchange.Reply(426, kText, "this is a WebSocket\n");
  co_return nullptr;
}

awaitable<void> WebSocketEcho(Exchange& exchange) {
  const std::shared_ptr<WebSocket> websocket = co_await Upgrade(exchange);
  while (websocket) {
    const std::optional<Message> message = co_await websocket->Read();
    if (!message || !co_await websocket->Write(*message)) {
      break;
    }
  }
}

awaitable<void> WebSocketSilent(Exchange& exchange) {
  const std::shared_ptr<WebSocket> websocket = co_await Upgrade(exchange);
  while (websocket && co_await websocket->Read()) {
  }
}

awaitable<void> WebSocketClose(Exchange& exchange) {
  const auto code = exchange.request().Number("code", 1000, 4999);
  if (!code || *code < 1000) {
    co_await BadParameter(exchange);
    co_return;
  }
  const std::shared_ptr<WebSocket> websocket = co_await Upgrade(exchange);
  if (websocket && co_await websocket->Read()) {
    co_await websocket->Close(static_cast<uint16_t>(*code), "as you asked");
  }
}

}  // namespace

awaitable<void> HandleEcho(Exchange& exchange) {
  static const auto& handlers = *new std::map<std::string, Handler>{{"/", Index},
                                                                    {"/healthz", Health},
                                                                    {"/headers", Headers},
                                                                    {"/echo", Echo},
                                                                    {"/bytes", Bytes},
                                                                    {"/sse", ServerSentEvents},
                                                                    {"/longpoll", LongPoll},
                                                                    {"/upload", Upload},
                                                                    {"/status", Status},
                                                                    {"/exit", Exit},
                                                                    {"/print", Print},
                                                                    {"/crash", Crash},
                                                                    {"/file", HandleFile},
                                                                    {"/hog", Hog},
                                                                    {"/close-early", CloseEarly},
                                                                    {"/trailers", Trailers},
                                                                    {"/ws", WebSocketEcho},
                                                                    {"/ws/silent", WebSocketSilent},
                                                                    {"/ws/close", WebSocketClose}};
  const auto found = handlers.find(exchange.request().path);
  if (found == handlers.end()) {
    co_await exchange.Reply(404, kText, "no such path: see deploy/examples/echo/README.md\n");
    co_return;
  }
  co_await found->second(exchange);
}

}  // namespace spawner::examples
