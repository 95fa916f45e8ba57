// The controller's end of a link, for route_cases.py: prints {"address": ...}, obeys lines of
// standard input and answers each with a line of JSON.
//   add N            N routes more, in one message
//   churn RATE S     S seconds of RATE changes a second, ten in each message
//   reconnect        cuts the link: the whole table anew
// "at" is of CLOCK_MONOTONIC, as Python's time.monotonic().
#include <time.h>

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <iostream>
#include <sstream>
#include <string>

#include "absl/flags/flag.h"
#include "absl/status/statusor.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "base/flags.h"
#include "tests/bench/route_sender.h"

ABSL_FLAG(uint16_t, backend_port, 0, "Of the benchmark's backend.");
ABSL_FLAG(uint32_t, hosts, 1000, "The load asks for so many.");
ABSL_FLAG(uint32_t, routes, 1000, "In the table to begin with, these included.");

namespace spawner::bench {
namespace {

double Monotonic(absl::Time time) {
  timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  const absl::Duration age = absl::Now() - time;
  return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) / 1e9 -
         absl::ToDoubleSeconds(age);
}

void Print(const absl::StatusOr<RouteSender::Sent>& sent) {
  if (!sent.ok()) {
    std::printf("{\"failed\": \"%s\"}\n", std::string(sent.status().message()).c_str());
    return;
  }
  std::printf("{\"at\": %.9f, \"ack_ms\": %.3f}\n", Monotonic(sent->at),
              absl::ToDoubleMilliseconds(sent->acked_after));
}

void Obey(RouteSender& sender, const std::string& line) {
  std::istringstream words(line);
  std::string command;
  words >> command;
  if (command == "add") {
    size_t count = 0;
    words >> count;
    Print(sender.Add(count));
  } else if (command == "churn") {
    double rate = 0, seconds = 0;
    words >> rate >> seconds;
    const absl::StatusOr<double> found = sender.Churn(rate, absl::Seconds(seconds));
    if (found.ok()) {
      std::printf("{\"changes_per_s\": %.1f}\n", *found);
    } else {
      Print(found.status());
    }
  } else if (command == "reconnect") {
    Print(sender.Reconnect());
  } else {
    std::printf("{\"failed\": \"unknown command\"}\n");
  }
  std::fflush(stdout);
}

}  // namespace
}  // namespace spawner::bench

int main(int argc, char** argv) {
  spawner::ParseFlagsOrExit({.name = "route_sender",
                             .about = "sends routes to a proxy for the benchmark.",
                             .flag_files = "tests/bench/"},
                            argc, argv);
  spawner::bench::RouteSender sender({.backend_port = absl::GetFlag(FLAGS_backend_port),
                                      .hosts = absl::GetFlag(FLAGS_hosts),
                                      .routes = absl::GetFlag(FLAGS_routes)});
  std::printf("{\"address\": \"127.0.0.1:%d\"}\n", sender.port());
  std::fflush(stdout);
  for (std::string line; std::getline(std::cin, line);) spawner::bench::Obey(sender, line);
}
