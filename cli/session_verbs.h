#ifndef SPAWNER_CLI_SESSION_VERBS_H_
#define SPAWNER_CLI_SESSION_VERBS_H_

#include <string>

#include "cli/invocation.h"
#include "spawner/v1/sessions.pb.h"

namespace spawner::cli {

// True for the word before a session's ID: "session" or "sessions".
bool IsKind(const std::string& word);

// The one session that the line names, by ID or by --key, with --epoch.
grpc::Status FindNamed(const Invocation& invocation, v1::Session* session);

// One Connect, with a request id of its own and $USER where no user is named.
grpc::Status CallConnect(const Invocation& invocation, v1::ConnectRequest request,
                         v1::ConnectResponse* response);

// Each returns an exit code, having written its data or its error.
int Connect(const Invocation& invocation);
// Connects with a key of its own, follows the session until it ends; SIGINT ends the session.
int RunSession(const Invocation& invocation);
int Get(const Invocation& invocation);
int DescribeSession(const Invocation& invocation);
int Watch(const Invocation& invocation);
int Terminate(const Invocation& invocation);
int ShowStatus(const Invocation& invocation);
int ShowVersion(const Invocation& invocation);

}  // namespace spawner::cli

#endif  // SPAWNER_CLI_SESSION_VERBS_H_
