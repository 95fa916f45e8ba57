// Whole messages: what the proxy accepts and sends on, Boost.Beast and http-parser read in the same
// way - the same method, target, status and body, ending at the same byte - or not at all. So does
// what came in: no peer in front of or behind the proxy sees another message than it did.
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "base/check.h"
#include "proxy/http/body_scanner.h"
#include "proxy/http/head.h"
#include "proxy/http/head_scanner.h"
#include "proxy/http/rewrite.h"
#include "tests/fuzz/http_oracle.h"

namespace spawner::proxy {
namespace {

// Behind each message: whoever thinks that it is longer or shorter shows it.
constexpr char kNextRequest[] = "GET /next HTTP/1.1\r\nHost: next\r\n\r\n";
constexpr char kNextResponse[] = "HTTP/1.1 299 Next\r\nContent-Length: 0\r\n\r\n";

struct Message {
  Reading reading;  // ours
  std::string bytes;
};

using ReadFunction = Reading (*)(absl::string_view bytes, MessageKind kind);
constexpr ReadFunction kOthers[] = {ReadByBeast, ReadByHttpParser};

void CheckSame(const Reading& ours, const Reading& other, MessageKind kind, bool has_target) {
  const bool is_request = kind == MessageKind::kRequest;
  SPAWNER_CHECK(other.size == ours.size && other.body == ours.body);
  SPAWNER_CHECK(is_request || other.status == ours.status);
  SPAWNER_CHECK(!is_request || other.method == ours.method);
  SPAWNER_CHECK(!is_request || !has_target || other.target == ours.target);
}

void CheckAgainst(const Message& message, MessageKind kind, bool has_target) {
  for (const ReadFunction read : kOthers) {
    const Reading other = read(message.bytes, kind);
    if (other.accepts) CheckSame(message.reading, other, kind, has_target);
  }
}

// The body that follows a head: its bytes and payload. False: broken, or not whole.
bool TakeBody(BodyFraming framing, absl::string_view rest, size_t* size, std::string* payload) {
  BodyScanner scanner(framing);
  const BodyScanner::Result result = scanner.Scan(rest, payload);
  scanner.OnEnd();
  *size = result.taken;
  return result.is_valid && scanner.is_done();
}

void CheckRequest(absl::string_view bytes, size_t head_size) {
  auto head = std::make_unique<RequestHead>();
  if (head->Parse(bytes.substr(0, head_size)).is_error()) return;
  Reading ours = {
      .accepts = true, .method = std::string(head->method), .target = std::string(head->path)};
  size_t body_size;
  if (!TakeBody(head->body, bytes.substr(head_size), &body_size, &ours.body)) return;
  const absl::string_view body = bytes.substr(head_size, body_size);
  ours.size = head_size + body_size;
  // Absolute form becomes origin form: its target is compared only in what is sent on.
  CheckAgainst({ours, absl::StrCat(bytes.substr(0, ours.size), kNextRequest)},
               MessageKind::kRequest, false);
  std::string out;
  AppendRequestHead(*head, {.path = head->path}, &out);
  ours.size = out.size() + body_size;
  CheckAgainst({ours, absl::StrCat(out, body, kNextRequest)}, MessageKind::kRequest, true);
}

void CheckResponse(absl::string_view bytes, size_t head_size) {
  auto head = std::make_unique<ResponseHead>();
  if (head->Parse(bytes.substr(0, head_size), false).is_error()) return;
  if (head->status == 101) return;  // what follows is no HTTP
  Reading ours = {.accepts = true, .status = head->status};
  size_t body_size;
  if (!TakeBody(head->body, bytes.substr(head_size), &body_size, &ours.body)) return;
  const absl::string_view body = bytes.substr(head_size, body_size);
  const char* const next = head->body.kind == BodyKind::kUntilClose ? "" : kNextResponse;
  ours.size = head_size + body_size;
  CheckAgainst({ours, absl::StrCat(bytes.substr(0, ours.size), next)}, MessageKind::kResponse,
               false);
  std::string out;
  AppendResponseHead(*head, {}, &out);
  ours.size = out.size() + body_size;
  CheckAgainst({ours, absl::StrCat(out, body, next)}, MessageKind::kResponse, false);
}

// That one of the others accepts nothing would hide everything.
void CheckOracle(ReadFunction read) {
  const std::string request = "POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nok";
  const Reading asked = read(request + kNextRequest, MessageKind::kRequest);
  SPAWNER_CHECK(asked.accepts && asked.method == "POST" && asked.target == "/x");
  SPAWNER_CHECK(asked.body == "ok" && asked.size == request.size());
  const std::string begun = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n";
  SPAWNER_CHECK(!read(begun, MessageKind::kResponse).accepts);
  const Reading told = read(begun + "0\r\n\r\n" + kNextResponse, MessageKind::kResponse);
  SPAWNER_CHECK(told.accepts && told.status == 200 && told.body == "ok");
  SPAWNER_CHECK(told.size == begun.size() + 5);
}

bool OraclesWork() {
  for (const ReadFunction read : kOthers) CheckOracle(read);
  return true;
}

}  // namespace
}  // namespace spawner::proxy

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace spawner::proxy;  // NOLINT(google-build-using-namespace): a main of its own
  static const bool kOraclesWork = OraclesWork();
  const absl::string_view bytes(reinterpret_cast<const char*>(data), size);
  HeadScanner scanner;
  if (!kOraclesWork || scanner.Scan(bytes) != HeadScanner::State::kComplete) return 0;
  CheckRequest(bytes, scanner.size());
  CheckResponse(bytes, scanner.size());
  return 0;
}
