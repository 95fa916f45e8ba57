// The backend of tests/bench/peers: see responder.h. Prints the port that it got.
#include <cstdint>
#include <cstdio>
#include <memory>
#include <string>

#include "absl/flags/flag.h"
#include "absl/status/statusor.h"
#include "base/flags.h"
#include "tests/bench/poller.h"
#include "tests/bench/responder.h"
#include "tests/bench/sockets.h"

ABSL_FLAG(uint16_t, port, 0, "Of every address of loopback. 0: any.");

int main(int argc, char** argv) {
  spawner::ParseFlagsOrExit({.name = "backend",
                             .about = "answers HTTP and echoes WebSockets for the benchmark.",
                             .flag_files = "tests/bench/"},
                            argc, argv);
  spawner::bench::PrepareProcess();
  const absl::StatusOr<std::unique_ptr<spawner::bench::Responder>> responder =
      spawner::bench::Responder::Listen(absl::GetFlag(FLAGS_port));
  if (!responder.ok()) {
    std::fprintf(stderr, "backend: %s\n", std::string(responder.status().message()).c_str());
    return 1;
  }
  std::printf("%u\n", (*responder)->port());
  std::fflush(stdout);
  for (;;) (*responder)->Turn(spawner::bench::Poller::kForever);
}
