// spawnctl: what operators and developers type. docs/spawnctl.md shows it.
#include <grpc/support/log.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <iostream>

#include "base/clock.h"
#include "cli/verbs.h"

namespace {

constexpr int kRowsDefault = 24;

// Lock-free, and so fit for a signal handler.
spawner::cli::InterruptFlag interrupted{false};
static_assert(spawner::cli::InterruptFlag::is_always_lock_free);

// The second one ends the program at once.
void OnInterrupt(int number) {
  interrupted.store(true);
  signal(number, SIG_DFL);
}

void Write(FILE* file, const std::string& text) {
  const bool is_written = std::fwrite(text.data(), 1, text.size(), file) == text.size();
  // Each at once: a follower of `watch` wants each line now. Nobody reads any more (`| head`): end
  // with the code of what would have killed us.
  if (std::fflush(file) != 0 || !is_written) std::_Exit(128 + SIGPIPE);
}

std::string Environment(const char* name) {
  const char* value = std::getenv(name);  // NOLINT(concurrency-mt-unsafe) one thread
  return value == nullptr ? "" : value;
}

std::string ReadLine() {
  std::string line;
  std::getline(std::cin, line);
  return line;
}

int Rows() {
  winsize size{};
  return ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_row > 0 ? size.ws_row
                                                                         : kRowsDefault;
}

}  // namespace

int main(int argc, char** argv) {
  for (const int number : {SIGINT, SIGTERM, SIGHUP}) signal(number, OnInterrupt);
  signal(SIGPIPE, SIG_IGN);  // of a connection, too: gRPC says so by itself
  // What went wrong is in a call's status; gRPC's log is for who asks for it.
  if (Environment("GRPC_VERBOSITY").empty()) gpr_set_log_function([](gpr_log_func_args*) {});
  const std::vector<std::string> words(argv + 1, argv + argc);
  return spawner::cli::Run(words, {.environment = Environment,
                                   .out = [](const std::string& text) { Write(stdout, text); },
                                   .err = [](const std::string& text) { Write(stderr, text); },
                                   .read_line = ReadLine,
                                   .is_terminal = isatty(STDOUT_FILENO) == 1,
                                   .is_error_terminal = isatty(STDERR_FILENO) == 1,
                                   .is_input_terminal = isatty(STDIN_FILENO) == 1,
                                   .rows = Rows,
                                   .interrupted = &interrupted,
                                   .now = [] { return spawner::SystemClock().WallNow(); }});
}
