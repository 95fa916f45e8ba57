#ifndef SPAWNER_PROXY_ROUTE_GRANT_CHECK_FIXTURE_H_
#define SPAWNER_PROXY_ROUTE_GRANT_CHECK_FIXTURE_H_

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "base/clock.h"
#include "base/crypto.h"
#include "base/token.h"
#include "gtest/gtest.h"
#include "proxy/route/grant_check.h"
#include "proxy/route/limits.h"

namespace spawner::proxy {
inline const absl::Time kNow = absl::FromUnixSeconds(1'800'000'000);  // the controller's

inline SigningKey KeyOf(char seed) {
  return {std::string(1, seed), *Ed25519FromSeed(std::string(32, seed))};
}

class GrantCheckTest : public testing::Test {
 protected:
  GrantCheckTest() { Learn({KeyOf('a')}); }

  void Learn(const std::vector<SigningKey>& keys, bool renews = false) {
    LinkState state{.is_up = true, .has_routes = true, .time = {kNow, clock_.Now()}};
    for (const SigningKey& key : keys) {
      state.keys.push_back(
          {key.id, key.pair.public_key, renews ? RenewalSecret(key) : std::string()});
    }
    check_.Update(state);
  }
  static std::string Token(std::string session, absl::Duration ttl = absl::Hours(1), char key = 'a',
                           std::string user = "ada") {
    const auto token = SignGrant({.id = "g1",
                                  .ns = "team",
                                  .session = {std::move(session)},
                                  .user = std::move(user),
                                  .claims_json = R"({"role":"editor"})",
                                  .issued_at = kNow,
                                  .expires_at = kNow + ttl},
                                 KeyOf(key));
    EXPECT_TRUE(token.ok()) << token.status();
    return token.ok() ? *token : std::string();
  }
  static std::string OneTime(std::string id = "g1", uint32_t term = 7) {
    return *SignGrant({.id = std::move(id),
                       .ns = "team",
                       .session = {"k7x2"},
                       .user = "ada",
                       .issued_at = kNow,
                       .expires_at = kNow + kOneTimeTtlMax,
                       .one_time_in = term},
                      KeyOf('a'));
  }
  AuthDecision Check(std::string target, std::vector<std::pair<std::string, std::string>> headers,
                     RequestView request = {}) {
    std::vector<HeaderView> views;
    for (const auto& [name, value] : headers) views.push_back({name, value});
    if (request.method.empty()) request.method = "GET";
    if (request.host.empty()) request.host = "k7x2.s.test";
    if (request.client_ip.empty()) request.client_ip = "192.0.2.7";
    request.target = target;
    request.headers = views;
    return check_.Check(request, route_, clock_.Now());
  }
  static std::map<std::string, std::string> Added(const AuthDecision& decision) {
    return {decision.add_headers.begin(), decision.add_headers.end()};
  }

  static std::map<std::string, std::string> Answered(const AuthDecision& decision) {
    return {decision.response_fields.begin(), decision.response_fields.end()};
  }

  // Wrong by decades, on purpose: nothing asks the local wall clock.
  FakeClock clock_{absl::FromUnixSeconds(0)};
  GrantCheck check_;
  Route route_{.session_id = "k7x2", .ns = "team", .epoch = 9, .state = RouteState::kOpen};
};

}  // namespace spawner::proxy

#endif  // SPAWNER_PROXY_ROUTE_GRANT_CHECK_FIXTURE_H_
