#include "proxy/h2/request_text.h"

#include <string>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"
#include "gtest/gtest.h"
#include "proxy/h2/inbound_text.h"
#include "proxy/http/head.h"
#include "proxy/http/limits.h"

namespace spawner::proxy::h2 {
namespace {

using Verdict = RequestText::Verdict;
using Fields = std::vector<std::pair<std::string, std::string>>;

const Fields& Get() {
  static const Fields& fields = *new Fields{
      {":method", "GET"}, {":scheme", "http"}, {":authority", "a:80"}, {":path", "/b?c"}};
  return fields;
}

Fields With(Fields more) {
  Fields all = Get();
  for (auto& field : more) all.push_back(std::move(field));
  return all;
}

Verdict Feed(const Fields& fields, RequestText& text, bool ends = true) {
  for (const auto& [name, value] : fields) text.Add(name, value);
  return text.Finish(ends);
}

Verdict Judge(const Fields& fields) {
  RequestText text;
  return Feed(fields, text);
}

TEST(RequestText, MakesAHeadThatItsParserTakes) {
  RequestText text;
  const Fields fields = With({{"cookie", "x=1"}, {"accept", "*/*"}, {"cookie", "y=2"}, {"e", ""}});
  ASSERT_EQ(Feed(fields, text), Verdict::kGood);
  EXPECT_EQ(text.head(),
            "GET /b?c HTTP/1.1\r\nhost: a:80\r\naccept: */*\r\ne: \r\ncookie: x=1; y=2\r\n\r\n");
  EXPECT_EQ(text.framing(), InboundText::Framing::kNone);
  RequestHead head;
  EXPECT_FALSE(head.Parse(text.head()).is_error());
}

TEST(RequestText, FramesABodyByItsLengthOrInChunks) {
  RequestText chunked;
  ASSERT_EQ(Feed(Get(), chunked, false), Verdict::kGood);
  EXPECT_EQ(chunked.framing(), InboundText::Framing::kChunked);
  EXPECT_EQ(chunked.head(),
            "GET /b?c HTTP/1.1\r\nhost: a:80\r\ntransfer-encoding: chunked\r\n\r\n");
  RequestText plain;
  ASSERT_EQ(Feed(With({{"content-length", "5"}}), plain, false), Verdict::kGood);
  EXPECT_EQ(plain.framing(), InboundText::Framing::kPlain);
}

TEST(RequestText, TakesHostWhereThereIsNoAuthority) {
  RequestText text;
  ASSERT_EQ(Feed({{":method", "GET"}, {":scheme", "http"}, {":path", "/"}, {"host", "h"}}, text),
            Verdict::kGood);
  EXPECT_EQ(text.head(), "GET / HTTP/1.1\r\nhost: h\r\n\r\n");
  EXPECT_EQ(Judge(With({{"host", "A:80"}})), Verdict::kGood);
  EXPECT_EQ(Judge(With({{"host", "other"}})), Verdict::kMalformed);
  EXPECT_EQ(Judge(With({{"host", "a:80"}, {"host", "a:80"}})), Verdict::kMalformed);
}

TEST(RequestText, RefusesWhatTextCouldHide) {
  const Fields bad_fields = {{"a", "b\r\nc: d"},
                             {"a", "b\n"},
                             {"a", std::string("b\0c", 3)},
                             {"a", " b"},
                             {"a", "b\t"},
                             {"A", "b"},
                             {"a b", "c"},
                             {"a:", "b"},
                             {"", "b"},
                             {"a\r\nb", "c"},
                             {"connection", "close"},
                             {"keep-alive", "1"},
                             {"proxy-connection", "close"},
                             {"transfer-encoding", "chunked"},
                             {"upgrade", "websocket"},
                             {"te", "gzip"},
                             {":path", "/late"},
                             {":status", "200"},
                             {":protocol", "websocket"}};
  for (const auto& field : bad_fields) {
    EXPECT_EQ(Judge(With({field})), Verdict::kMalformed) << field.first << ": " << field.second;
  }
  EXPECT_EQ(Judge(With({{"te", "trailers"}})), Verdict::kGood);
}

TEST(RequestText, RefusesPseudoHeadersThatAreTwiceEmptyMissingOrSplitTheLine) {
  for (size_t i = 0; i < Get().size(); ++i) {
    Fields twice = Get();
    twice.push_back(Get()[i]);
    EXPECT_EQ(Judge(twice), Verdict::kMalformed) << Get()[i].first;
    Fields missing = Get();
    missing.erase(missing.begin() + static_cast<std::ptrdiff_t>(i));
    // Without an authority the parser answers: no Host.
    const bool is_authority = Get()[i].first == ":authority";
    EXPECT_EQ(Judge(missing), is_authority ? Verdict::kGood : Verdict::kMalformed)
        << Get()[i].first;
    for (const char* value : {"", "/ HTTP/1.1", "/\r\na: b", "/a#b", "/\x7f", "/\xc3\xa4"}) {
      Fields bad = Get();
      bad[i].second = value;
      EXPECT_EQ(Judge(bad), Verdict::kMalformed) << Get()[i].first << " " << value;
    }
  }
  Fields late = With({{"accept", "*/*"}});
  std::swap(late[3], late[4]);
  EXPECT_EQ(Judge(late), Verdict::kMalformed);
}

TEST(RequestText, AnswersALargeListWith431AndStaysBounded) {
  Fields fields = Get();
  for (int i = 0; i < 2000; ++i) fields.emplace_back("x", "y");
  EXPECT_EQ(Judge(fields), Verdict::kTooLarge);
  EXPECT_EQ(Judge(With({{"a", std::string(kHeadBytesMax, 'x')}})), Verdict::kTooLarge);
  EXPECT_EQ(Judge(With({{"a", std::string(kHeadBytesMax - 300, 'x')}})), Verdict::kGood);
}

TEST(RequestText, LeavesConnectToItsParserWhichRefusesIt) {
  RequestText text;
  ASSERT_EQ(Feed({{":method", "CONNECT"}, {":authority", "a:80"}}, text), Verdict::kGood);
  RequestHead head;
  EXPECT_TRUE(head.Parse(text.head()).is_error());
}

}  // namespace
}  // namespace spawner::proxy::h2
