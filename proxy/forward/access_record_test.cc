#include "proxy/forward/access_record.h"

#include <string>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "gtest/gtest.h"
#include "proxy/forward/limits.h"

namespace spawner::proxy {
namespace {

TEST(WithoutSecrets, KeepsNamesAndNoValueOfAQuery) {
  EXPECT_EQ(WithoutSecrets("/a/b"), "/a/b");
  EXPECT_EQ(WithoutSecrets("/a?x=1&spawner_token=ey.J.z&flag"), "/a?x=*&spawner_token=*&*");
  EXPECT_EQ(WithoutSecrets("/a?"), "/a?");
  EXPECT_EQ(WithoutSecrets("/a?&&b=&=secret"), "/a?&&*&=*");
  EXPECT_EQ(WithoutSecrets("/a?x=1?token=2=3"), "/a?x=*");
  EXPECT_EQ(WithoutSecrets("/a?eyJhbGciOiJFZERTQSJ9"), "/a?*");
  EXPECT_EQ(WithoutSecrets("/a?c2VjcmV0cw==&b="), "/a?*&*");
  EXPECT_EQ(WithoutSecrets("/a?x=1;token=2;3#id_token=4"), "/a?x=*;token=*;*#id_token=*");
  EXPECT_EQ(WithoutSecrets("/a#id_token=4"), "/a#id_token=*");
  EXPECT_EQ(WithoutSecrets("*"), "*");
  EXPECT_EQ(WithoutSecrets(""), "");
}

TEST(WithoutSecrets, KeepsNoParameterOfAPath) {
  EXPECT_EQ(WithoutSecrets("/a;jsessionid=F00/b;v=1;w?x=1"), "/a;jsessionid=*/b;v=*;*?x=*");
  EXPECT_EQ(WithoutSecrets("/a%3Fspawner_token=ey.J.z/b%3fc=1&d=2"), "/a%3F*/b%3F*");
}

TEST(WithoutSecrets, IsBounded) {
  EXPECT_LE(WithoutSecrets(absl::StrCat("/", std::string(30'000, 'x'))).size(), kLoggedTextMax);
  std::string many = "/?";
  for (int i = 0; i < 10'000; ++i) many.append("&");
  EXPECT_LE(WithoutSecrets(many).size(), 2 * kLoggedTextMax);
}

TEST(AccessLine, SaysWhatIsKnownAndLeavesOutWhatIsNot) {
  AccessRecord record;
  record.at = absl::FromUnixMillis(1'764'079'201'007);
  record.client = "203.0.113.9";
  record.status = 400;
  record.reason = "MALFORMED_REQUEST";
  std::string line;
  AppendAccessLine(record, &line);
  EXPECT_EQ(line,
            "{\"time\":\"2025-11-25T14:00:01.007Z\",\"client\":\"203.0.113.9\",\"tls\":false,"
            "\"status\":400,\"reason\":\"MALFORMED_REQUEST\",\"bytes_in\":0,\"bytes_out\":0,"
            "\"total_ms\":0.000}\n");
  record.method = "GET";
  record.host = "k7x2.test";
  record.path = "/a";
  record.protocol = "HTTP/1.1";
  record.session = "k7x2";
  record.epoch = 4294967297;
  record.status = 200;
  record.reason.clear();
  record.bytes_out = 12;
  record.was_held = record.was_sent = true;
  record.held = absl::Milliseconds(812);
  record.upstream = absl::Microseconds(1045);
  record.total = absl::Microseconds(813050);
  record.trace = "0af7651916cd43dd8448eb211c80319c";
  line.clear();
  AppendAccessLine(record, &line);
  EXPECT_EQ(line,
            "{\"time\":\"2025-11-25T14:00:01.007Z\",\"client\":\"203.0.113.9\","
            "\"session\":\"k7x2\",\"epoch\":4294967297,\"method\":\"GET\",\"host\":\"k7x2.test\","
            "\"path\":\"/a\",\"protocol\":\"HTTP/1.1\",\"tls\":false,\"status\":200,"
            "\"bytes_in\":0,\"bytes_out\":12,\"held_ms\":812.000,\"upstream_ms\":1.045,"
            "\"total_ms\":813.050,\"trace\":\"0af7651916cd43dd8448eb211c80319c\"}\n");
}

TEST(AccessLine, BytesOfAClientCannotForgeALine) {
  AccessRecord record;
  record.method = "GET";
  record.host = "a\"b\\c";
  record.path = "/\r\n{\"x\":1}\x01\xc3\x28";
  std::string line;
  AppendAccessLine(record, &line);
  EXPECT_TRUE(absl::StrContains(line, "\"host\":\"a\\\"b\\\\c\""));
  EXPECT_TRUE(absl::StrContains(line, "/\\u000d\\u000a{\\\"x\\\":1}\\u0001\\u00c3("));
  EXPECT_EQ(line.find('\n'), line.size() - 1);
}

}  // namespace
}  // namespace spawner::proxy
