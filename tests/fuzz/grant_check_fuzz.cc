// Goal: no request gets in without a good token of the session, whatever it looks like; no cookie
// mark but ours counts; what the backend sees has no token of ours left.
// Method: line 1 of the input is a target, line 2 a list of flags, every further line "name:value"
// a header. "$T" in it stands for a good token, "$F" for another session's, "$X" for an expired
// one, "$C" for a renewed cookie of a good one. An input with neither $T nor $C must not get in.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "absl/time/time.h"
#include "base/clock.h"
#include "base/crypto.h"
#include "base/origin.h"
#include "base/token.h"
#include "proxy/route/authorizer.h"
#include "proxy/route/grant_check.h"
#include "proxy/route/route.h"
#include "proxy/route/session_cookie.h"

namespace {

using spawner::proxy::AuthAction;
using spawner::proxy::AuthDecision;
using spawner::proxy::HeaderView;

const absl::Time kNow = absl::FromUnixSeconds(1'800'000'000);

void Require(bool condition) {
  if (!condition) std::abort();
}

struct World {
  World() {
    good = Token("k7x2", absl::Hours(1));
    other = Token("other", absl::Hours(1));
    expired = Token("k7x2", absl::ZeroDuration());
    cookie = spawner::proxy::MakeCookie(good, kNow + absl::Hours(1), RenewalSecret(key));
    check.Update({.is_up = true,
                  .has_routes = true,
                  .time = {kNow, spawner::Instant{1}},
                  .keys = {{key.id, key.pair.public_key, RenewalSecret(key)}}});
  }
  std::string Token(std::string session, absl::Duration ttl) const {
    return *SignGrant({.id = "g",
                       .ns = "n",
                       .session = {std::move(session)},
                       .user = "ada",
                       .issued_at = kNow,
                       .expires_at = kNow + ttl},
                      key);
  }

  const spawner::SigningKey key{"k", *spawner::Ed25519FromSeed(std::string(32, 'k'))};
  spawner::proxy::GrantCheck check;
  std::string good;
  std::string other;
  std::string expired;
  std::string cookie;
};

void CheckOrigins(absl::string_view text) {
  const size_t end = text.find('\n');
  const absl::string_view pattern = text.substr(0, end);
  if (!spawner::CheckOriginPattern(pattern).ok()) return;
  // It stands in headers of ours as it is.
  Require(pattern.substr(8).find_first_of(" \t\r\n;,'\"/") == absl::string_view::npos);
  Require(absl::StrContains(pattern, "*") || spawner::OriginMatches(pattern, pattern));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static World world;
  const absl::string_view input(reinterpret_cast<const char*>(data), size);
  CheckOrigins(input);
  const bool may_enter = absl::StrContains(input, "$T") || absl::StrContains(input, "$C");
  const std::string text = absl::StrReplaceAll(
      input,
      {{"$T", world.good}, {"$F", world.other}, {"$X", world.expired}, {"$C", world.cookie}});
  const std::vector<absl::string_view> lines = absl::StrSplit(text, '\n');
  const absl::string_view flags = lines.size() > 1 ? lines[1] : absl::string_view();
  std::vector<HeaderView> headers;
  for (size_t i = 2; i < lines.size(); ++i) {
    const size_t colon = lines[i].find(':');
    if (colon == absl::string_view::npos) continue;
    headers.push_back({lines[i].substr(0, colon), lines[i].substr(colon + 1)});
  }
  spawner::proxy::Route route{.session_id = "k7x2", .ns = "n"};
  if (absl::StrContains(flags, "a")) route.allowed_origins = {"https://*.app.test"};
  if (absl::StrContains(flags, "e")) route.embed_origins = {"https://app.test"};
  const bool is_upgrade = absl::StrContains(flags, "u");
  const AuthDecision decision =
      world.check.Check({.method = absl::StrContains(flags, "o") ? "OPTIONS" : "GET",
                         .target = lines[0],
                         .prefix = absl::StrContains(flags, "p") ? "/s/k7x2" : "",
                         .host = "k7x2.s.test",
                         .client_ip = "192.0.2.1",
                         .headers = headers,
                         .is_upgrade = is_upgrade,
                         .is_tls = absl::StrContains(flags, "t")},
                        route, spawner::Instant{2});
  const bool is_in =
      decision.action == AuthAction::kAllow || decision.action == AuthAction::kRedirect;
  Require(!is_in || may_enter);
  if (decision.action == AuthAction::kRedirect) {
    Require(!absl::StartsWith(decision.location, "//"));
    const std::vector<std::string> parts =
        absl::StrSplit(decision.location, absl::MaxSplits('?', 1));
    for (const absl::string_view parameter :
         absl::StrSplit(parts.size() > 1 ? parts[1] : "", '&')) {
      Require(parameter.substr(0, parameter.find('=')) != "spawner_token");
    }
  }
  if (decision.action != AuthAction::kAllow) return 0;
  Require(decision.grant.id != 0);
  if (decision.cookie) {
    for (const absl::string_view pair : absl::StrSplit(*decision.cookie, ';')) {
      const absl::string_view name = absl::StripAsciiWhitespace(pair.substr(0, pair.find('=')));
      Require(name != "spawner" && name != "__Host-spawner" && name != "__Secure-spawner");
    }
  }
  return 0;
}
