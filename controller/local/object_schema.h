#ifndef SPAWNER_CONTROLLER_LOCAL_OBJECT_SCHEMA_H_
#define SPAWNER_CONTROLLER_LOCAL_OBJECT_SCHEMA_H_

#include <optional>
#include <string>

#include "base/json.h"
#include "controller/local/api_error.h"
#include "controller/local/api_path.h"

namespace spawner::local {

// What the real server's decoder does: takes nulls out and checks the type of each field that
// anything here reads, so that no later reader meets a wrong one. A fault is a 400.
std::optional<ApiError> DecodeObject(Resource resource, Json& object);

// The text at metadata.`field` of a decoded object, empty if it is not there.
std::string MetaText(const Json& object, const char* field);

}  // namespace spawner::local

#endif  // SPAWNER_CONTROLLER_LOCAL_OBJECT_SCHEMA_H_
