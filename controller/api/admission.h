#ifndef SPAWNER_CONTROLLER_API_ADMISSION_H_
#define SPAWNER_CONTROLLER_API_ADMISSION_H_

#include <google/protobuf/message.h>
#include <grpcpp/server_context.h>
#include <grpcpp/support/server_interceptor.h>

#include <memory>
#include <string>

#include "controller/api/edge.h"
#include "controller/auth/caller.h"

namespace spawner::api {

// How a forwarded call tells who made it (auth/seal.h).
inline constexpr char kSealHeader[] = "spawner-seal";

// What a seal is for: the hash of the request's bytes, with its type, of which each method has its
// own.
std::string RequestHash(const google::protobuf::Message& request);

// Notes in each call's context which method it is, which namespace its request names, and what a
// seal has to be for: Admit finds them there. A client can't send them, their names are none of HTTP's.
std::unique_ptr<grpc::experimental::ServerInterceptorFactoryInterface> NoteWhatCallsAsk();

// Whether the call may be made, and by whom. Before anything of its request is used: StartCall does
// it for unary calls, every stream's reactor by itself (tests/integration/who_may_call_test.py
// calls every method without credentials). `done` runs on the loop, at once or later; the context
// is not used after Admit has returned. The caller is null where there is no guard.
// Thread: the loop's.
void Admit(const Edge& edge, const grpc::CallbackServerContext& context, auth::CallerDone done);

}  // namespace spawner::api

#endif  // SPAWNER_CONTROLLER_API_ADMISSION_H_
