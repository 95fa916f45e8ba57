#include "proxy/forward/progress_page.h"

#include <string>

#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "base/crypto.h"
#include "gtest/gtest.h"

namespace spawner::proxy {
namespace {

Route Starting(absl::string_view phase, RouteState state = RouteState::kHold) {
  return {.session_id = "a", .state = state, .phase = std::string(phase)};
}

// What stands between the two in the page.
std::string Between(absl::string_view page, absl::string_view begin, absl::string_view end) {
  const size_t from = page.find(begin) + begin.size();
  return std::string(page.substr(from, page.find(end, from) - from));
}

TEST(ProgressPage, ItsPolicyAllowsItsOwnStyleAndScriptAlone) {
  const std::string page = ProgressPage(Starting("PULLING")).message;
  for (const auto& [directive, text] :
       {std::pair{"style-src", Between(page, "<style>", "</style>")},
        std::pair{"script-src", Between(page, "<script>", "</script>")}}) {
    const std::string wanted =
        absl::StrCat(directive, " 'sha256-", absl::Base64Escape(Sha256(text)), "';");
    EXPECT_TRUE(absl::StrContains(ProgressPolicy(), wanted)) << wanted;
  }
  // Neither may hold what their hash would not cover, nor end early.
  EXPECT_FALSE(absl::StrContains(page, " style="));
  EXPECT_FALSE(absl::StrContains(page, " onload="));
}

TEST(ProgressPage, NeedsNothingFromElsewhereAndIsSmall) {
  const std::string page = ProgressPage(Starting("PULLING")).message;
  EXPECT_FALSE(absl::StrContains(page, "http:"));
  EXPECT_FALSE(absl::StrContains(page, "https:"));
  EXPECT_FALSE(absl::StrContains(page, " src="));
  EXPECT_LT(page.size(), 3000u);
}

TEST(ProgressPage, ShowsThePhaseAndSaysItInItsHead) {
  const Answer answer = ProgressPage(Starting("STARTED"));
  EXPECT_EQ(answer.status, 202);
  EXPECT_TRUE(absl::StrContains(
      answer.message, "<i class=\"done\"></i><i class=\"done\"></i><i class=\"now\"></i><i></i>"));
  EXPECT_TRUE(absl::StrContains(answer.message, "role=\"status\">Waiting until it is ready"));
  EXPECT_TRUE(absl::StrContains(answer.message, "data-phase=\"STARTED\""));
  EXPECT_EQ(answer.fields[1].value, "STARTED");
}

// A phase of a newer controller must not get into the page as it stands.
TEST(ProgressPage, DoesNotRepeatAPhaseThatItDoesNotKnow) {
  const Route route = Starting("\"><script>");
  EXPECT_EQ(PhaseOf(route), "WAITING");
  EXPECT_FALSE(absl::StrContains(ProgressPage(route).message, "\"><script>alert"));
  EXPECT_EQ(ProgressReport(route).message,
            "{\"phase\":\"WAITING\",\"step\":0,\"message\":\"Getting ready\"}\n");
  EXPECT_EQ(PhaseOf(Starting("ROUTING", RouteState::kGated)), "GATED");
}

}  // namespace
}  // namespace spawner::proxy
