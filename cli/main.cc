// spawnctl: what operators and developers type. docs/api.md has its contract.
#include <signal.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>

#include "base/clock.h"
#include "cli/verbs.h"

namespace {

// Lock-free, and so fit for a signal handler.
spawner::cli::InterruptFlag interrupted{false};
static_assert(spawner::cli::InterruptFlag::is_always_lock_free);

// The second SIGINT ends the program at once.
void OnInterrupt(int) {
  interrupted.store(true);
  signal(SIGINT, SIG_DFL);
}

void Write(FILE* file, const std::string& text) {
  const bool is_written = std::fwrite(text.data(), 1, text.size(), file) == text.size();
  // Each at once: a follower of `watch` wants each line now. Nobody reads any more (`| head`): end
  // with the code of what would have killed us.
  if (std::fflush(file) != 0 || !is_written) std::_Exit(128 + SIGPIPE);
}

}  // namespace

int main(int argc, char** argv) {
  signal(SIGINT, OnInterrupt);
  signal(SIGPIPE, SIG_IGN);  // of a connection, too: gRPC says so by itself
  const std::vector<std::string> words(argv + 1, argv + argc);
  return spawner::cli::Run(
      words, {.environment = [](const char* name) -> std::string {
                const char* value = std::getenv(name);  // NOLINT(concurrency-mt-unsafe) one thread
                return value == nullptr ? "" : value;
              },
              .out = [](const std::string& text) { Write(stdout, text); },
              .err = [](const std::string& text) { Write(stderr, text); },
              .is_terminal = isatty(STDOUT_FILENO) == 1 && std::getenv("NO_COLOR") == nullptr,
              .interrupted = &interrupted,
              .now = [] { return spawner::SystemClock().WallNow(); }});
}
