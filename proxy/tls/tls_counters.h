#ifndef SPAWNER_PROXY_TLS_TLS_COUNTERS_H_
#define SPAWNER_PROXY_TLS_TLS_COUNTERS_H_

#include <array>
#include <cstddef>

#include "proxy/io/counter.h"

namespace spawner::proxy {

// Why a connection was given up before a worker got it.
enum class ArrivalError {
  kTimeout,
  kClosed,
  kProtocol,
  kProxyHeader,
  kUntrusted,
  kAddress,
  kResources
};
inline constexpr size_t kArrivalErrors = 7;
inline constexpr std::array<const char*, kArrivalErrors> kArrivalErrorNames = {
    "timeout", "closed", "protocol", "proxy_header", "untrusted", "address", "resources"};

// What a TlsIo counts: written by its thread, read by any.
struct TlsCounters {
  Counter arrivals;  // connections not handed over yet
  Counter open;      // TLS connections handed over
  Counter handshakes_12;
  Counter handshakes_12_resumed;
  Counter handshakes_13;
  Counter handshakes_13_resumed;
  std::array<Counter, kArrivalErrors> errors;

  void Error(ArrivalError kind) { errors[static_cast<size_t>(kind)].Add(); }
  const Counter& of(ArrivalError kind) const { return errors[static_cast<size_t>(kind)]; }
};

}  // namespace spawner::proxy

#endif  // SPAWNER_PROXY_TLS_TLS_COUNTERS_H_
