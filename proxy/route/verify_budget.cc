#include "proxy/route/verify_budget.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include "absl/time/time.h"
#include "proxy/route/limits.h"

namespace spawner::proxy {

std::string BudgetKey(absl::string_view ip) {
  const std::string text(ip);
  in6_addr v6;
  if (inet_pton(AF_INET6, text.c_str(), &v6) != 1) return text;
  const char* const bytes = reinterpret_cast<const char*>(v6.s6_addr);
  // ::ffff:192.0.2.1 is one IPv4 address, not a /64 with all of them.
  return IN6_IS_ADDR_V4MAPPED(&v6) ? std::string(bytes, 16) : std::string(bytes, 8);
}

bool VerifyBudget::Allows(absl::string_view client_ip, Instant now) {
  TurnTo(now);
  if (spent_ >= kBadSignaturesPerSecond) return false;
  const auto it = by_address_.find(BudgetKey(client_ip));
  if (it == by_address_.end()) return true;
  return it->second < kBadSignaturesPerAddress && spent_ < kBadSignaturesPerSuspect;
}

void VerifyBudget::Spend(absl::string_view client_ip) {
  ++spent_;
  ++by_address_[BudgetKey(client_ip)];
}

void VerifyBudget::TurnTo(Instant now) {
  constexpr int64_t kNanosecondsPerSecond = 1'000'000'000;
  const int64_t second = now.nanoseconds / kNanosecondsPerSecond;
  if (second == second_) return;
  second_ = second;
  spent_ = 0;
  if (const int64_t window = second / absl::ToInt64Seconds(kAddressWindow); window != window_) {
    window_ = window;
    by_address_.clear();
  }
}

}  // namespace spawner::proxy
