#include "proxy/h2/response_text.h"

#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "proxy/h2/inbound_text.h"
#include "proxy/http/head.h"
#include "proxy/http/limits.h"

namespace spawner::proxy::h2 {
namespace {

using Block = std::vector<std::pair<std::string, std::string>>;
using Framing = InboundText::Framing;

struct Made {
  bool is_good = false;
  std::string head;
  Framing framing = Framing::kNone;
};

Made Make(const Block& block, bool ends = false, bool to_head = false) {
  ResponseText text(to_head);
  for (const auto& [name, value] : block) text.Add(name, value);
  Made made;
  made.is_good = text.Finish(ends);
  if (!made.is_good) return made;
  made.head = text.head();
  made.framing = text.framing();
  ResponseHead parsed;
  EXPECT_FALSE(parsed.Parse(made.head, to_head).is_error()) << made.head;
  EXPECT_EQ(parsed.is_interim(), text.is_interim());
  if (!parsed.is_interim()) {
    EXPECT_EQ(parsed.body.has_body(), made.framing != Framing::kNone);
    EXPECT_FALSE(parsed.is_persistent);
  }
  return made;
}

TEST(ResponseText, IsChunkedUnlessItSaysHowLongItIs) {
  const Made chunked = Make({{":status", "200"}, {"content-type", "application/grpc"}});
  EXPECT_EQ(chunked.head,
            "HTTP/1.1 200 \r\ncontent-type: application/grpc\r\ntransfer-encoding: chunked\r\n"
            "connection: close\r\n\r\n");
  EXPECT_EQ(chunked.framing, Framing::kChunked);
  const Made sized = Make({{":status", "404"}, {"content-length", "7"}});
  EXPECT_EQ(sized.head, "HTTP/1.1 404 \r\ncontent-length: 7\r\nconnection: close\r\n\r\n");
  EXPECT_EQ(sized.framing, Framing::kPlain);
}

TEST(ResponseText, HasNoBodyIfItEndsWithItsHead) {
  EXPECT_EQ(Make({{":status", "200"}, {"grpc-status", "5"}}, true).head,
            "HTTP/1.1 200 \r\ngrpc-status: 5\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
}

TEST(ResponseText, HasNoFramingWhereHttp11ForbidsABody) {
  for (const char* status : {"204", "304"}) {
    EXPECT_EQ(Make({{":status", status}}).head,
              absl::StrCat("HTTP/1.1 ", status, " \r\nconnection: close\r\n\r\n"));
  }
  const Made to_head = Make({{":status", "200"}, {"content-length", "9"}}, true, true);
  EXPECT_EQ(to_head.head, "HTTP/1.1 200 \r\ncontent-length: 9\r\nconnection: close\r\n\r\n");
  EXPECT_EQ(Make({{":status", "103"}, {"link", "x"}}).head, "HTTP/1.1 103 \r\nlink: x\r\n\r\n");
}

TEST(ResponseText, RefusesWhatCouldHideInText) {
  const std::vector<Block> bad = {{},
                                  {{"content-type", "x"}},
                                  {{":status", "20"}},
                                  {{":status", "2000"}},
                                  {{":status", "2x0"}},
                                  {{":status", "099"}},
                                  {{":status", "101"}},
                                  {{":status", "200"}, {":status", "200"}},
                                  {{":status", "200"}, {":path", "/"}},
                                  {{"a", "b"}, {":status", "200"}},
                                  {{":status", "200"}, {"A", "b"}},
                                  {{":status", "200"}, {"a b", "c"}},
                                  {{":status", "200"}, {"a", "b\r\nc: d"}},
                                  {{":status", "200"}, {"a", " b"}},
                                  {{":status", "200"}, {"connection", "close"}},
                                  {{":status", "200"}, {"transfer-encoding", "chunked"}},
                                  {{":status", "200"}, {"upgrade", "websocket"}},
                                  {{":status", "200"}, {"x", std::string(kHeadBytesMax, 'x')}}};
  for (const Block& block : bad) {
    EXPECT_FALSE(Make(block).is_good) << (block.empty() ? "" : block.back().first);
  }
  EXPECT_FALSE(Make({{":status", "100"}}, true).is_good);  // RFC 9113 8.1
}

}  // namespace
}  // namespace spawner::proxy::h2
