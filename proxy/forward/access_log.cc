#include "proxy/forward/access_log.h"

#include <utility>

#include "base/check.h"
#include "proxy/forward/limits.h"

namespace spawner::proxy {

std::unique_ptr<AccessRecord> AccessLog::Begin() {
  if (sample_ < 1 && random_.Unit() >= sample_) return nullptr;
  auto record = std::make_unique<AccessRecord>();
  record->at = clock_.WallNow();
  return record;
}

void AccessLog::Write(const AccessRecord& record) {
  if (lines_.empty()) {
    lines_.reserve(kAccessBufferBytes + 4 * kLoggedTextMax);
    oldest_ = clock_.Now();
  }
  AppendAccessLine(record, &lines_);
  ++count_;
  if (lines_.size() >= kAccessBufferBytes) Flush();
}

void AccessLog::Keep(const Tunnel& tunnel, std::unique_ptr<AccessRecord> record) {
  const bool is_new = tunnels_.emplace(&tunnel, std::move(record)).second;
  SPAWNER_CHECK(is_new);
}

void AccessLog::WriteAndForget(const Tunnel& tunnel) {
  const auto it = tunnels_.find(&tunnel);
  SPAWNER_CHECK(it != tunnels_.end());
  Write(*it->second);
  tunnels_.erase(it);
}

void AccessLog::EndTurn(Instant now, bool is_last) {
  if (count_ > 0 && (is_last || next_flush() <= now)) Flush();
}

Instant AccessLog::next_flush() const { return oldest_ + kAccessFlushInterval; }

void AccessLog::Flush() {
  const bool is_taken = sink_.Take(std::move(lines_), count_);
  (is_taken ? counters_.access_lines : counters_.access_dropped).Add(count_);
  lines_ = std::string();
  count_ = 0;
  oldest_ = Instant::Infinite();
}

}  // namespace spawner::proxy
