#include "proxy/http/rewrite.h"

#include <string>

#include "absl/strings/match.h"
#include "gtest/gtest.h"

namespace spawner::proxy {
namespace {

bool IsOurs(absl::string_view name) { return absl::StartsWithIgnoreCase(name, "spawner-"); }

std::string Request(const std::string& bytes, RequestRewrite rewrite) {
  RequestHead head;
  EXPECT_FALSE(head.Parse(bytes).is_error());
  if (rewrite.path.empty()) rewrite.path = head.path;
  rewrite.is_reserved = &IsOurs;
  std::string out;
  AppendRequestHead(head, rewrite, &out);
  return out;
}

TEST(Rewrite, TakesOutHopByHopFieldsAndThoseThatConnectionNames) {
  EXPECT_EQ(Request("GET /a HTTP/1.1\r\nHost: h\r\nConnection: close, X-Hop\r\nX-Hop: 1\r\n"
                    "Keep-Alive: 1\r\nTE: trailers\r\nUpgrade: h2c\r\nHTTP2-Settings: x\r\n"
                    "Proxy-Connection: x\r\nX-End: 2\r\n\r\n",
                    {}),
            "GET /a HTTP/1.1\r\nHost: h\r\nX-End: 2\r\n\r\n");
}

TEST(Rewrite, KeepsFramingAndHostThoughConnectionNamesThem) {
  EXPECT_EQ(Request("POST /a HTTP/1.1\r\nHost: h\r\nConnection: content-length, host\r\n"
                    "Content-Length: 3\r\n\r\n",
                    {}),
            "POST /a HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\n");
}

TEST(Rewrite, TakesOutWhatOnlyTheProxyMaySayInAllItsSpellings) {
  EXPECT_EQ(Request("GET /a HTTP/1.1\r\nHost: h\r\nX-Forwarded-For: 1\r\nx_forwarded_host: 2\r\n"
                    "Spawner-User: a\r\nSPAWNER_USER: b\r\nForwarded: c\r\nX-Real-IP: d\r\n"
                    "X_Other: e\r\n\r\n",
                    {}),
            "GET /a HTTP/1.1\r\nHost: h\r\nX_Other: e\r\n\r\n");
}

TEST(Rewrite, AddsFieldsAndNeverLetsThemSplitTheHead) {
  const AddedField added[] = {{"Spawner-User", "a\r\nEvil: b"}};
  EXPECT_EQ(Request("GET /s/x/a HTTP/1.1\r\nHost: h\r\nCookie: c\r\n\r\n",
                    {.path = "/a", .drop = SetOf(FieldName::kCookie), .add = added}),
            "GET /a HTTP/1.1\r\nHost: h\r\nSpawner-User: a??Evil: b\r\n\r\n");
}

TEST(Rewrite, PassesAnUpgradeOn) {
  EXPECT_EQ(
      Request("GET /a HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n",
              {}),
      "GET /a HTTP/1.1\r\nHost: h\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n");
}

TEST(Rewrite, GivesHttp10AHost) {
  EXPECT_EQ(Request("GET /a HTTP/1.0\r\nExpect: 100-continue\r\n\r\n", {}),
            "GET /a HTTP/1.1\r\nHost: \r\n\r\n");
}

TEST(Rewrite, ResponsesLoseHopByHopFieldsAndSayWhatBecomesOfTheConnection) {
  ResponseHead head;
  const std::string bytes =
      "HTTP/1.0 200 Fine\r\nConnection: keep-alive\r\nKeep-Alive: x\r\nTransfer-Encoding: y\r\n"
      "Server: z\r\n\r\n";
  // HTTP/1.0 with a coding is refused, so without it here.
  const std::string good = "HTTP/1.0 200 Fine\r\nConnection: keep-alive\r\nServer: z\r\n\r\n";
  EXPECT_TRUE(head.Parse(bytes, false).is_error());
  ASSERT_FALSE(head.Parse(good, false).is_error());
  std::string out;
  AppendResponseHead(head, {.connection = ResponseRewrite::Connection::kClose}, &out);
  EXPECT_EQ(out, "HTTP/1.1 200 Fine\r\nServer: z\r\nConnection: close\r\n\r\n");
}

}  // namespace
}  // namespace spawner::proxy
