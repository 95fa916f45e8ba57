#include "proxy/http/body_scanner.h"

#include <array>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "gtest/gtest.h"

namespace spawner::proxy {
namespace {

constexpr std::array<size_t, 11> kSteps = {1, 2, 3, 4, 5, 6, 7, 8, 16, 31, 1 << 20};

struct Outcome {
  size_t taken = 0;
  bool is_valid = true;
  bool is_done = false;
  std::string payload;
};

Outcome Scan(BodyFraming framing, const std::string& bytes, size_t step,
             bool (*refuses)(absl::string_view) = nullptr) {
  BodyScanner scanner(framing, refuses);
  Outcome outcome;
  while (outcome.taken < bytes.size() && !scanner.is_done()) {
    const auto piece = absl::string_view(bytes).substr(outcome.taken, step);
    const BodyScanner::Result result = scanner.Scan(piece, &outcome.payload);
    outcome.taken += result.taken;
    outcome.is_valid = result.is_valid;
    if (!result.is_valid) break;
    EXPECT_TRUE(result.taken == piece.size() || scanner.is_done());
  }
  outcome.is_done = scanner.is_done();
  return outcome;
}

TEST(BodyScanner, EndsAfterItsLengthAndLeavesTheRest) {
  for (size_t step : kSteps) {
    const Outcome outcome = Scan({BodyKind::kLength, 5}, "helloGET", step);
    EXPECT_TRUE(outcome.is_done);
    EXPECT_EQ(outcome.taken, 5u);
    EXPECT_EQ(outcome.payload, "hello");
  }
}

TEST(BodyScanner, NoBodyIsDoneAtOnce) {
  EXPECT_TRUE(BodyScanner(BodyFraming{}).is_done());
  EXPECT_TRUE(BodyScanner(BodyFraming{BodyKind::kLength, 0}).is_done());
}

TEST(BodyScanner, UntilCloseIsDoneOnlyAtTheEnd) {
  BodyScanner scanner(BodyFraming{BodyKind::kUntilClose});
  EXPECT_EQ(scanner.Scan("abc").taken, 3u);
  EXPECT_FALSE(scanner.is_done());
  scanner.OnEnd();
  EXPECT_TRUE(scanner.is_done());
}

struct Case {
  const char* name;
  std::string bytes;
  bool is_valid;
  std::string payload;
};

TEST(BodyScanner, TakesChunkedBodiesToTheLetterInPiecesOfAnySize) {
  const std::vector<Case> cases = {
      {"two chunks", "5\r\nhello\r\nA\r\n0123456789\r\n0\r\n\r\n", true, "hello0123456789"},
      {"leading zeros", "0005\r\nhello\r\n000\r\n\r\n", true, "hello"},
      {"lower-case size", "a\r\n0123456789\r\n0\r\n\r\n", true, "0123456789"},
      {"extension", "5;a=\"b\"\r\nhello\r\n0;c\r\n\r\n", true, "hello"},
      {"trailers", "0\r\nA: b\r\nC:\r\n\r\n", true, ""},
      {"payload that looks like framing", "7\r\n\r\n0\r\n\r\n\r\n0\r\n\r\n", true, "\r\n0\r\n\r\n"},
      {"bare LF after size", "5\nhello\r\n0\r\n\r\n", false, ""},
      {"bare LF after data", "5\r\nhello\n0\r\n\r\n", false, ""},
      {"no size", "\r\nhello\r\n0\r\n\r\n", false, ""},
      {"signed size", "+5\r\nhello\r\n0\r\n\r\n", false, ""},
      {"0x", "0x5\r\nhello\r\n0\r\n\r\n", false, ""},
      {"space after size", "5 \r\nhello\r\n0\r\n\r\n", false, ""},
      {"space before size", " 5\r\nhello\r\n0\r\n\r\n", false, ""},
      {"too long data", "5\r\nhello!\r\n0\r\n\r\n", false, ""},
      {"size overflow", "10000000000000000\r\n", false, ""},
      {"long extension", "5;" + std::string(300, 'a') + "\r\nhello\r\n0\r\n\r\n", false, ""},
      {"control in extension", "5;\x01\r\nhello\r\n0\r\n\r\n", false, ""},
      {"CR in extension", "5;a\rb\r\nhello\r\n0\r\n\r\n", false, ""},
      {"folded trailer", "0\r\nA: b\r\n c\r\n\r\n", false, ""},
      {"trailer without name", "0\r\n: b\r\n\r\n", false, ""},
      {"trailer without colon", "0\r\nA\r\n\r\n", false, ""},
      {"long trailers", "0\r\nA: " + std::string(9000, 'a') + "\r\n\r\n", false, ""},
      {"bare LF after trailer", "0\r\nA: b\n\r\n", false, ""},
  };
  for (const Case& c : cases) {
    for (size_t step : kSteps) {
      const Outcome outcome = Scan({BodyKind::kChunked}, c.bytes + "NEXT", step);
      EXPECT_EQ(outcome.is_valid, c.is_valid) << c.name << " in pieces of " << step;
      EXPECT_EQ(outcome.is_done, c.is_valid) << c.name << " in pieces of " << step;
      if (!c.is_valid) continue;
      EXPECT_EQ(outcome.taken, c.bytes.size()) << c.name;
      EXPECT_EQ(outcome.payload, c.payload) << c.name;
    }
  }
}

TEST(BodyScanner, RefusesTrailersByName) {
  const auto refuses = [](absl::string_view name) {
    return absl::StartsWithIgnoreCase(name, "spawner-");
  };
  EXPECT_TRUE(Scan({BodyKind::kChunked}, "0\r\nDigest: x\r\n\r\n", 1, refuses).is_done);
  EXPECT_FALSE(Scan({BodyKind::kChunked}, "0\r\nSpawner-User: x\r\n\r\n", 1, refuses).is_valid);
}

}  // namespace
}  // namespace spawner::proxy
