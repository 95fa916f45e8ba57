#ifndef SPAWNER_PROXY_FORWARD_TOKEN_USES_H_
#define SPAWNER_PROXY_FORWARD_TOKEN_USES_H_

#include <cstdint>

#include "absl/container/flat_hash_map.h"
#include "proxy/route/token_use.h"
#include "proxy/route/worker_reports.h"

namespace spawner::proxy {

class Exchange;

// Requests that wait for the leader's word on a one-time token. Each is one that is held, so their
// number is bounded by HoldOptions.
// Thread: its worker's. Owner: Worker.
class TokenUses {
 public:
  TokenUses(WorkerReports& reports, int worker) : reports_(reports), worker_(worker) {}

  // Exchange::OnUseAnswered follows, unless Forget comes first.
  uint64_t Ask(Exchange& exchange, const TokenUse& use);
  void Forget(uint64_t ticket) { waiting_.erase(ticket); }
  void Take(const TokenUseAnswer& answer);

 private:
  WorkerReports& reports_;
  const int worker_;
  uint64_t last_ticket_ = 0;
  absl::flat_hash_map<uint64_t, Exchange*> waiting_;
};

}  // namespace spawner::proxy

#endif  // SPAWNER_PROXY_FORWARD_TOKEN_USES_H_
