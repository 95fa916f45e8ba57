#include "proxy/http/answer.h"

#include <gtest/gtest.h>

namespace spawner::proxy {
namespace {

const Answer kEnded = {
    .status = 410, .reason = "SESSION_ENDED", .message = "nobody was <here> for 30s & \"more\""};

TEST(RenderAnswer, ProgramsGetJson) {
  EXPECT_EQ(RenderAnswer(kEnded, {.keeps_connection = true}),
            "HTTP/1.1 410 Gone\r\nContent-Type: application/json\r\nContent-Length: 87\r\n"
            "Cache-Control: no-store\r\nConnection: keep-alive\r\n\r\n"
            "{\"code\":410,\"reason\":\"SESSION_ENDED\","
            "\"message\":\"nobody was <here> for 30s & \\\"more\\\"\"}\n");
  EXPECT_NE(RenderAnswer({.message = "a\nb"}, {}).find("\"message\":\"a\\u000ab\""),
            std::string::npos);
}

TEST(RenderAnswer, PeopleGetAPageInWordsOfTheirOwn) {
  const std::string text = RenderAnswer(kEnded, {.as_html = true});
  EXPECT_NE(text.find("Content-Type: text/html; charset=utf-8\r\n"), std::string::npos);
  EXPECT_NE(text.find("<title>This session has ended</title>"), std::string::npos) << text;
  EXPECT_NE(text.find("<p>Nobody was &lt;here&gt; for 30s &amp; &quot;more&quot;<p>"),
            std::string::npos)
      << text;
  EXPECT_NE(text.find("<small>410 SESSION_ENDED &middot; Spawner</small>"), std::string::npos);
}

TEST(RenderAnswer, HeadGetsTheLengthButNoBody) {
  const std::string text = RenderAnswer(kEnded, {.without_body = true});
  EXPECT_NE(text.find("Content-Length: 87\r\n"), std::string::npos);
  EXPECT_EQ(text.substr(text.size() - 4), "\r\n\r\n");
}

TEST(PrefersHtml, NavigationsDo) {
  EXPECT_TRUE(PrefersHtml("text/html,application/xhtml+xml,*/*;q=0.8"));
  EXPECT_FALSE(PrefersHtml("application/json, text/html"));
  EXPECT_FALSE(PrefersHtml("*/*"));
  EXPECT_FALSE(PrefersHtml(""));
}

}  // namespace
}  // namespace spawner::proxy
