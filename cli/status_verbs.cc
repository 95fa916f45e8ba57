#include <vector>

#include "absl/strings/str_cat.h"
#include "base/version.h"
#include "cli/session_verbs.h"

namespace spawner::cli {
namespace {

grpc::Status GetStatus(const Invocation& i, v1::GetStatusResponse* response) {
  return i.client.Call(
      i.verb,
      [&](auto* context, auto* queue) {
        return i.client.admin().AsyncGetStatus(context, v1::GetStatusRequest(), queue);
      },
      response);
}

void PrintVersions(const Invocation& i, const std::vector<Fact>& versions) {
  if (i.format == Format::kJson) return i.surroundings.out(ToJson(versions));
  for (const auto& [name, version] : versions) {
    const char* separator = i.format == Format::kYaml ? ": " : " ";
    i.surroundings.out(absl::StrCat(name, separator, version, "\n"));
  }
}

}  // namespace

int ShowStatus(const Invocation& i) {
  v1::GetStatusResponse response;
  const grpc::Status status = GetStatus(i, &response);
  if (!status.ok()) return Fail(i, status, "status");
  switch (i.format) {
    case Format::kJson:
      i.surroundings.out(ToJson(response));
      break;
    case Format::kYaml:
      i.surroundings.out(ToYaml(response));
      break;
    case Format::kName:
      i.surroundings.out(absl::StrCat(response.controller_id(), "\n"));
      break;
    case Format::kTable:
    case Format::kWide:
      i.surroundings.out(DescribeStatus(response, i.surroundings.now()));
      break;
  }
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

}  // namespace spawner::cli
