// Goal: whatever callers send as a JWT and an issuer answers, the controller says who it is or why
// not, with a reason, and names nobody whom the issuer must not name.
// Method: the real Oidc, whose issuer answers from the input. Its first lines are the token's
// header, claims and signature (the first two as JSON, so that there is something to mutate), the
// third its discovery document, the rest its key set. The first line alone is tried as a token,
// too.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "base/base64url.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/status.h"
#include "controller/auth/jwt.h"
#include "controller/auth/oidc.h"
#include "controller/kube/http_transport.h"

namespace spawner::auth {
namespace {

constexpr char kIssuer[] = "https://issuer.test";
constexpr int kStepsMax = 8;  // a discovery document and a key set take two

void Check(bool holds) {
  if (!holds) std::abort();
}

// Answers its one request with a text.
class Answer final : public kube::HttpTransport {
 public:
  explicit Answer(std::string text) : text_(std::move(text)) {}
  RequestId Start(kube::HttpRequest, kube::HttpHandler* handler) override {
    handler_ = handler;
    return 1;
  }
  void Cancel(RequestId) override { handler_ = nullptr; }
  void SetPaused(RequestId, bool) override {}
  void Poll(absl::Duration) override {
    kube::HttpHandler* const handler = std::exchange(handler_, nullptr);
    if (handler == nullptr) return;
    handler->OnHead(200, std::nullopt);
    handler->OnData(text_);
    handler->OnEnd(absl::OkStatus());
  }
  void Wake() override {}
  std::string Describe() const override { return "issuer"; }

 private:
  const std::string text_;
  kube::HttpHandler* handler_ = nullptr;
};

void CheckVerdict(const CallerVerdict& verdict) {
  if (!verdict.answer.ok()) return Check(!ReasonOf(verdict.answer.status()).empty());
  const Caller& caller = **verdict.answer;
  Check(absl::StartsWith(caller.name, "oidc:") && caller.name.size() > 5);
  for (const std::string& group : caller.groups) Check(absl::StartsWith(group, "oidc:"));
  Check(!caller.rule.has_value() && verdict.good_for > absl::ZeroDuration());
}

void Verify(std::string token, const std::string& discovery, const std::string& keys) {
  std::optional<Jwt> jwt = ParseJwt(token);
  if (!jwt.has_value()) return;
  const FakeClock clock;
  Oidc oidc({.terms = {.issuer = kIssuer, .audiences = {"spawner"}},
             .connect = [&, is_first = true](const std::string&) mutable {
               const bool is_discovery = std::exchange(is_first, false);
               return std::make_unique<Answer>(is_discovery ? discovery : keys);
             }});
  if (!oidc.IsIssuerOf(*jwt)) return;
  int answers = 0;
  oidc.Verify(*std::move(jwt), clock, [&answers](const CallerVerdict& verdict) {
    ++answers;
    CheckVerdict(verdict);
  });
  for (int step = 0; step < kStepsMax; ++step) oidc.Step(clock.Now());
  Check(answers == 1);
}

void Try(const std::string& input) {
  std::vector<std::string> parts = absl::StrSplit(input, absl::MaxSplits('\n', 4));
  parts.resize(5);
  Verify(parts[0], parts[3], parts[4]);
  Verify(absl::StrCat(Base64UrlEncode(parts[0]), ".", Base64UrlEncode(parts[1]), ".", parts[2]),
         parts[3], parts[4]);
}

}  // namespace
}  // namespace spawner::auth

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const bool is_quiet = (spawner::SetLogLevel(spawner::LogLevel::kError), true);
  static_cast<void>(is_quiet);
  spawner::auth::Try(std::string(reinterpret_cast<const char*>(data), size));
  return 0;
}
