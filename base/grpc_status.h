#ifndef SPAWNER_BASE_GRPC_STATUS_H_
#define SPAWNER_BASE_GRPC_STATUS_H_

#include <grpcpp/support/status.h>

#include "absl/status/status.h"

// The crossing between our errors and gRPC's. On the wire a reason is google.rpc.ErrorInfo with
// domain "spawner.dev", its details are ErrorInfo.metadata, and a wait is google.rpc.RetryInfo, in
// google.rpc.Status (AIP-193).
namespace spawner {

// Every error gets an ErrorInfo; without a reason of its own, its code's name is the reason. A long
// detail is cut: all of an error has to fit into gRPC's trailers. UNAVAILABLE always says a wait: 1
// s without one of its own.
grpc::Status ToGrpc(const absl::Status& status);
// Details that can't be read are dropped: they come from outside.
absl::Status FromGrpc(const grpc::Status& status);

}  // namespace spawner

#endif  // SPAWNER_BASE_GRPC_STATUS_H_
