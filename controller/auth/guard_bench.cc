// What it costs to admit a caller that is known: a ServiceAccount's token of 1.2 KiB, remembered,
// and a right that is remembered. Prints microseconds each.
#include <cstdio>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "base/clock.h"
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

void Run() {
  constexpr int kCallers = 100;
  constexpr int kCalls = 500'000;
  const SystemClock clock;
  YesServer server;
  kube::HttpKubeClient kube(server);
  Ways ways;
  ways.asks_kubernetes = true;
  ways.audiences = {"spawner"};
  Guard guard(kube, clock, std::move(ways));
  std::vector<std::string> tokens;
  for (int i = 0; i < kCallers; ++i) tokens.push_back(absl::StrCat(std::string(1200, 'x'), i));
  int admitted = 0;
  const auto call = [&](int i) {
    guard.Admit({.bearer = tokens[static_cast<size_t>(i % kCallers)]},
                {.verb = "create", .resource = "sessions", .ns = "shop"},
                [&admitted](const absl::StatusOr<CallerPtr>& caller) { admitted += caller.ok(); });
  };
  for (int i = 0; i < kCallers; ++i) call(i);
  for (int i = 0; i < 2; ++i) server.Poll(absl::ZeroDuration());
  admitted = 0;
  const Instant start = clock.Now();
  for (int i = 0; i < kCalls; ++i) call(i);
  const double seconds = absl::ToDoubleSeconds(clock.Now() - start);
  std::printf("known caller: %.2f us (%d of %d admitted)\n", seconds / kCalls * 1e6, admitted,
              kCalls);
}

}  // namespace
}  // namespace spawner::auth

int main() { spawner::auth::Run(); }
