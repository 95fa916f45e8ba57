#include "proxy/h2/request_fields.h"

#include <string>

#include "gtest/gtest.h"
#include "proxy/h2/response_fields.h"
#include "proxy/http/head.h"

namespace spawner::proxy::h2 {
namespace {

OwnedFields FieldsOf(const std::string& text) {
  RequestHead head;
  EXPECT_FALSE(head.Parse(text).is_error());
  return RequestFields(head);
}

TEST(RequestFields, ArePseudoFieldsAndNamesInLowerCase) {
  EXPECT_EQ(FieldsOf("POST /a?b HTTP/1.1\r\nHost: x.test:80\r\nContent-Length: 3\r\n"
                     "X-Forwarded-For: 10.0.0.1\r\n\r\n"),
            (OwnedFields{{":method", "POST"},
                         {":scheme", "http"},
                         {":authority", "x.test:80"},
                         {":path", "/a?b"},
                         {"content-length", "3"},
                         {"x-forwarded-for", "10.0.0.1"},
                         {"te", "trailers"}}));
}

TEST(RequestFields, SayNothingOfTheConnection) {
  EXPECT_EQ(FieldsOf("GET / HTTP/1.1\r\nHost: x\r\nConnection: keep-alive, X-Mine, upgrade\r\n"
                     "Keep-Alive: 1\r\nX-Mine: 1\r\nTE: gzip\r\nUpgrade: websocket\r\n"
                     "Proxy-Connection: x\r\nHTTP2-Settings: x\r\nAccept: */*\r\n\r\n"),
            (OwnedFields{{":method", "GET"},
                         {":scheme", "http"},
                         {":authority", "x"},
                         {":path", "/"},
                         {"accept", "*/*"},
                         {"te", "trailers"}}));
  for (const auto& [name, value] :
       FieldsOf("POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n")) {
    EXPECT_NE(name, "transfer-encoding");
  }
}

TEST(RequestFields, KeepAnAsteriskAndHttp10WithoutHost) {
  EXPECT_EQ(FieldsOf("OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n")[3].second, "*");
  EXPECT_EQ(FieldsOf("GET /a HTTP/1.0\r\n\r\n")[2], (OwnedFields::value_type{":path", "/a"}));
}

}  // namespace
}  // namespace spawner::proxy::h2
