#ifndef SPAWNER_CLI_RESOURCES_H_
#define SPAWNER_CLI_RESOURCES_H_

#include <string>
#include <vector>

#include "cli/invocation.h"
#include "spawner/v1/session.pb.h"

namespace spawner::cli {

// What `get` and `describe` know by name.
struct Resource {
  enum class Kind { kSession, kProxy, kTemplate, kQuota };
  Kind kind;
  const char* one;
  const char* many;
};

// By either word; null: there is none.
const Resource* FindResource(const std::string& word);
const std::vector<Resource>& Resources();

// As -o says, one or several.
void PrintSession(const Invocation& invocation, const v1::Session& session);
void PrintSessions(const Invocation& invocation, const std::vector<v1::Session>& sessions);

// Of proxies, templates and quotas; the exit code.
int ListOther(const Invocation& invocation, const Resource& resource);
int GetOther(const Invocation& invocation, const Resource& resource, const std::string& name);
int DescribeOther(const Invocation& invocation, const Resource& resource, const std::string& name);

// "editor", "template/editor" or a full name, as "namespaces/{ns}/templates/{name}".
std::string TemplateName(const std::string& text, const std::string& ns);

// `spawnctl pools`: templates by their warm pods.
int ShowPools(const Invocation& invocation);

}  // namespace spawner::cli

#endif  // SPAWNER_CLI_RESOURCES_H_
