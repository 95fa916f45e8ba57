#include "base/origin.h"

#include <string>
#include <vector>

#include "gtest/gtest.h"

namespace spawner {
namespace {

TEST(CheckOriginPattern, TakesOriginsAndHostsBelowADomain) {
  for (const char* const good :
       {"https://app.example.com", "http://localhost:3000", "https://*.example.com",
        "https://*.example.com:8443", "http://[::1]:8080", "HTTPS://App.Example.com"}) {
    EXPECT_TRUE(CheckOriginPattern(good).ok()) << good;
  }
}

TEST(CheckOriginPattern, RefusesWhatIsNoneOrCouldSaySomethingElseInAHeader) {
  const std::vector<std::string> bad = {"",
                                        "*",
                                        "null",
                                        "app.example.com",
                                        "https://",
                                        "https://a.example/",
                                        "ftp://a.example",
                                        "https://u@a.example",
                                        "https://a.example; script-src *",
                                        "https://a.example b",
                                        "https://a.example\r\nx: y",
                                        "https://a.example:0",
                                        "https://a.example:65536",
                                        "https://a.example:",
                                        "https://a.example:+80",
                                        "https://*.com",
                                        "https://*",
                                        "https://a.*.example.com",
                                        "https://.example.com",
                                        "https://[::1",
                                        "https://a..b",
                                        "https://" + std::string(400, 'a')};
  for (const std::string& text : bad) EXPECT_FALSE(CheckOriginPattern(text).ok()) << text;
}

TEST(OriginMatches, ComparesSchemeHostAndPort) {
  EXPECT_TRUE(OriginMatches("https://app.example.com", "https://app.example.com"));
  EXPECT_TRUE(OriginMatches("https://app.example.com", "https://APP.example.com:443"));
  EXPECT_FALSE(OriginMatches("http://app.example.com", "https://app.example.com"));
  EXPECT_FALSE(OriginMatches("https://app.example.com:8443", "https://app.example.com"));
  EXPECT_FALSE(OriginMatches("https://app.example.com.evil.test", "https://app.example.com"));
  EXPECT_FALSE(OriginMatches("null", "https://app.example.com"));
  EXPECT_TRUE(OriginMatches("https://a.b.example.com", "https://*.example.com"));
  EXPECT_FALSE(OriginMatches("https://example.com", "https://*.example.com"));
  EXPECT_FALSE(OriginMatches("https://evilexample.com", "https://*.example.com"));
  EXPECT_FALSE(OriginMatches("https://*.example.com", "https://*.example.com"));
}

TEST(IsOriginOfHost, KnowsAPagesOwnOrigin) {
  EXPECT_TRUE(IsOriginOfHost("https://k7.s.test", "k7.s.test", true));
  EXPECT_TRUE(IsOriginOfHost("https://k7.s.test", "k7.s.test:443", true));
  EXPECT_TRUE(IsOriginOfHost("https://k7.s.test:8443", "K7.s.test:8443", true));
  EXPECT_TRUE(IsOriginOfHost("http://127.0.0.1:80", "127.0.0.1", false));
  EXPECT_TRUE(IsOriginOfHost("http://[::1]:8080", "[::1]:8080", false));
  // A load balancer ended TLS.
  EXPECT_TRUE(IsOriginOfHost("https://k7.s.test", "k7.s.test", false));
  EXPECT_FALSE(IsOriginOfHost("http://k7.s.test", "k7.s.test", true));
  EXPECT_FALSE(IsOriginOfHost("https://k8.s.test", "k7.s.test", true));
  EXPECT_FALSE(IsOriginOfHost("https://k7.s.test:8443", "k7.s.test", true));
  EXPECT_FALSE(IsOriginOfHost("null", "k7.s.test", true));
  EXPECT_FALSE(IsOriginOfHost("https://k7.s.test", "", true));
}

}  // namespace
}  // namespace spawner
