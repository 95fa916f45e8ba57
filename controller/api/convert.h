#ifndef SPAWNER_CONTROLLER_API_CONVERT_H_
#define SPAWNER_CONTROLLER_API_CONVERT_H_

#include <google/protobuf/message.h>

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "controller/api/urls.h"
#include "controller/session/session.h"
#include "google/protobuf/duration.pb.h"
#include "google/protobuf/timestamp.pb.h"
#include "spawner/v1/session.pb.h"

// Messages of proto/spawner/v1 to and from the values that the core works with.
namespace spawner::api {

// --- in -----------------------------------------------------------------------------------------
// INVALID_FIELD for a field out of its limits, UNIMPLEMENTED for one that is not supported yet,
// both naming it.

// UNIMPLEMENTED if the message holds, at any depth, fields or enum values that this version does
// not know: a newer client must not believe that they were heeded.
absl::Status CheckKnown(const google::protobuf::Message& message);
// Not negative, and within what protobuf allows.
absl::StatusOr<absl::Duration> ReadDuration(absl::string_view field,
                                            const google::protobuf::Duration& duration);
// Defaults filled in; fields are named "spec.…". `command_image` is the image of a spec that has a
// command but neither image nor template; empty: there is none.
absl::StatusOr<SessionSpec> ReadSpec(const v1::SessionSpec& spec,
                                     absl::string_view command_image = "");

// --- out ----------------------------------------------------------------------------------------
google::protobuf::Duration WriteDuration(absl::Duration duration);
google::protobuf::Timestamp WriteTime(absl::Time time);
void WriteSpec(const SessionSpec& spec, v1::SessionSpec& out);
void WriteSession(const SessionView& session, const SessionUrls& urls, v1::Session& out);

}  // namespace spawner::api

#endif  // SPAWNER_CONTROLLER_API_CONVERT_H_
