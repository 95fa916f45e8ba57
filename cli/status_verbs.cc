#include <vector>

#include "absl/strings/str_cat.h"
#include "base/version.h"
#include "cli/verb_list.h"
#include "spawner/v1/admin.pb.h"

namespace spawner::cli {
namespace {

grpc::Status GetStatus(const Invocation& i, v1::GetStatusResponse* response) {
  return i.client.Ask(i.verb, i.client.admin(), &v1::Admin::Stub::AsyncGetStatus,
                      v1::GetStatusRequest(), response);
}

void PrintVersions(const Invocation& i, const std::vector<Fact>& versions) {
  if (i.format == Format::kJson) return i.surroundings.out(ToJson(versions));
  for (const auto& [name, version] : versions) {
    const char* separator = i.format == Format::kYaml ? ": " : " ";
    i.surroundings.out(absl::StrCat(name, separator, version, "\n"));
  }
}

int ShowStatus(const Invocation& i) {
  v1::GetStatusResponse response;
  const grpc::Status status = GetStatus(i, &response);
  if (!status.ok()) return Fail(i, status, "status");
  Print(i, response, DescribeStatus(response, i.surroundings.now()), response.controller_id());
  return kOk;
}

int ShowVersion(const Invocation& i) {
  std::vector<Fact> versions = {{"spawnctl", kVersion}};
  v1::GetStatusResponse response;
  grpc::Status status;
  if (!i.arguments.Has("client")) {
    status = GetStatus(i, &response);
    if (status.ok()) versions.emplace_back("controller", response.version());
  }
  PrintVersions(i, versions);
  return status.ok() ? static_cast<int>(kOk) : Fail(i, status, "version");
}

}  // namespace

Verb StatusVerb() {
  return {.name = "status",
          .group = Group::kOperations,
          .usage = "status",
          .help = "the controller, its Kubernetes, its proxies",
          .details =
              "Of the controller that answers; proxies as the one that leads knows them. "
              "`spawnctl doctor` looks for what is wrong.",
          .examples =
              "status\n"
              "status -o json | jq .sessionsByState",
          .flags = {},
          .run = ShowStatus};
}

Verb VersionVerb() {
  return {.name = "version",
          .group = Group::kItself,
          .usage = "version [--client]",
          .help = "of spawnctl and of the controller",
          .details = "They need not be the same: either may be one release older.",
          .examples = "version\nversion --client",
          .flags = {{"client", nullptr, "ask no controller"}},
          .run = ShowVersion};
}

}  // namespace spawner::cli
