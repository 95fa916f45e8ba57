// What the check of a request costs one worker: a token that is known, one that is new, bad ones in
// a flood. Prints microseconds each, and the flood's share of a second.
#include <cstdio>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "base/clock.h"
#include "base/crypto.h"
#include "base/token.h"
#include "proxy/route/authorizer.h"
#include "proxy/route/grant_check.h"
#include "proxy/route/route.h"

namespace spawner::proxy {
namespace {

const absl::Time kNow = absl::FromUnixSeconds(1'800'000'000);

double SecondsSince(Instant start) { return absl::ToDoubleSeconds(SystemClock().Now() - start); }

class Bench {
 public:
  Bench() {
    LinkState state{.is_up = true, .has_routes = true, .time = {kNow, Instant{1}}};
    state.keys.push_back({key_.id, key_.pair.public_key, RenewalSecret(key_)});
    check_.Update(state);
  }

  std::string Token(int number) const {
    return *SignGrant({.id = absl::StrCat("g-", number),
                       .ns = "team",
                       .session = {"k7x2"},
                       .user = "ada@example.com",
                       .claims_json = R"({"role":"editor","name":"Ada"})",
                       .issued_at = kNow,
                       .expires_at = kNow + absl::Hours(1)},
                      key_);
  }
  AuthAction Ask(const std::string& token, Instant now) {
    const std::string cookie = absl::StrCat("theme=dark; spawner=", token);
    const std::vector<HeaderView> headers = {{"Host", "k7x2.s.test"},
                                             {"User-Agent", "Mozilla/5.0"},
                                             {"Accept", "*/*"},
                                             {"Accept-Language", "en"},
                                             {"Cookie", cookie}};
    return check_
        .Check({.method = "GET",
                .target = "/a/page.js?v=1",
                .host = "k7x2.s.test",
                .client_ip = "192.0.2.1",
                .headers = headers},
               route_, now)
        .action;
  }

 private:
  const SigningKey key_{"k", *Ed25519FromSeed(std::string(32, 'k'))};
  GrantCheck check_;
  const Route route_{.session_id = "k7x2", .ns = "team", .state = RouteState::kOpen};
};

void Run() {
  Bench bench;
  constexpr int kNew = 1000;
  constexpr int kKnown = 200'000;
  std::vector<std::string> tokens;
  for (int i = 0; i < kNew; ++i) tokens.push_back(bench.Token(i));
  Instant start = SystemClock().Now();
  for (const std::string& token : tokens) bench.Ask(token, Instant{2});
  std::printf("new token:   %7.2f us\n", SecondsSince(start) / kNew * 1e6);
  start = SystemClock().Now();
  for (int i = 0; i < kKnown; ++i) bench.Ask(tokens[i % kNew], Instant{3});
  std::printf("known token: %7.2f us\n", SecondsSince(start) / kKnown * 1e6);

  // 100,000 bad tokens within one second of the worker's time, all different.
  constexpr int kFlood = 100'000;
  const std::string part = tokens[0].substr(0, tokens[0].rfind('.') + 1);
  int refused = 0;
  start = SystemClock().Now();
  for (int i = 0; i < kFlood; ++i) {
    const std::string bad = absl::StrCat(part, std::string(80, 'A'), 100'000 + i);
    if (bench.Ask(bad, Instant{4}) == AuthAction::kTooMany) ++refused;
  }
  std::printf("bad token:   %7.2f us each of %d in one second, %d not looked at\n",
              SecondsSince(start) / kFlood * 1e6, kFlood, refused);
}

}  // namespace
}  // namespace spawner::proxy

int main() { spawner::proxy::Run(); }
