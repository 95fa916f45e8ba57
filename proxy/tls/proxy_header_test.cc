#include "proxy/tls/proxy_header.h"

#include <algorithm>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "proxy/tls/limits.h"

namespace spawner::proxy {
namespace {

constexpr absl::string_view kSignature("\r\n\r\n\0\r\nQUIT\n", 12);

std::string Binary(char command, char family, absl::string_view body) {
  return absl::StrCat(kSignature, std::string(1, command), std::string(1, family),
                      std::string(1, static_cast<char>(body.size() >> 8)),
                      std::string(1, static_cast<char>(body.size() & 0xff)), body);
}

std::string V4Body() { return std::string("\x0a\x01\x02\x03\x7f\x00\x00\x01\x30\x39\x01\xbb", 12); }

std::string V6Body() {
  std::string body = std::string("\x20\x01\x0d\xb8", 4) + std::string(11, '\0') + "\x07";
  body += std::string(15, '\0') + "\x01";
  return body + std::string("\x30\x39\x01\xbb", 4);
}

// Feeds `text` as the owner does, at most `fragment` bytes at once; returns how many it took.
size_t Feed(ProxyHeader& header, absl::string_view text, size_t fragment) {
  size_t taken = 0;
  while (header.wanted() > 0 && taken < text.size()) {
    const size_t size = std::min({header.wanted(), fragment, text.size() - taken});
    header.Take(text.substr(taken, size));
    taken += size;
  }
  return taken;
}

struct Good {
  std::string text;
  std::string ip;
};

std::vector<Good> GoodHeaders() {
  return {
      {"PROXY TCP4 10.1.2.3 127.0.0.1 12345 443\r\n", "10.1.2.3"},
      {"PROXY TCP4 1.1.1.1 2.2.2.2 1 1\r\n", "1.1.1.1"},
      {"PROXY TCP6 2001:db8::7 ::1 0 65535\r\n", "2001:db8::7"},
      {"PROXY TCP6 :: :: 1 2\r\n", "::"},
      {"PROXY UNKNOWN\r\n", ""},
      {"PROXY UNKNOWN ffff::1 ffff::2 1 2 anything goes\r\n", ""},
      {Binary('\x21', '\x11', V4Body()), "10.1.2.3"},
      {Binary('\x21', '\x21', V6Body()), "2001:db8::7"},
      // An unknown TLV, and an empty NOOP.
      {Binary('\x21', '\x11', V4Body() + std::string("\xea\x00\x03xyz\x04\x00\x00", 9)),
       "10.1.2.3"},
      {Binary('\x20', '\x00', ""), ""},
      {Binary('\x20', '\x11', V4Body()), ""},
      {Binary('\x20', '\x00', "what LOCAL says is ignored"), ""},
      {Binary('\x21', '\x00', "no address family is known here"), ""},
  };
}

TEST(ProxyHeader, TakesExactlyItsOwnBytesInAnyPieces) {
  for (const Good& good : GoodHeaders()) {
    for (const size_t fragment : {1, 2, 3, 4, 5, 6, 7, 8, 16, 31, 10'000}) {
      ProxyHeader header;
      const size_t taken = Feed(header, good.text + "GET / HTTP/1.1\r\n\r\n", fragment);
      EXPECT_EQ(taken, good.text.size()) << good.text;
      EXPECT_TRUE(header.is_valid()) << good.text << ": " << header.why();
      EXPECT_EQ(header.source_ip(), good.ip);
    }
  }
}

TEST(ProxyHeader, IsNotValidBeforeItsLastByte) {
  for (const Good& good : GoodHeaders()) {
    for (size_t size = 0; size < good.text.size(); ++size) {
      ProxyHeader header;
      Feed(header, absl::string_view(good.text).substr(0, size), 7);
      EXPECT_GT(header.wanted(), 0u) << good.text << " at " << size;
      EXPECT_FALSE(header.is_valid());
    }
  }
}

TEST(ProxyHeader, RefusesWhatIsNotToTheLetter) {
  const std::string too_long = "PROXY UNKNOWN " + std::string(200, 'x') + "\r\n";
  const std::vector<std::string> bad = {
      "GET / HTTP/1.1\r\nHost: x\r\n\r\n",
      "PROXY TCP5 10.1.2.3 127.0.0.1 12345 443\r\n",
      "PROXY TCP4 10.1.2.3 127.0.0.1 12345\r\n    ",
      "PROXY TCP4 10.1.2.3  127.0.0.1 12345 443\r\n",
      "PROXY TCP4 10.1.2.3 127.0.0.1 12345 443 \r\n",
      "PROXY TCP4 10.1.2.256 127.0.0.1 12345 443\r\n",
      "PROXY TCP4 ::1 ::1 12345 443\r\n",
      "PROXY TCP6 10.1.2.3 127.0.0.1 12345 443\r\n",
      "PROXY TCP4 10.1.2.3 127.0.0.1 012345 443\r\n",
      "PROXY TCP4 10.1.2.3 127.0.0.1 65536 443\r\n",
      "PROXY TCP4 10.1.2.3 127.0.0.1 -1 443\r\n",
      "PROXY TCP4 10.1.2.3 127.0.0.1 12345 443\n\r\n",
      "proxy TCP4 10.1.2.3 127.0.0.1 12345 443\r\n",
      "PROXY UNKNOWNX\r\n",
      std::string("PROXY TCP6 2001:db8::\0x7 ::1 1 2\r\n", 34),
      too_long,
      Binary('\x11', '\x11', V4Body()),                                      // version 1
      Binary('\x22', '\x11', V4Body()),                                      // no such command
      Binary('\x21', '\x12', V4Body()),                                      // datagrams
      Binary('\x21', '\x31', std::string(216, 'x')),                         // UNIX
      Binary('\x21', '\x11', V4Body().substr(1)),                            // cut off
      Binary('\x21', '\x11', V4Body() + std::string("\xea\x00\x04xyz", 6)),  // TLV too long
      Binary('\x21', '\x11', V4Body() + "\xea"),
      Binary('\x21', '\x11', V4Body() + std::string(kProxyHeaderV2BytesMax, 'x')),
  };
  for (const std::string& text : bad) {
    for (const size_t fragment : {1, 5, 16, 10'000}) {
      ProxyHeader header;
      Feed(header, text, fragment);
      EXPECT_EQ(header.wanted(), 0u) << text;
      EXPECT_FALSE(header.is_valid()) << text;
    }
  }
}

TEST(ProxyHeader, ATextHeaderEndsAtItsLimit) {
  ProxyHeader header;
  const size_t taken = Feed(header, "PROXY UNKNOWN " + std::string(500, 'x'), 1);
  EXPECT_LE(taken, kProxyHeaderV1BytesMax);
  EXPECT_FALSE(header.is_valid());
}

TEST(ProxyHeader, ChecksAChecksumThatIsThere) {
  // CRC-32C over the header with the checksum's own bytes zero: worked out once by another program.
  std::string body = V4Body() + std::string("\x03\x00\x04", 3);
  for (const bool is_right : {true, false}) {
    const std::string sum = is_right ? std::string("\x8d\xc4\x6a\x18", 4) : std::string(4, '\0');
    ProxyHeader header;
    Feed(header, Binary('\x21', '\x11', body + sum), 16);
    EXPECT_EQ(header.is_valid(), is_right) << header.why();
  }
}

}  // namespace
}  // namespace spawner::proxy
