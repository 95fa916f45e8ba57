#include "base/scheduling.h"

#include <sched.h>

#include <cerrno>
#include <cstring>

#include "absl/strings/str_cat.h"

namespace spawner {

absl::Status PreferThroughput() {
  const sched_param none = {};
  if (sched_setscheduler(0, SCHED_BATCH, &none) == 0) return absl::OkStatus();
  return absl::InternalError(absl::StrCat("set SCHED_BATCH: ", std::strerror(errno)));
}

}  // namespace spawner
