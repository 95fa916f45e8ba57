#ifndef SPAWNER_CONTROLLER_API_ADMIN_H_
#define SPAWNER_CONTROLLER_API_ADMIN_H_

#include <grpcpp/impl/codegen/service_type.h>

#include <memory>

#include "controller/api/edge.h"

namespace spawner::api {

// spawner.v1.Admin.
std::unique_ptr<grpc::Service> MakeAdminService(Edge& edge);

}  // namespace spawner::api

#endif  // SPAWNER_CONTROLLER_API_ADMIN_H_
