#ifndef SPAWNER_PROXY_METRICS_H_
#define SPAWNER_PROXY_METRICS_H_

#include <cstdint>
#include <string>

#include "proxy/fleet.h"
#include "proxy/tls/tls_files.h"

namespace spawner::proxy {

struct LinkMetrics {
  uint64_t route_version = 0;
  bool is_up = false;
};

// The text of /metrics (Prometheus 0.0.4), with the names of api.md.
std::string RenderMetrics(const Fleet& fleet, const LinkMetrics& link, const TlsFiles& tls,
                          int64_t access_lines_lost);

}  // namespace spawner::proxy

#endif  // SPAWNER_PROXY_METRICS_H_
