#ifndef SPAWNER_CLI_PROBE_H_
#define SPAWNER_CLI_PROBE_H_

#include <string>
#include <vector>

#include "absl/time/time.h"
#include "spawner/v1/admin.pb.h"

namespace spawner::cli {

// Of a check of spawnctl's own, as the controller tells of its. The remedy is told unless `ok`.
v1::DiagnoseResponse Finding(const char* check, bool ok, const std::string& message,
                             const std::string& remedy);

// What sessions' URLs look like from here: does the name resolve, does somebody listen, is the
// certificate good for it and for how long. `url` is one of a session that never is:
// "https://doctor.apps.example/". Takes some seconds at most.
std::vector<v1::DiagnoseResponse> ProbeUrl(const std::string& url, absl::Time now);

}  // namespace spawner::cli

#endif  // SPAWNER_CLI_PROBE_H_
