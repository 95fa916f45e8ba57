#include "proxy/forward/client_origin.h"

#include <memory>
#include <string>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"

namespace spawner::proxy {
namespace {

struct Origin {
  std::string ip;
  std::string forwarded_for;
  bool is_secure;
};

Origin OriginOf(absl::string_view fields, const ClientPeer& peer) {
  const std::string head = absl::StrCat("GET / HTTP/1.1\r\nHost: x\r\n", fields, "\r\n");
  const auto request = std::make_unique<RequestHead>();
  EXPECT_FALSE(request->Parse(head).is_error());
  std::string chain = "left over";
  return {std::string(ClientIp(*request, peer, *IpRanges::Parse("10.0.0.0/8,2001:db8::/32"))),
          std::string(ForwardedFor(*request, peer, &chain)), IsSecure(*request, peer)};
}

TEST(ClientOrigin, ReplacesWhatAStrangerSays) {
  const Origin origin =
      OriginOf("X-Forwarded-For: 1.1.1.1\r\nX-Forwarded-Proto: https\r\n", {.ip = "192.0.2.7"});
  EXPECT_EQ(origin.ip, "192.0.2.7");
  EXPECT_EQ(origin.forwarded_for, "192.0.2.7");
  EXPECT_FALSE(origin.is_secure);
}

TEST(ClientOrigin, ExtendsWhatATrustedProxySays) {
  const ClientPeer proxy = {.ip = "10.0.0.1", .is_trusted = true};
  Origin origin = OriginOf("X-Forwarded-For: 192.0.2.7\r\nX-Forwarded-Proto: https\r\n", proxy);
  EXPECT_EQ(origin.ip, "192.0.2.7");
  EXPECT_EQ(origin.forwarded_for, "192.0.2.7, 10.0.0.1");
  EXPECT_TRUE(origin.is_secure);
  origin = OriginOf("", proxy);
  EXPECT_EQ(origin.ip, "10.0.0.1");
  EXPECT_EQ(origin.forwarded_for, "10.0.0.1");
}

TEST(ClientOrigin, TheClientIsTheRightMostWhoIsNotTrusted) {
  const ClientPeer proxy = {.ip = "10.0.0.1", .is_trusted = true};
  const std::pair<const char*, const char*> cases[] = {
      // The first is forged, the second wrote it, the third is a proxy of ours.
      {"X-Forwarded-For: 1.1.1.1, 192.0.2.7, 10.9.9.9\r\n", "192.0.2.7"},
      {"X-Forwarded-For: 1.1.1.1\r\nx-forwarded-for: 192.0.2.7 ,10.9.9.9\r\n", "192.0.2.7"},
      {"X-Forwarded-For: 192.0.2.7:4711\r\n", "192.0.2.7"},
      {"X-Forwarded-For: 1.1.1.1, [2001:db9::1]:4711, [2001:db8::1]\r\n", "2001:db9::1"},
      {"X-Forwarded-For: 10.1.1.1, 10.2.2.2\r\n", "10.1.1.1"},
      {"X-Forwarded-For: 1.1.1.1, unknown, 10.2.2.2\r\n", "10.2.2.2"},
      {"X-Forwarded-For: 1.1.1.1, unknown\r\n", "10.0.0.1"},
      {"X-Forwarded-For: ,,\r\n", "10.0.0.1"},
  };
  for (const auto& [fields, ip] : cases) EXPECT_EQ(OriginOf(fields, proxy).ip, ip) << fields;
}

TEST(ClientOrigin, TlsAtThisProxyIsSecureUnlessATrustedProxyKnowsBetter) {
  EXPECT_TRUE(
      OriginOf("X-Forwarded-Proto: http\r\n", {.ip = "192.0.2.7", .is_secure = true}).is_secure);
  const ClientPeer proxy = {.ip = "10.0.0.1", .is_secure = true, .is_trusted = true};
  EXPECT_TRUE(OriginOf("", proxy).is_secure);
  EXPECT_TRUE(OriginOf("X-Forwarded-Proto: gopher\r\n", proxy).is_secure);
  EXPECT_FALSE(OriginOf("X-Forwarded-Proto: http\r\n", proxy).is_secure);
  EXPECT_FALSE(OriginOf("X-Forwarded-Proto: https, http\r\n", proxy).is_secure);
}

}  // namespace
}  // namespace spawner::proxy
