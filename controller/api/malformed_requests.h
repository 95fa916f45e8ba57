#ifndef SPAWNER_CONTROLLER_API_MALFORMED_REQUESTS_H_
#define SPAWNER_CONTROLLER_API_MALFORMED_REQUESTS_H_

#include <grpcpp/support/server_interceptor.h>

#include <memory>

namespace spawner::api {

// Answers a request whose bytes are no message of its method with INVALID_ARGUMENT / INVALID_FIELD.
// By itself gRPC's callback API says UNIMPLEMENTED without a word and asks no service.
std::unique_ptr<grpc::experimental::ServerInterceptorFactoryInterface> RefuseMalformedRequests();

}  // namespace spawner::api

#endif  // SPAWNER_CONTROLLER_API_MALFORMED_REQUESTS_H_
