// The floor of tests/bench/peers: see floor_relay.h.
#include <cstdint>
#include <cstdio>
#include <memory>
#include <string>

#include "absl/flags/flag.h"
#include "absl/status/statusor.h"
#include "base/flags.h"
#include "tests/bench/floor_relay.h"
#include "tests/bench/poller.h"
#include "tests/bench/sockets.h"

ABSL_FLAG(uint16_t, port, 0, "To listen on, of loopback.");
ABSL_FLAG(uint16_t, upstream_port, 0, "To pass every connection on to, of 127.0.0.1.");

int main(int argc, char** argv) {
  spawner::ParseFlagsOrExit({.name = "relay",
                             .about = "passes bytes on and parses nothing: the benchmark's floor.",
                             .flag_files = "tests/bench/"},
                            argc, argv);
  spawner::bench::PrepareProcess();
  const absl::StatusOr<std::unique_ptr<spawner::bench::FloorRelay>> relay =
      spawner::bench::FloorRelay::Listen(absl::GetFlag(FLAGS_port),
                                         absl::GetFlag(FLAGS_upstream_port));
  if (!relay.ok()) {
    std::fprintf(stderr, "relay: %s\n", std::string(relay.status().message()).c_str());
    return 1;
  }
  for (;;) (*relay)->Turn(spawner::bench::Poller::kForever);
}
