#ifndef SPAWNER_CONTROLLER_API_GRPC_LOG_H_
#define SPAWNER_CONTROLLER_API_GRPC_LOG_H_

namespace spawner::api {

// gRPC's own messages go into our log from now on, in our format: errors only.
// Once, at start.
void SendGrpcLogToOurs();

}  // namespace spawner::api

#endif  // SPAWNER_CONTROLLER_API_GRPC_LOG_H_
