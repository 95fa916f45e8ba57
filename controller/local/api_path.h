#ifndef SPAWNER_CONTROLLER_LOCAL_API_PATH_H_
#define SPAWNER_CONTROLLER_LOCAL_API_PATH_H_

#include <compare>
#include <map>
#include <optional>
#include <string>

#include "absl/strings/string_view.h"

namespace spawner::local {

enum class Resource { kPods, kPodTemplates, kSecrets, kLeases, kEvents, kClaims };

// The fixed words of one resource.
struct ResourceInfo {
  absl::string_view group;        // "" for core
  absl::string_view api_version;  // "v1", "coordination.k8s.io/v1"
  absl::string_view plural;       // "pods"
  absl::string_view kind;         // "Pod"
  bool returns_deleted = false;   // DELETE answers with the object, not with a Status
};
const ResourceInfo& InfoOf(Resource resource);

// Names one object. Ordered by resource, namespace, name: the order of lists.
struct ObjectKey {
  Resource resource = Resource::kPods;
  std::string ns;
  std::string name;

  auto operator<=>(const ObjectKey&) const = default;
};

// What a request's path and query ask for.
struct ApiPath {
  // Of a path outside the resources, "/version": all below is empty.
  std::string plain;
  Resource resource = Resource::kPods;
  std::string ns;           // empty: all namespaces
  std::string name;         // empty: the collection
  std::string subresource;  // "log", "status", or empty
  std::map<std::string, std::string> query;

  ObjectKey key() const { return {resource, ns, name}; }
  // The value of query parameter `name`, empty if it is not there.
  absl::string_view Query(const std::string& parameter) const;
  bool IsQueryTrue(const std::string& parameter) const;
};

// From "/api/v1/namespaces/a/pods/b/log?follow=true". Nothing if no resource of ours is meant, or
// the text is not a URL path.
std::optional<ApiPath> ParseApiPath(absl::string_view text);

}  // namespace spawner::local

#endif  // SPAWNER_CONTROLLER_LOCAL_API_PATH_H_
