#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "proxy/http/head.h"

namespace spawner::proxy {
namespace {

struct Case {
  const char* name;
  std::string bytes;
  bool is_good;
  BodyKind kind = BodyKind::kNone;
};

TEST(ResponseHead, FramesTheBodyOrRefusesTheResponse) {
  const std::vector<Case> cases = {
      {"length", "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n", true, BodyKind::kLength},
      {"chunked", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", true,
       BodyKind::kChunked},
      {"until close", "HTTP/1.1 200 OK\r\n\r\n", true, BodyKind::kUntilClose},
      {"no reason", "HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n", true, BodyKind::kLength},
      {"204", "HTTP/1.1 204 No Content\r\n\r\n", true},
      {"304 with a length", "HTTP/1.1 304 Not Modified\r\nContent-Length: 3\r\n\r\n", true},
      {"100", "HTTP/1.1 100 Continue\r\n\r\n", true},
      {"both", "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n", false},
      {"two lengths", "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\n", false},
      {"bad length", "HTTP/1.1 200 OK\r\nContent-Length: 3x\r\n\r\n", false},
      {"coding", "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n", false},
      {"coding in 1.0", "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", false},
      {"not HTTP", "ICY 200 OK\r\n\r\n", false},
      {"HTTP/2", "HTTP/2 200 OK\r\n\r\n", false},
      {"short status", "HTTP/1.1 20 OK\r\n\r\n", false},
      {"long status", "HTTP/1.1 2000 OK\r\n\r\n", false},
      {"status 99", "HTTP/1.1 099 OK\r\n\r\n", false},
      {"control in reason", "HTTP/1.1 200 O\x01K\r\n\r\n", false},
      {"space before colon", "HTTP/1.1 200 OK\r\nX : a\r\n\r\n", false},
  };
  ResponseHead head;
  for (const Case& c : cases) {
    const HeadError error = head.Parse(c.bytes, /*to_head=*/false);
    EXPECT_EQ(error.is_error(), !c.is_good) << c.name << ": " << error.why;
    if (!c.is_good) {
      EXPECT_EQ(error.status, 502) << c.name;
    } else {
      EXPECT_EQ(head.body.kind, c.kind) << c.name;
    }
  }
}

TEST(ResponseHead, HasNoBodyToHead) {
  ResponseHead head;
  const std::string bytes = "HTTP/1.1 200 OK\r\nContent-Length: 30\r\n\r\n";
  ASSERT_FALSE(head.Parse(bytes, /*to_head=*/true).is_error());
  EXPECT_EQ(head.body.kind, BodyKind::kNone);
  EXPECT_TRUE(head.is_persistent);
}

}  // namespace
}  // namespace spawner::proxy
