#include "controller/session/volume_claim.h"

#include <algorithm>
#include <cstddef>
#include <iterator>
#include <set>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "controller/session/limits.h"
#include "controller/session/overrides.h"
#include "re2/re2.h"

namespace spawner {
namespace {

using nlohmann::json;

constexpr const char* kAccessModes[] = {"ReadOnlyMany", "ReadWriteMany", "ReadWriteOnce",
                                        "ReadWriteOncePod"};
// A quantity above zero, as of storage.
const LazyRE2 kSizePattern = {"[1-9][0-9]*(?:\\.[0-9]+)?(?:[KMGTPE]i|[kMGTPE])?"};
const LazyRE2 kClassPattern = {"[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?"};

bool Matches(const std::string& text, const LazyRE2& pattern) {
  return RE2::FullMatch(text, *pattern);
}

absl::Status ValidateClaim(const std::string& at, const VolumeClaim& claim) {
  if (!IsDnsLabel(claim.name)) {
    return InvalidField(absl::StrCat(at, ".name"), "must be 1 to 63 of a-z, 0-9 and '-'");
  }
  const bool is_of_template = !claim.spec_json.empty();
  if (!is_of_template || !claim.mount_path.empty()) {
    if (!absl::StartsWith(claim.mount_path, "/") || claim.mount_path.size() < 2 ||
        claim.mount_path.size() > kMountPathBytesMax ||
        claim.mount_path.find_first_of(std::string(":\0", 2)) != std::string::npos) {
      return InvalidField(absl::StrCat(at, ".mount_path"), "must be an absolute path without ':'");
    }
  }
  if (is_of_template) return absl::OkStatus();
  if (!Matches(claim.size, kSizePattern)) {
    return InvalidField(absl::StrCat(at, ".size"), "must be a quantity as \"10Gi\"");
  }
  if (!claim.storage_class.empty() && !Matches(claim.storage_class, kClassPattern)) {
    return InvalidField(absl::StrCat(at, ".storage_class"), "is no name of a StorageClass");
  }
  for (const std::string& mode : claim.access_modes) {
    if (std::find(std::begin(kAccessModes), std::end(kAccessModes), mode) ==
        std::end(kAccessModes)) {
      return InvalidField(absl::StrCat(at, ".access_modes"),
                          "must be ReadWriteOnce, ReadOnlyMany, ReadWriteMany or ReadWriteOncePod");
    }
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status ValidateClaims(const std::vector<VolumeClaim>& claims) {
  if (claims.size() > kClaimsMax) {
    return InvalidField("spec.volume_claims",
                        absl::StrCat(claims.size(), " claims, at most ", kClaimsMax));
  }
  std::set<std::string> names;
  for (size_t i = 0; i < claims.size(); ++i) {
    const std::string at = absl::StrCat("spec.volume_claims[", i, "]");
    RETURN_IF_ERROR(ValidateClaim(at, claims[i]));
    if (!names.insert(claims[i].name).second) {
      return InvalidField(absl::StrCat(at, ".name"), "is another claim's already");
    }
  }
  return absl::OkStatus();
}

json EncodeClaims(const std::vector<VolumeClaim>& claims) {
  json list = json::array();
  for (const VolumeClaim& claim : claims) {
    json object = {{"name", claim.name}};
    if (!claim.mount_path.empty()) object["mount_path"] = claim.mount_path;
    if (!claim.size.empty()) object["size"] = claim.size;
    if (!claim.storage_class.empty()) object["storage_class"] = claim.storage_class;
    if (!claim.access_modes.empty()) object["access_modes"] = claim.access_modes;
    if (claim.is_kept) object["policy"] = "keep";
    if (!claim.spec_json.empty()) object["spec"] = claim.spec_json;
    list.push_back(std::move(object));
  }
  return list;
}

absl::StatusOr<std::vector<VolumeClaim>> DecodeClaims(const json& list) {
  const absl::Status wrong = InvalidField("spec.volume_claims", "is of a wrong type");
  if (!list.is_array()) return wrong;
  std::vector<VolumeClaim> claims;
  for (const json& object : list) {
    if (!object.is_object()) return wrong;
    VolumeClaim& claim = claims.emplace_back();
    claim.name = TextOf(object, "name");
    claim.mount_path = TextOf(object, "mount_path");
    claim.size = TextOf(object, "size");
    claim.storage_class = TextOf(object, "storage_class");
    claim.is_kept = TextOf(object, "policy") == "keep";
    claim.spec_json = TextOf(object, "spec");
    for (const json& mode : object.value("access_modes", json::array())) {
      if (!mode.is_string()) return wrong;
      claim.access_modes.push_back(mode.get<std::string>());
    }
  }
  return claims;
}

absl::StatusOr<std::vector<VolumeClaim>> ReadClaimTemplates(const std::string& at,
                                                            absl::string_view text) {
  std::vector<VolumeClaim> claims;
  if (text.empty()) return claims;
  const json list = json::parse(text.begin(), text.end(), nullptr, /*allow_exceptions=*/false);
  if (!list.is_array()) return InvalidField(at, "must be a list of claims in JSON");
  for (size_t i = 0; i < list.size(); ++i) {
    const std::string member = absl::StrCat(at, "[", i, "]");
    if (!list[i].is_object()) return InvalidField(member, "must be an object");
    const json metadata = list[i].value("metadata", json());
    const json spec = list[i].value("spec", json());
    VolumeClaim& claim = claims.emplace_back();
    claim.name = TextOf(metadata, "name");
    if (claim.name.empty())
      return InvalidField(absl::StrCat(member, ".metadata.name"), "is missing");
    if (!spec.is_object()) return InvalidField(absl::StrCat(member, ".spec"), "must be an object");
    claim.spec_json = ToText(spec);
    const json annotations = metadata.value("annotations", json());
    const std::string policy = TextOf(annotations, kClaimPolicyLabel);
    if (!policy.empty() && policy != "keep" && policy != "delete") {
      return InvalidField(absl::StrCat(member, ".metadata.annotations[", kClaimPolicyLabel, "]"),
                          "must be \"keep\" or \"delete\"");
    }
    claim.is_kept = policy == "keep";
  }
  return claims;
}

std::string ClaimName(const SessionId& id, const VolumeClaim& claim) {
  return absl::StrCat(id.value, "-", claim.name);
}

std::string BuildClaim(const std::string& ns, const SessionId& id, Epoch epoch,
                       absl::Duration retention, const VolumeClaim& claim) {
  json spec = json::object();
  if (!claim.spec_json.empty()) {
    spec = json::parse(claim.spec_json, nullptr, /*allow_exceptions=*/false);
  } else {
    spec["accessModes"] = claim.access_modes;
    if (claim.access_modes.empty()) spec["accessModes"] = {"ReadWriteOnce"};
    spec["resources"] = {{"requests", {{"storage", claim.size}}}};
    if (!claim.storage_class.empty()) spec["storageClassName"] = claim.storage_class;
  }
  const json object = {
      {"apiVersion", "v1"},
      {"kind", "PersistentVolumeClaim"},
      {"metadata",
       {{"name", ClaimName(id, claim)},
        {"namespace", ns},
        {"labels",
         {{"spawner.dev/session", id.value},
          {kClaimPolicyLabel, claim.is_kept ? "keep" : "delete"}}},
        {"annotations",
         {{kClaimEpoch, absl::StrCat(epoch.value)},
          {kClaimRetention, absl::FormatDuration(retention)}}}}},
      {"spec", std::move(spec)},
  };
  return ToText(object);
}

void MountClaims(const SessionId& id, const std::vector<VolumeClaim>& claims,
                 const std::string& backend, json& pod) {
  if (claims.empty()) return;
  json volumes = json::array();
  for (const json& volume : pod["spec"].value("volumes", json::array())) {
    const auto is_same = [&](const VolumeClaim& claim) {
      return claim.name == TextOf(volume, "name");
    };
    if (std::none_of(claims.begin(), claims.end(), is_same)) volumes.push_back(volume);
  }
  json mounts = json::array();
  for (const VolumeClaim& claim : claims) {
    volumes.push_back(
        {{"name", claim.name}, {"persistentVolumeClaim", {{"claimName", ClaimName(id, claim)}}}});
    if (!claim.mount_path.empty()) {
      mounts.push_back({{"name", claim.name}, {"mountPath", claim.mount_path}});
    }
  }
  pod["spec"]["volumes"] = std::move(volumes);
  for (json& container : pod["spec"]["containers"]) {
    if (TextOf(container, "name") != backend) continue;
    for (json& mount : mounts) container["volumeMounts"].push_back(mount);
  }
}

}  // namespace spawner
