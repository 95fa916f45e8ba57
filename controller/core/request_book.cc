#include "controller/core/request_book.h"

#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "controller/core/limits.h"

namespace spawner::core {

bool RequestBook::Enter(const ConnectParams& params, Instant now, Service::ConnectDone done) {
  DropOld(now);
  const Key key(params.ns, params.request_id);
  const auto found = entries_.find(key);
  if (found == entries_.end()) {
    Entry& entry = entries_[key];
    entry.payload_hash = params.payload_hash;
    entry.waiting.push_back(std::move(done));
    entry.serial = ++last_serial_;
    ages_.push_back({key, entry.serial, now + kRequestMemory});
    return true;
  }
  Entry& entry = found->second;
  if (entry.payload_hash != params.payload_hash) {
    done(WithReason(absl::InvalidArgumentError(absl::StrCat(
                        "request_id: ", params.request_id,
                        " was used for another request; use a new one for each request")),
                    "REQUEST_ID_REUSED",
                    {{"namespace", params.ns}, {"request_id", params.request_id}}));
  } else if (entry.result.has_value()) {
    done(*entry.result);
  } else if (entry.waiting.size() >= kConnectsWaitingMax) {
    done(WithRetryAfter(
        WithReason(absl::ResourceExhaustedError(
                       "connect: too many retries of one request wait; wait for their answer"),
                   "RATE_LIMITED",
                   {{"quota", "retries_of_a_request"}, {"limit", kConnectsWaitingMax}}),
        kConnectRetry));
  } else {
    entry.waiting.push_back(std::move(done));
  }
  return false;
}

void RequestBook::Answer(const ConnectParams& params, const absl::StatusOr<ConnectResult>& result) {
  const auto found = entries_.find(Key(params.ns, params.request_id));
  if (found == entries_.end()) return;
  std::vector<Service::ConnectDone> waiting = std::move(found->second.waiting);
  found->second.waiting.clear();
  if (result.ok()) {
    found->second.result = *result;
  } else {
    entries_.erase(found);
  }
  for (const Service::ConnectDone& done : waiting) done(result);
}

void RequestBook::DropOld(Instant now) {
  size_t waiting = 0;
  while (ages_.size() > waiting && (ages_.front().until <= now || ages_.size() >= kRequestsMax)) {
    Age oldest = std::move(ages_.front());
    ages_.pop_front();
    const auto found = entries_.find(oldest.key);
    if (found == entries_.end() || found->second.serial != oldest.serial) continue;
    if (found->second.waiting.empty()) {
      entries_.erase(found);
      continue;
    }
    // It has no answer yet, and will be forgotten with one: its turn comes again.
    oldest.until = now + kRequestMemory;
    ages_.push_back(std::move(oldest));
    ++waiting;
  }
}

}  // namespace spawner::core
