#ifndef SPAWNER_CLI_TIMES_H_
#define SPAWNER_CLI_TIMES_H_

#include <string>

#include "absl/time/time.h"
#include "google/protobuf/duration.pb.h"
#include "google/protobuf/timestamp.pb.h"

namespace spawner::cli {

absl::Time TimeOf(const google::protobuf::Timestamp& stamp);
absl::Duration DurationOf(const google::protobuf::Duration& duration);
google::protobuf::Duration DurationProto(absl::Duration duration);

// "3s", "5m12s", "4h3m", "2d": the two largest units.
std::string Age(absl::Duration duration);

// "in 4m10s", "3s ago".
std::string Relative(absl::Time time, absl::Time now);

// "2026-11-30T19:11:17.120Z (in 4m10s)".
std::string When(const google::protobuf::Timestamp& stamp, absl::Time now);

// "812 B", "12.3 MiB".
std::string Bytes(uint64_t bytes);

}  // namespace spawner::cli

#endif  // SPAWNER_CLI_TIMES_H_
