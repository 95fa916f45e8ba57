// Chunked bodies: the same end, verdict and payload in pieces of any size.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>

#include "absl/strings/string_view.h"
#include "base/check.h"
#include "proxy/http/body_scanner.h"

namespace spawner::proxy {
namespace {

struct Outcome {
  size_t taken = 0;
  bool is_valid = true;
  bool is_done = false;
  std::string payload;

  bool operator==(const Outcome&) const = default;
};

Outcome Scan(absl::string_view bytes, size_t step) {
  BodyScanner scanner(BodyFraming{.kind = BodyKind::kChunked});
  Outcome outcome;
  while (outcome.taken < bytes.size() && !scanner.is_done() && outcome.is_valid) {
    const BodyScanner::Result result =
        scanner.Scan(bytes.substr(outcome.taken, step), &outcome.payload);
    outcome.taken += result.taken;
    outcome.is_valid = result.is_valid;
  }
  outcome.is_done = scanner.is_done();
  return outcome;
}

}  // namespace
}  // namespace spawner::proxy

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const absl::string_view bytes(reinterpret_cast<const char*>(data), size);
  const spawner::proxy::Outcome whole = spawner::proxy::Scan(bytes, bytes.size() + 1);
  for (size_t step : {1, 2, 3, 7, 31}) {
    SPAWNER_CHECK(spawner::proxy::Scan(bytes, step) == whole);
  }
  return 0;
}
