#include "controller/core/all_sessions.h"

#include "base/status.h"
#include "controller/core/limits.h"

namespace spawner::core {

absl::Status VisitAllSessions(const ListSessions& list,
                              const std::function<void(const SessionView&)>& visit) {
  ListParams params;
  params.page_size = kPageSizeMax;
  for (size_t page = 0; page < kAllSessionsPagesMax; ++page) {
    ASSIGN_OR_RETURN(const ListResult result, list(params));
    for (const SessionView& view : result.sessions) visit(view);
    if (result.next_page_token.empty()) return absl::OkStatus();
    params.page_token = result.next_page_token;
  }
  return absl::InternalError("list sessions: the pages do not end");
}

}  // namespace spawner::core
