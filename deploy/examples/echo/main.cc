// The backend that tests use: README.md lists what it does on demand.
#include <charconv>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <string_view>
#include <system_error>
#include <utility>  // IWYU pragma: keep: Asio 1.74 needs it

#include "boost/asio/steady_timer.hpp"
#include "deploy/examples/echo/handlers.h"
#include "deploy/examples/echo/limits.h"
#include "deploy/examples/server/server.h"

namespace spawner::examples {
namespace {

// A number from the environment, `fallback` if it is unset. A malformed one ends the program.
uint64_t Number(const char* name, uint64_t fallback, uint64_t max) {
  const char* const text = std::getenv(name);  // NOLINT(concurrency-mt-unsafe): one thread
  if (text == nullptr) {
    return fallback;
  }
  const std::string_view view = text;
  uint64_t value = 0;
  const auto [stop, error] = std::from_chars(view.data(), view.data() + view.size(), value);
  if (error != std::errc() || stop != view.data() + view.size() || value > max) {
    std::fprintf(stderr, "%s=%s is not a number from 0 to %llu\n", name, text,
                 static_cast<unsigned long long>(max));
    std::_Exit(2);
  }
  return value;
}

int Main() {
  const auto endpoint = EndpointFromEnvironment();
  if (!endpoint) {
    return 2;
  }
  const std::chrono::milliseconds start_delay(Number("START_DELAY_MS", 0, kWaitMsMax));
  const uint64_t exit_after_ms = Number("EXIT_AFTER_MS", 0, kWaitMsMax);
  const int exit_code = static_cast<int>(Number("EXIT_CODE", 0, 255));
  const bool ignores_sigterm = Number("IGNORE_SIGTERM", 0, 1) == 1;
  if (ignores_sigterm) {
    std::signal(SIGTERM, SIG_IGN);
  }

  // Every wait is the loop's, so that SIGTERM ends the program at any time: as process 1 of a
  // container it has no default action to end it.
  Server server(*endpoint, kConnectionsMax, HandleEcho);
  if (!ignores_sigterm) {
    server.StopOnSignals();
  }
  boost::asio::steady_timer exit_timer(server.io());
  if (exit_after_ms > 0) {
    exit_timer.expires_after(std::chrono::milliseconds(exit_after_ms));
    exit_timer.async_wait([exit_code](boost::system::error_code ec) {
      if (!ec) {
        std::_Exit(exit_code);
      }
    });
  }
  bool has_failed = false;
  boost::asio::steady_timer start_timer(server.io(), start_delay);
  start_timer.async_wait([&server, &has_failed](boost::system::error_code) {
    if (!server.Listen()) {
      has_failed = true;
      server.Stop();
    }
  });
  server.Run();
  return has_failed ? 1 : 0;
}

}  // namespace
}  // namespace spawner::examples

int main() { return spawner::examples::Main(); }
