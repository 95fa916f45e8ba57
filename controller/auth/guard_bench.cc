// What it costs to admit a caller that is known, by each way to say who calls: 100 callers in turn,
// tokens, certificates and rights remembered. Prints microseconds each; what TLS costs is not in
// it.
#include <unistd.h>

#include <cstdio>
#include <fstream>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "base/check.h"
#include "base/clock.h"
#include "base/test_certificates.h"
#include "controller/auth/guard.h"
#include "controller/kube/http_kube_client.h"
#include "controller/kube/http_transport.h"

namespace spawner::auth {
namespace {

// Says yes to every review, at once.
class YesServer final : public kube::HttpTransport {
 public:
  RequestId Start(kube::HttpRequest request, kube::HttpHandler* handler) override {
    const bool is_token = request.path.find("tokenreviews") != std::string::npos;
    answers_.push_back({handler, is_token});
    return answers_.size();
  }
  void Cancel(RequestId) override {}
  void SetPaused(RequestId, bool) override {}
  void Poll(absl::Duration) override {
    for (const auto& [handler, is_token] : std::exchange(answers_, {})) {
      handler->OnHead(201, std::nullopt);
      handler->OnData(is_token ? R"({"status": {"authenticated": true, "audiences": ["spawner"],
                                     "user": {"username": "system:serviceaccount:shop:server"}}})"
                               : R"({"status": {"allowed": true}})");
      handler->OnEnd(absl::OkStatus());
    }
  }
  void Wake() override {}
  std::string Describe() const override { return "yes"; }

 private:
  std::vector<std::pair<kube::HttpHandler*, bool>> answers_;
};

constexpr int kCallers = 100;
constexpr int kCalls = 500'000;

// Admits each of `credentials` once, then all in turn: microseconds a call.
void Measure(const char* name, Guard& guard, YesServer& server, const Clock& clock,
             const std::vector<Credentials>& credentials) {
  int admitted = 0;
  const auto call = [&](size_t i) {
    guard.Admit(credentials[i % credentials.size()],
                {.verb = "create", .resource = "sessions", .ns = "shop"},
                [&admitted](const absl::StatusOr<CallerPtr>& caller) { admitted += caller.ok(); });
  };
  // As many at a time as one address may ask for.
  for (size_t i = 0; i < credentials.size(); ++i) {
    call(i);
    for (int turn = 0; turn < 2; ++turn) server.Poll(absl::ZeroDuration());
  }
  admitted = 0;
  const Instant start = clock.Now();
  for (size_t i = 0; i < kCalls; ++i) call(i);
  const double seconds = absl::ToDoubleSeconds(clock.Now() - start);
  std::printf("%-46s %.2f us (%d of %d admitted)\n", name, seconds / kCalls * 1e6, admitted,
              kCalls);
}

std::vector<Credentials> Bearers(const std::vector<std::string>& tokens) {
  std::vector<Credentials> credentials;
  for (const std::string& token : tokens) {
    credentials.push_back({.bearer = token, .peer = "10.0.0.7:5123"});
  }
  return credentials;
}

std::vector<std::string> Tokens(size_t bytes) {
  std::vector<std::string> tokens;
  for (int i = 0; i < kCallers; ++i) {
    tokens.push_back(absl::StrCat(std::string(bytes, 'x'), 1000 + i));
  }
  return tokens;
}

void Run() {
  const SystemClock clock;
  YesServer server;
  kube::HttpKubeClient kube(server);
  {
    Guard guard(kube, clock, {});
    Measure("nobody has to say who calls:", guard, server, clock, {{}});
  }
  {
    const std::vector<std::string> tokens = Tokens(1200);
    Ways ways;
    ways.asks_kubernetes = true;
    ways.audiences = {"spawner"};
    Guard guard(kube, clock, std::move(ways));
    Measure("ServiceAccount, 1.2 KiB, token and right known:", guard, server, clock,
            Bearers(tokens));
  }
  {
    const std::vector<std::string> tokens = Tokens(60);
    const std::string path = absl::StrCat("/tmp/guard_bench.", getpid());
    {
      std::ofstream file(path);
      for (const std::string& token : tokens) file << token << ",shop,ns=shop\n";
    }
    absl::StatusOr<StaticTokens> opened = StaticTokens::Open(path);
    std::remove(path.c_str());
    SPAWNER_CHECK(opened.ok());
    Ways ways;
    ways.tokens = *std::move(opened);
    Guard guard(kube, clock, std::move(ways));
    Measure("static token of 64 characters, with a rule:", guard, server, clock, Bearers(tokens));
  }
  {
    std::vector<std::string> certificates;
    for (int i = 0; i < kCallers; ++i) {
      certificates.push_back(
          MakeTestCertificate({.common_name = absl::StrCat("shop-", i)}).cert_pem);
    }
    std::vector<Credentials> credentials;
    for (const std::string& certificate : certificates) {
      credentials.push_back({.certificate = certificate, .peer = "10.0.0.7:5123"});
    }
    Ways ways;
    ways.takes_certificates = true;
    Guard guard(kube, clock, std::move(ways));
    Measure("client certificate, name and right known:", guard, server, clock, credentials);
  }
}

}  // namespace
}  // namespace spawner::auth

int main() { spawner::auth::Run(); }
