#ifndef SPAWNER_PROXY_TLS_TLS_BENCH_H_
#define SPAWNER_PROXY_TLS_TLS_BENCH_H_

#include <array>
#include <cstddef>
#include <string>

#include "base/clock.h"
#include "proxy/io/io.h"
#include "proxy/io/timers.h"
#include "proxy/tls/limits.h"
#include "proxy/tls/openssl.h"
#include "proxy/tls/tls_counters.h"

namespace spawner::proxy {

class TlsConnection;

// What the connections of one TlsIo share. Thread: its worker's. Owner: TlsIo.
struct TlsBench {
  TlsBench(Io& the_inner, const Clock& the_clock) : inner(the_inner), clock(the_clock) {}

  Io& inner;
  const Clock& clock;
  Timers timers;
  TlsCounters counters;
  BioMethodPtr bio_method;
  // What OpenSSL wants to send, until it is written or kept by its connection: empty between two
  // calls of a connection.
  std::string cipher;
  // Small parts of a write, put together for one record.
  std::array<char, kRecordBytes> plain;
};

}  // namespace spawner::proxy

#endif  // SPAWNER_PROXY_TLS_TLS_BENCH_H_
