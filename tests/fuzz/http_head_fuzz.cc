// Heads: what is accepted in one piece is accepted in any pieces, and what the proxy makes of it is
// accepted again with the same meaning - so no backend sees another request than the proxy did.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "absl/strings/match.h"
#include "absl/strings/string_view.h"
#include "base/check.h"
#include "proxy/http/head.h"
#include "proxy/http/head_scanner.h"
#include "proxy/http/rewrite.h"

namespace spawner::proxy {
namespace {

bool IsOurs(absl::string_view name) { return absl::StartsWithIgnoreCase(name, "spawner-"); }

HeadScanner::State ScanInPieces(absl::string_view bytes, size_t step, size_t* size) {
  HeadScanner scanner;
  HeadScanner::State state = HeadScanner::State::kIncomplete;
  for (size_t end = 0; end < bytes.size() && state == HeadScanner::State::kIncomplete;) {
    end = std::min(bytes.size(), end + step);
    state = scanner.Scan(bytes.substr(0, end));
  }
  *size = scanner.size();
  return state;
}

void CheckRequest(absl::string_view bytes) {
  auto head = std::make_unique<RequestHead>();
  if (head->Parse(bytes).is_error()) return;
  const AddedField added[] = {{"Spawner-Session", bytes.substr(0, 20)}};
  std::string out;
  AppendRequestHead(*head, {.path = head->path, .is_reserved = &IsOurs, .add = added}, &out);
  size_t size;
  SPAWNER_CHECK(ScanInPieces(out, out.size(), &size) != HeadScanner::State::kBareLf);
  if (out.size() > 32 * 1024) return;
  SPAWNER_CHECK(size == out.size());
  auto again = std::make_unique<RequestHead>();
  const HeadError error = again->Parse(out);
  // HTTP/1.0 without Host becomes an empty one.
  if (head->host.empty()) return;
  if (error.status == 431) return;
  SPAWNER_CHECK(!error.is_error());
  SPAWNER_CHECK(again->method == head->method && again->path == head->path);
  SPAWNER_CHECK(again->body.kind == head->body.kind && again->body.length == head->body.length);
  int ours = 0;
  for (const Field& field : again->fields.all()) ours += IsOurs(field.name);
  SPAWNER_CHECK(ours == 1);
}

void CheckResponse(absl::string_view bytes) {
  auto head = std::make_unique<ResponseHead>();
  if (head->Parse(bytes, false).is_error()) return;
  std::string out;
  AppendResponseHead(*head, {}, &out);
  auto again = std::make_unique<ResponseHead>();
  SPAWNER_CHECK(!again->Parse(out, false).is_error());
  SPAWNER_CHECK(again->status == head->status && again->body.kind == head->body.kind &&
                again->body.length == head->body.length);
}

}  // namespace
}  // namespace spawner::proxy

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace spawner::proxy;  // NOLINT(google-build-using-namespace): a main of its own
  const absl::string_view bytes(reinterpret_cast<const char*>(data), size);
  size_t whole;
  size_t pieces;
  const HeadScanner::State state = ScanInPieces(bytes, bytes.size() + 1, &whole);
  for (size_t step : {1, 2, 3, 7, 31}) {
    SPAWNER_CHECK(ScanInPieces(bytes, step, &pieces) == state);
    SPAWNER_CHECK(state != HeadScanner::State::kComplete || pieces == whole);
  }
  if (state != HeadScanner::State::kComplete) return 0;
  CheckRequest(bytes.substr(0, whole));
  CheckResponse(bytes.substr(0, whole));
  return 0;
}
