#include "proxy/h2/response_fields.h"

#include "gtest/gtest.h"
#include "proxy/http/head.h"

namespace spawner::proxy::h2 {
namespace {

TEST(ResponseFields, LeavesOutWhatSpeaksOfTheConnection) {
  ResponseHead head;
  ASSERT_FALSE(head.Parse("HTTP/1.1 200 OK\r\nContent-Type: a/b\r\nConnection: close, X-Hop\r\n"
                          "X-Hop: 1\r\nKeep-Alive: timeout=5\r\nTransfer-Encoding: chunked\r\n"
                          "Set-Cookie: a=1\r\nSet-Cookie: b=2\r\n\r\n",
                          false)
                   .is_error());
  FieldBlock block;
  block.SetResponse(head);
  EXPECT_EQ(block.all(), (std::vector<FieldBlock::Pair>{{":status", "200"},
                                                        {"content-type", "a/b"},
                                                        {"set-cookie", "a=1"},
                                                        {"set-cookie", "b=2"}}));
}

TEST(ResponseFields, GivesTrailersInLowerCaseWithoutFraming) {
  FieldBlock block;
  block.SetTrailers("Grpc-Status: 0\r\nContent-Length: 5\r\nConnection: x\r\nB:\t c \r\n");
  EXPECT_EQ(block.all(), (std::vector<FieldBlock::Pair>{{"grpc-status", "0"}, {"b", "c"}}));
  block.SetTrailers("");
  EXPECT_TRUE(block.all().empty());
}

}  // namespace
}  // namespace spawner::proxy::h2
