#include "controller/kube/counting_transport.h"

#include <gtest/gtest.h>

#include "controller/kube/fake_http_transport.h"

namespace spawner::kube {
namespace {

// Cancels its request at the head if told to.
class Recorder final : public HttpHandler {
 public:
  explicit Recorder(HttpTransport& transport) : transport_(transport) {}
  void Start(HttpRequest request) { id_ = transport_.Start(std::move(request), this); }
  void OnHead(int code, std::optional<absl::Duration>) override {
    ++heads;
    if (cancel_at_head) transport_.Cancel(id_);
  }
  void OnData(absl::string_view chunk) override { data.append(chunk.data(), chunk.size()); }
  void OnEnd(const absl::Status&) override { ++ends; }

  bool cancel_at_head = false;
  int heads = 0;
  int ends = 0;
  std::string data;

 private:
  HttpTransport& transport_;
  HttpTransport::RequestId id_ = 0;
};

TEST(CountingTransport, CountsEachRequestOnceByVerbResourceAndCode) {
  FakeHttpTransport inner;
  CountingTransport transport(inner);
  Recorder handler(transport);
  handler.Start({.path = "/api/v1/namespaces/a/pods?limit=5"});
  handler.Start({.path = "/api/v1/namespaces/a/pods?watch=true"});
  handler.Start({.method = "POST", .path = "/api/v1/namespaces/a/pods"});
  handler.Start({.method = "POST", .path = "/api/v1/namespaces/b/pods"});
  handler.Start({.method = "POST", .path = "/api/v1/namespaces/b/pods"});
  inner.Answer(1, 200, "x");
  inner.Head(2, 200);  // still running
  inner.Answer(3, 201, "y");
  inner.Answer(4, 201, "z");
  inner.End(5, absl::UnavailableError("refused"));
  const std::map<RequestLabels, uint64_t> expected = {{{"list", "pods", 200}, 1},
                                                      {{"watch", "pods", 200}, 1},
                                                      {{"create", "pods", 201}, 2},
                                                      {{"create", "pods", 0}, 1}};
  EXPECT_EQ(transport.counts(), expected);
  EXPECT_EQ(handler.data, "xyz");
  EXPECT_EQ(handler.ends, 4);
}

TEST(CountingTransport, AHandlerMayCancelItsRequestFromWithin) {
  FakeHttpTransport inner;
  CountingTransport transport(inner);
  Recorder handler(transport);
  handler.cancel_at_head = true;
  handler.Start({.path = "/api/v1/pods?watch=true"});
  inner.Answer(1, 200, "x");
  EXPECT_EQ(handler.heads, 1);
  EXPECT_EQ(handler.data, "");
  EXPECT_EQ(handler.ends, 0);
}

TEST(CountingTransport, ItsEndCancelsWhatIsInFlight) {
  FakeHttpTransport inner;
  {
    CountingTransport transport(inner);
    Recorder handler(transport);
    handler.Start({.path = "/api/v1/pods"});
    EXPECT_TRUE(inner.IsOpen(1));
  }
  EXPECT_FALSE(inner.IsOpen(1));
}

}  // namespace
}  // namespace spawner::kube
