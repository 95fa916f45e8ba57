#ifndef SPAWNER_CONTROLLER_API_TEMPLATES_H_
#define SPAWNER_CONTROLLER_API_TEMPLATES_H_

#include <grpcpp/impl/codegen/service_type.h>

#include <memory>

#include "controller/api/edge.h"

namespace spawner::api {

// spawner.v1.Templates. Any controller answers: templates are Kubernetes' own objects.
std::unique_ptr<grpc::Service> MakeTemplatesService(Edge& edge);

}  // namespace spawner::api

#endif  // SPAWNER_CONTROLLER_API_TEMPLATES_H_
