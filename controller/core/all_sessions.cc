#include "controller/core/all_sessions.h"

#include <cstddef>
#include <utility>

#include "controller/core/limits.h"

namespace spawner::core {
namespace {

struct Walk {
  AllSessions from;
  std::weak_ptr<void> owner;
  std::function<void(const SessionView&)> visit;
  std::function<void(const absl::Status&)> done;
  ListParams params;
  size_t pages = 0;
};

void Turn(const std::shared_ptr<Walk>& walk) {
  const std::shared_ptr<void> owner = walk->owner.lock();
  if (owner == nullptr) return;
  if (++walk->pages > kAllSessionsPagesMax) {
    return walk->done(absl::InternalError("list sessions: the pages do not end"));
  }
  const absl::StatusOr<ListResult> page = walk->from.list(walk->params);
  if (!page.ok()) return walk->done(page.status());
  for (const SessionView& view : page->sessions) walk->visit(view);
  if (page->next_page_token.empty()) return walk->done(absl::OkStatus());
  walk->params.page_token = page->next_page_token;
  walk->from.later([walk] { Turn(walk); });
}

}  // namespace

void VisitAllSessions(AllSessions from, std::weak_ptr<void> owner,
                      std::function<void(const SessionView&)> visit,
                      std::function<void(const absl::Status&)> done) {
  const auto walk = std::make_shared<Walk>(Walk{.from = std::move(from),
                                                .owner = std::move(owner),
                                                .visit = std::move(visit),
                                                .done = std::move(done)});
  walk->params.page_size = kPageSizeMax;
  Turn(walk);
}

}  // namespace spawner::core
