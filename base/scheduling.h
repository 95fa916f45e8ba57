#ifndef SPAWNER_BASE_SCHEDULING_H_
#define SPAWNER_BASE_SCHEDULING_H_

#include "absl/status/status.h"

namespace spawner {

// For a process whose threads wake one another for every call: what is woken waits until what runs
// has nothing to do or its slice is over, instead of taking its core at once (sched(7),
// SCHED_BATCH). Of the calling thread and those that it starts. INTERNAL: the kernel refuses;
// nothing is changed.
absl::Status PreferThroughput();

}  // namespace spawner

#endif  // SPAWNER_BASE_SCHEDULING_H_
