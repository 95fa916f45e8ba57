#ifndef SPAWNER_CLI_RETRY_H_
#define SPAWNER_CLI_RETRY_H_

#include <grpcpp/support/status.h>

#include <string>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace spawner::cli {

// With the waits below some two minutes: longer than an election or a rolling update.
inline constexpr int kAttemptsMax = 30;
inline constexpr absl::Duration kRetryMin = absl::Milliseconds(250);
inline constexpr absl::Duration kRetryMax = absl::Seconds(5);

// How long to wait before the next attempt: what the controller asks for (RetryInfo), or twice as
// long each time; kRetryMax at the most.
class Retry {
 public:
  // An attempt failed with `status`. Zero once kAttemptsMax have failed in a row: give up.
  absl::Duration Next(const grpc::Status& status);
  void Reset() { attempts_ = 0; }

 private:
  int attempts_ = 0;
};

// Where the failed attempt was ours to make again: "lost the controller (MESSAGE [REASON]); trying
// again".
std::string LostNotice(const grpc::Status& status, absl::string_view address);

}  // namespace spawner::cli

#endif  // SPAWNER_CLI_RETRY_H_
