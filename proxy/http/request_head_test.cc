#include <array>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "proxy/http/head.h"
#include "proxy/http/head_scanner.h"
#include "proxy/http/limits.h"

namespace spawner::proxy {
namespace {

// Feeds `bytes` in pieces of `step` and parses what the scanner finds. Returns the status to answer
// with: 0 if the head is good, -1 if it is not complete.
int StatusOf(const std::string& bytes, size_t step, RequestHead* head) {
  HeadScanner scanner;
  for (size_t end = std::min(step, bytes.size());; end = std::min(end + step, bytes.size())) {
    switch (scanner.Scan(absl::string_view(bytes).substr(0, end))) {
      case HeadScanner::State::kComplete:
        return head->Parse(absl::string_view(bytes).substr(0, scanner.size())).status;
      case HeadScanner::State::kBareLf:
        return 400;
      case HeadScanner::State::kTooLong:
        return 431;
      case HeadScanner::State::kIncomplete:
        if (end == bytes.size()) return -1;
    }
  }
}

constexpr std::array<size_t, 11> kSteps = {1, 2, 3, 4, 5, 6, 7, 8, 16, 31, 1 << 20};

struct Case {
  const char* name;
  std::string bytes;
  int status;
};

std::string With(const std::string& lines) {
  return "POST / HTTP/1.1\r\nHost: a\r\n" + lines + "\r\n";
}

TEST(RequestHead, AcceptsAndRefusesToTheLetterInPiecesOfAnySize) {
  const std::vector<Case> cases = {
      {"plain", With(""), 0},
      {"HTTP/1.0 without Host", "GET / HTTP/1.0\r\n\r\n", 0},
      {"obs-text in a value", With("X: caf\xc3\xa9\r\n"), 0},
      {"empty value", With("X:\r\n"), 0},
      {"tabs around a value", With("X:\t a \t\r\n"), 0},
      {"absolute form", "GET http://a/b HTTP/1.1\r\nHost: A\r\n\r\n", 0},
      {"IPv6 host with port", "GET / HTTP/1.1\r\nHost: [::1]:80\r\n\r\n", 0},
      {"chunked", With("Transfer-Encoding: Chunked\r\n"), 0},
      {"length", With("Content-Length: 18\r\n"), 0},
      {"bare LF line end", "GET / HTTP/1.1\nHost: a\r\n\r\n", 400},
      {"bare LF head end", "GET / HTTP/1.1\r\nHost: a\r\n\n", 400},
      {"CR within a value", With("X: a\rb\r\n"), 400},
      {"NUL in a value", With(std::string("X: a\0b\r\n", 8)), 400},
      {"DEL in a value", With("X: a\x7f\r\n"), 400},
      {"folded line", With("X: a\r\n b\r\n"), 400},
      {"folded first line", "GET / HTTP/1.1\r\n Host: a\r\n\r\n", 400},
      {"space before colon", With("X : a\r\n"), 400},
      {"no colon", With("X\r\n"), 400},
      {"empty name", With(": a\r\n"), 400},
      {"8-bit name", With("X\xc3: a\r\n"), 400},
      {"CL and TE", With("Content-Length: 1\r\nTransfer-Encoding: chunked\r\n"), 400},
      {"two lengths that differ", With("Content-Length: 1\r\nContent-Length: 2\r\n"), 400},
      {"two equal lengths", With("Content-Length: 1\r\nContent-Length: 1\r\n"), 400},
      {"list of lengths", With("Content-Length: 1, 1\r\n"), 400},
      {"signed length", With("Content-Length: +5\r\n"), 400},
      {"negative length", With("Content-Length: -5\r\n"), 400},
      {"hexadecimal length", With("Content-Length: 0x5\r\n"), 400},
      {"empty length", With("Content-Length:\r\n"), 400},
      {"huge length", With("Content-Length: 9999999999999999999\r\n"), 400},
      {"TE xchunked", With("Transfer-Encoding: xchunked\r\n"), 400},
      {"TE identity", With("Transfer-Encoding: identity\r\n"), 400},
      {"TE chunked twice", With("Transfer-Encoding: chunked, chunked\r\n"), 400},
      {"TE gzip, chunked", With("Transfer-Encoding: gzip, chunked\r\n"), 501},
      {"TE chunked, gzip", With("Transfer-Encoding: chunked, gzip\r\n"), 400},
      {"two TE fields", With("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n"), 400},
      {"TE quoted", With("Transfer-Encoding: \"chunked\"\r\n"), 400},
      {"TE in 1.0", "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", 400},
      {"no Host", "GET / HTTP/1.1\r\n\r\n", 400},
      {"two Hosts", "GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n", 400},
      {"empty Host", "GET / HTTP/1.1\r\nHost:\r\n\r\n", 400},
      {"Host with user", "GET / HTTP/1.1\r\nHost: u@a\r\n\r\n", 400},
      {"Host with path", "GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", 400},
      {"Host list", "GET / HTTP/1.1\r\nHost: a, b\r\n\r\n", 400},
      {"Host port letters", "GET / HTTP/1.1\r\nHost: a:b\r\n\r\n", 400},
      {"Host differs from target", "GET http://b/ HTTP/1.1\r\nHost: a\r\n\r\n", 400},
      {"absolute form with user", "GET http://u@a/ HTTP/1.1\r\nHost: a\r\n\r\n", 400},
      {"a scheme alone", "GET http HTTP/1.1\r\nHost: a\r\n\r\n", 400},
      {"a scheme and a colon", "GET https: HTTP/1.1\r\nHost: a\r\n\r\n", 400},
      {"a scheme without an authority", "GET http:// HTTP/1.1\r\nHost: a\r\n\r\n", 400},
      {"ftp", "GET ftp://a/ HTTP/1.1\r\nHost: a\r\n\r\n", 400},
      {"HTTP/1.7", "GET / HTTP/1.7\r\nHost: a\r\n\r\n", 505},
      {"HTTP/2.0", "GET / HTTP/2.0\r\nHost: a\r\n\r\n", 505},
      {"HTTP/11", "GET / HTTP/11\r\nHost: a\r\n\r\n", 400},
      {"http/1.1", "GET / http/1.1\r\nHost: a\r\n\r\n", 400},
      {"HTTP/1.1 and a space", "GET / HTTP/1.1 \r\nHost: a\r\n\r\n", 400},
      {"no version", "GET /\r\nHost: a\r\n\r\n", 400},
      {"two spaces", "GET  / HTTP/1.1\r\nHost: a\r\n\r\n", 400},
      {"tab", "GET\t/ HTTP/1.1\r\nHost: a\r\n\r\n", 400},
      {"space in target", "GET /a b HTTP/1.1\r\nHost: a\r\n\r\n", 400},
      {"8-bit target", "GET /\xc3 HTTP/1.1\r\nHost: a\r\n\r\n", 400},
      {"control in target", "GET /\x01 HTTP/1.1\r\nHost: a\r\n\r\n", 400},
      {"fragment in target", "GET /a#b HTTP/1.1\r\nHost: a\r\n\r\n", 400},
      {"lower-case method", "get / HTTP/1.1\r\nHost: a\r\n\r\n", 400},
      {"no method", " / HTTP/1.1\r\nHost: a\r\n\r\n", 400},
      {"long method", std::string(25, 'A') + " / HTTP/1.1\r\nHost: a\r\n\r\n", 400},
      {"relative target", "GET a HTTP/1.1\r\nHost: a\r\n\r\n", 400},
      {"asterisk", "OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n", 0},
      {"asterisk of another method", "GET * HTTP/1.1\r\nHost: a\r\n\r\n", 400},
      {"CONNECT", "CONNECT a:80 HTTP/1.1\r\nHost: a:80\r\n\r\n", 405},
      {"TLS hello", std::string("\x16\x03\x01\x02\x00\x01\n", 7), 400},
      {"incomplete", "GET / HTTP/1.1\r\nHost: a\r\n", -1},
      {"too long", With("X: " + std::string(kHeadBytesMax, 'a') + "\r\n"), 431},
  };
  RequestHead head;
  for (const Case& c : cases) {
    for (size_t step : kSteps) {
      EXPECT_EQ(StatusOf(c.bytes, step, &head), c.status) << c.name << " in pieces of " << step;
    }
  }
}

TEST(RequestHead, RefusesTooManyFields) {
  std::string lines;
  for (size_t i = 0; i < kFieldsMax; ++i) lines += "X: a\r\n";
  RequestHead head;
  EXPECT_EQ(StatusOf(With(lines), 1 << 20, &head), 431);
}

RequestHead Parsed(const std::string& bytes) {
  RequestHead head;
  EXPECT_EQ(StatusOf(bytes, 1 << 20, &head), 0) << bytes;
  return head;
}

TEST(RequestHead, KeepsTheTargetByteForByte) {
  const std::string bytes = "GET /a%2f/../b?c=%20|{} HTTP/1.1\r\nHost: a\r\n\r\n";
  EXPECT_EQ(Parsed(bytes).path, "/a%2f/../b?c=%20|{}");
}

TEST(RequestHead, TakesHostAndPathFromTheAbsoluteForm) {
  const std::string bytes = "GET http://a:81?x HTTP/1.1\r\nHost: a:81\r\n\r\n";
  RequestHead head;
  EXPECT_EQ(StatusOf(bytes, 1 << 20, &head), 400);  // no path: nothing to pass on byte for byte
  const std::string good = "GET http://a:81 HTTP/1.1\r\nHost: a:81\r\n\r\n";
  EXPECT_EQ(Parsed(good).path, "/");
  EXPECT_EQ(Parsed(good).host, "a:81");
}

TEST(RequestHead, KnowsWhenTheConnectionPersists) {
  const std::string close = With("Connection: x, Close\r\n");
  const std::string old = "GET / HTTP/1.0\r\n\r\n";
  const std::string old_kept = "GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n";
  EXPECT_TRUE(Parsed(With("")).is_persistent);
  EXPECT_FALSE(Parsed(close).is_persistent);
  EXPECT_FALSE(Parsed(old).is_persistent);
  EXPECT_TRUE(Parsed(old_kept).is_persistent);
}

TEST(RequestHead, UpgradesOnlyToWhatAGatewayMayPassOn) {
  const std::string websocket = With("Connection: keep-alive, Upgrade\r\nUpgrade: websocket\r\n");
  const std::string h2c = With("Connection: Upgrade\r\nUpgrade: h2c\r\n");
  const std::string unasked = With("Upgrade: websocket\r\n");
  const std::string with_body =
      With("Connection: Upgrade\r\nUpgrade: websocket\r\nContent-Length: 1\r\n");
  EXPECT_EQ(Parsed(websocket).upgrade, "websocket");
  EXPECT_EQ(Parsed(h2c).upgrade, "");
  EXPECT_EQ(Parsed(unasked).upgrade, "");
  EXPECT_EQ(Parsed(with_body).upgrade, "");
}

}  // namespace
}  // namespace spawner::proxy
