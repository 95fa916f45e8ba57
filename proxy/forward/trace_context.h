#ifndef SPAWNER_PROXY_FORWARD_TRACE_CONTEXT_H_
#define SPAWNER_PROXY_FORWARD_TRACE_CONTEXT_H_

#include <string>

#include "absl/strings/string_view.h"
#include "base/random.h"

// W3C Trace Context, level 1: "00-{32 hex digits: trace}-{16: parent}-{2: flags}".
namespace spawner::proxy {

// The trace id of a traceparent; empty if it is malformed, which restarts the trace (W3C 4.3).
absl::string_view TraceIdIn(absl::string_view traceparent);

// The first of a new trace, sampled: what samples by its parent takes it.
std::string NewTraceparent(Random& random);

}  // namespace spawner::proxy

#endif  // SPAWNER_PROXY_FORWARD_TRACE_CONTEXT_H_
