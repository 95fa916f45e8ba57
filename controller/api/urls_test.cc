#include "controller/api/urls.h"

#include <gtest/gtest.h>

namespace spawner::api {
namespace {

TEST(SessionUrls, PathFormSharesTheProxiesOrigin) {
  const absl::StatusOr<SessionUrls> urls = SessionUrls::Make("http://127.0.0.1:8080", "");
  ASSERT_TRUE(urls.ok()) << urls.status();
  EXPECT_EQ(urls->UrlOf({"k7"}), "http://127.0.0.1:8080/s/k7/");
  EXPECT_EQ(urls->UrlOf({"k7"}, "a.b.c"), "http://127.0.0.1:8080/s/k7/?spawner_token=a.b.c");
}

TEST(SessionUrls, BaseDomainGivesEachSessionAnOrigin) {
  EXPECT_EQ(SessionUrls::Make("", "apps.example.com")->UrlOf({"k7"}),
            "https://k7.apps.example.com/");
  EXPECT_EQ(SessionUrls::Make("http://x.example:8080/", "localhost")->UrlOf({"k7"}),
            "http://k7.localhost:8080/");
  EXPECT_EQ(SessionUrls::Make("https://[::1]:443", "")->UrlOf({"k7"}), "https://[::1]:443/s/k7/");
}

TEST(SessionUrls, SayWhatIsAllowed) {
  EXPECT_EQ(SessionUrls::Make("ftp://a", "").status().message(),
            "--public-url: allowed is http://HOST[:PORT] or https://HOST[:PORT], without a path");
  for (const char* url : {"http://", "http://a:0", "http://a:70000", "http://a/b", "http://a b",
                          "http://a?x", "a:80", "http://u@a", "http://[::1", "http://[x]"}) {
    EXPECT_FALSE(SessionUrls::Make(url, "").ok()) << url;
  }
  EXPECT_EQ(SessionUrls::Make("", "Apps.example.com").status().message(),
            "--base-domain: allowed is a DNS name in lower case, such as apps.example.com");
  EXPECT_EQ(SessionUrls::Make("", "").status().message(),
            "one of --public-url and --base-domain is needed");
}

}  // namespace
}  // namespace spawner::api
