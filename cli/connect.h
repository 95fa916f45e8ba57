#ifndef SPAWNER_CLI_CONNECT_H_
#define SPAWNER_CLI_CONNECT_H_

#include "cli/invocation.h"
#include "spawner/v1/sessions.pb.h"

namespace spawner::cli {

// One Connect, with a request id and $USER where the request names none. A Connect that waits for
// READY is made again if the controller goes away meanwhile; the phases of the start are progress.
grpc::Status CallConnect(const Invocation& invocation, v1::ConnectRequest request,
                         v1::ConnectResponse* response);

}  // namespace spawner::cli

#endif  // SPAWNER_CLI_CONNECT_H_
