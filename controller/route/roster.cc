#include "controller/route/roster.h"

#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "base/json.h"
#include "base/status.h"
#include "controller/route/limits.h"

namespace spawner::route {

std::string EncodeRoster(const std::vector<RosterEntry>& entries) {
  Json proxies = Json::array();
  for (const RosterEntry& entry : entries) {
    Json proxy = {{"id", entry.id}, {"generation", absl::StrCat(entry.generation)}};
    if (!entry.pod_uid.empty()) proxy["podUid"] = entry.pod_uid;
    if (!entry.pod_name.empty()) proxy["pod"] = entry.pod_name;
    if (!entry.pod_namespace.empty()) proxy["podNamespace"] = entry.pod_namespace;
    proxies.push_back(std::move(proxy));
  }
  return JsonText(Json{{"proxies", std::move(proxies)}});
}

absl::StatusOr<std::vector<RosterEntry>> DecodeRoster(absl::string_view text) {
  std::vector<RosterEntry> entries;
  if (text.empty()) return entries;
  if (text.size() > kRosterBytesMax) {
    return absl::InvalidArgumentError(absl::StrCat("roster of ", text.size(), " bytes"));
  }
  ASSIGN_OR_RETURN(const Json document, ParseJson(text));
  if (!document.is_object()) return absl::InvalidArgumentError("roster: not an object");
  absl::Status error;
  for (const JsonReader& proxy : JsonReader(document, "", error).Objects("proxies")) {
    RosterEntry entry;
    entry.id = proxy.RequiredString("id");
    if (!absl::SimpleAtoi(proxy.RequiredString("generation"), &entry.generation)) {
      return absl::InvalidArgumentError("roster: generation is no number");
    }
    entry.pod_uid = proxy.String("podUid");
    entry.pod_name = proxy.String("pod");
    entry.pod_namespace = proxy.String("podNamespace");
    entries.push_back(std::move(entry));
  }
  RETURN_IF_ERROR(error);
  if (entries.size() > kProxiesMax) {
    return absl::InvalidArgumentError(absl::StrCat("roster of ", entries.size(), " proxies"));
  }
  return entries;
}

}  // namespace spawner::route
