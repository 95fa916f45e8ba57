#include "deploy/examples/echo/files.h"

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>

#include "deploy/examples/echo/limits.h"

namespace spawner::examples {
namespace {

using boost::asio::awaitable;

constexpr std::string_view kText = "text/plain; charset=utf-8";

bool IsPlain(std::string_view name) {
  return !name.empty() && std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
  });
}

awaitable<void> Put(Exchange& exchange, const std::string& path) {
  std::string body;
  while (true) {
    const std::optional<std::string> piece = co_await exchange.ReadBody(kPieceBytesMax);
    if (!piece) {
      co_return;
    }
    if (piece->empty()) {
      break;
    }
    body += *piece;
    if (body.size() > kFileBytesMax) {
      co_await exchange.Reply(413, kText, "too large\n");
      co_return;
    }
  }
  errno = 0;
  std::ofstream file(path, std::ios::binary);
  file << body;
  file.close();
  if (!file) {
    const std::string why = path + ": " + std::generic_category().message(errno) + "\n";
    co_await exchange.Reply(500, kText, why);
    co_return;
  }
  co_await exchange.Reply(200, kText, "written\n");
}

awaitable<void> Get(Exchange& exchange, const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) {
    co_await exchange.Reply(404, kText, "no such file\n");
    co_return;
  }
  const std::string body{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  co_await exchange.Reply(200, "application/octet-stream", body);
}

}  // namespace

awaitable<void> HandleFile(Exchange& exchange) {
  const char* const folder = std::getenv("FILES");  // NOLINT(concurrency-mt-unsafe): one thread
  const std::string name = exchange.request().Query("name").value_or("");
  if (folder == nullptr) {
    co_await exchange.Reply(404, kText, "no FILES in the environment\n");
  } else if (!IsPlain(name)) {
    co_await exchange.Reply(400, kText, "a name is letters and digits\n");
  } else if (exchange.request().method == "PUT") {
    co_await Put(exchange, std::string(folder) + "/" + name);
  } else {
    co_await Get(exchange, std::string(folder) + "/" + name);
  }
}

}  // namespace spawner::examples
