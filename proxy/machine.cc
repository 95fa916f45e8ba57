#include "proxy/machine.h"

#include <unistd.h>

#include <algorithm>
#include <fstream>

namespace spawner::proxy {
namespace {

// Version 2 and version 1 as a container sees them. A file that is not there or says "max" is no
// limit.
constexpr const char* kControlGroupFiles[] = {"/sys/fs/cgroup/memory.max",
                                              "/sys/fs/cgroup/memory/memory.limit_in_bytes"};

}  // namespace

int64_t MemoryLimit() {
  int64_t limit = int64_t{sysconf(_SC_PHYS_PAGES)} * sysconf(_SC_PAGESIZE);
  for (const char* const name : kControlGroupFiles) {
    std::ifstream file(name);
    int64_t bytes = 0;
    if (file >> bytes && bytes > 0) limit = std::min(limit, bytes);
  }
  return limit;
}

}  // namespace spawner::proxy
