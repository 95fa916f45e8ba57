#ifndef SPAWNER_CLI_WHY_PAGE_H_
#define SPAWNER_CLI_WHY_PAGE_H_

#include <string>

#include "absl/time/time.h"
#include "spawner/v1/sessions.pb.h"

namespace spawner::cli {

// For a person in trouble at night: the verdict first, then who holds the session, its deadlines,
// its history, what Kubernetes says of its pod. Sections without anything to say are left out.
std::string WhyPage(const v1::ExplainSessionResponse& explained, absl::Time now, bool use_colour);

}  // namespace spawner::cli

#endif  // SPAWNER_CLI_WHY_PAGE_H_
