#ifndef SPAWNER_CLI_PROBE_H_
#define SPAWNER_CLI_PROBE_H_

#include <string>
#include <vector>

#include "absl/time/time.h"
#include "spawner/v1/admin.pb.h"

namespace spawner::cli {

// What sessions' URLs look like from here: does the name resolve, does somebody listen, is the
// certificate good for it and for how long. `url` is one of a session that never is:
// "https://doctor.apps.example/". Takes some seconds at most.
std::vector<v1::DiagnoseResponse> ProbeUrl(const std::string& url, absl::Time now);

}  // namespace spawner::cli

#endif  // SPAWNER_CLI_PROBE_H_
