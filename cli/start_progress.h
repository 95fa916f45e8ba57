#ifndef SPAWNER_CLI_START_PROGRESS_H_
#define SPAWNER_CLI_START_PROGRESS_H_

#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "absl/time/time.h"
#include "cli/invocation.h"
#include "spawner/v1/session.pb.h"

namespace spawner::cli {

// The phases of one start as they are seen, with times: for whoever waits for it.
class StartProgress {
 public:
  // `now` is when it was seen. What is the same as before counts on.
  void See(const v1::Session& session, absl::Time now);
  // "STARTING, PULLING for 3 s: ..."; "" before anything was seen.
  std::string Line(absl::Time now) const;
  // "SCHEDULING 1s, PULLING 12s", to the second; "" if nothing was seen of a start.
  std::string Summary(absl::Time now) const;

 private:
  struct Stage {
    std::string name;
    absl::Time begin;
  };
  std::vector<Stage> stages_;
  std::string state_;
  std::string message_;
};

// One look at a session for `progress`; nothing happens if it can't be had soon.
// By its full name:
void LookAt(const Invocation& invocation, const std::string& name, StartProgress* progress);
// The newest incarnation of a key:
void LookAtKey(const Invocation& invocation, const std::string& key, StartProgress* progress);

}  // namespace spawner::cli

#endif  // SPAWNER_CLI_START_PROGRESS_H_
