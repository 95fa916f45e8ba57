#ifndef SPAWNER_TESTS_BENCH_LOAD_OPTIONS_H_
#define SPAWNER_TESTS_BENCH_LOAD_OPTIONS_H_

#include <cstddef>
#include <cstdint>
#include <string>

#include "tests/bench/limits.h"

namespace spawner::bench {

// What kind of load, on which proxy.
struct LoadOptions {
  enum class Kind : uint8_t {
    kHttp,       // one request at a time on each connection
    kWebSocket,  // one message at a time, echoed
    kIdle,       // WebSockets that say nothing
  };

  Kind kind = Kind::kHttp;
  uint16_t port = 0;  // of 127.0.0.1
  int connections = 64;
  // Requests or messages a second over all connections. 0: closed loop, each connection sends its
  // next one as soon as it has the answer.
  double rate = 0;
  double warm_up_s = 1;
  double seconds = 5;
  int hosts = 1000;          // s0000.example.test and so on, taken in turn by each connection,
  bool is_sticky = false;    // or one host for each connection
  bool is_one_shot = false;  // a new connection for each request
  std::string path = "/";
  size_t upload_bytes = 0;  // not 0: POST
  size_t message_bytes = 64;
  // Its CPU time is read at both ends of the measured time: cpuacct.usage of a cgroup v1, or
  // cpu.stat of a v2. Empty: not measured.
  std::string cpu_file;
};

}  // namespace spawner::bench

#endif  // SPAWNER_TESTS_BENCH_LOAD_OPTIONS_H_
