#include "controller/local/object_rules.h"

#include <algorithm>
#include <string>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "base/ids.h"
#include "controller/local/limits.h"
#include "controller/local/object_schema.h"

namespace spawner::local {
namespace {

using Kind = FieldFault::Kind;

constexpr size_t kLabelBytesMax = 63;
constexpr size_t kAnnotationsBytesMax = 256 * 1024;

// RFC 1123 subdomain: DNS labels joined by dots.
bool IsSubdomain(absl::string_view name) {
  if (name.empty() || name.size() > kNameBytesMax) return false;
  for (absl::string_view part : absl::StrSplit(name, '.')) {
    if (!IsDnsLabel(part)) return false;
  }
  return true;
}

// The grammar of a label's value, and of the name part of its key.
bool IsLabelWord(absl::string_view word) {
  const auto is_inner = [](char c) {
    return absl::ascii_isalnum(static_cast<unsigned char>(c)) || c == '-' || c == '_' || c == '.';
  };
  if (word.empty()) return true;
  return word.size() <= kLabelBytesMax && std::all_of(word.begin(), word.end(), is_inner) &&
         absl::ascii_isalnum(static_cast<unsigned char>(word.front())) &&
         absl::ascii_isalnum(static_cast<unsigned char>(word.back()));
}

// "prefix.example/name" or "name".
bool IsQualifiedName(absl::string_view name) {
  const size_t slash = name.find('/');
  if (slash != absl::string_view::npos) {
    if (!IsSubdomain(name.substr(0, slash))) return false;
    name = name.substr(slash + 1);
  }
  return !name.empty() && IsLabelWord(name);
}

void CheckLabels(const Json& labels, std::vector<FieldFault>& faults) {
  for (const auto& [name, value] : labels.items()) {
    const std::string& text = value.get_ref<const std::string&>();
    if (!IsQualifiedName(name)) {
      faults.push_back({Kind::kInvalid, "metadata.labels",
                        absl::StrCat("Invalid value: \"", name,
                                     "\": name part must consist of alphanumeric characters, '-', "
                                     "'_' or '.', and must start and end with an alphanumeric "
                                     "character")});
    } else if (!IsLabelWord(text)) {
      faults.push_back({Kind::kInvalid, "metadata.labels",
                        absl::StrCat("Invalid value: \"", text,
                                     "\": a valid label must be an empty string or consist of at "
                                     "most 63 alphanumeric characters, '-', '_' or '.', and must "
                                     "start and end with an alphanumeric character")});
    }
  }
}

void CheckAnnotations(const Json& annotations, std::vector<FieldFault>& faults) {
  size_t size_bytes = 0;
  for (const auto& [name, value] : annotations.items()) {
    size_bytes += name.size() + value.get_ref<const std::string&>().size();
    if (!IsQualifiedName(absl::AsciiStrToLower(name))) {
      faults.push_back({Kind::kInvalid, "metadata.annotations",
                        absl::StrCat("Invalid value: \"", name, "\": not a qualified name")});
    }
  }
  if (size_bytes > kAnnotationsBytesMax) {
    faults.push_back(
        {Kind::kInvalid, "metadata.annotations",
         absl::StrCat("Too long: may not be more than ", kAnnotationsBytesMax, " bytes")});
  }
}

std::vector<std::string> FinalizersOf(const Json& object) {
  absl::Status ignored;  // decoded objects have the right types
  return JsonReader(object, "", ignored).Object("metadata").Strings("finalizers");
}

// metadata.finalizers after the update may not hold what was not there before.
void CheckFinalizersOfDeleted(const Json& before, const Json& object,
                              std::vector<FieldFault>& faults) {
  const std::vector<std::string> old = FinalizersOf(before);
  std::vector<std::string> added;
  for (const std::string& name : FinalizersOf(object)) {
    if (std::find(old.begin(), old.end(), name) == old.end()) {
      added.push_back(absl::StrCat("\"", name, "\""));
    }
  }
  if (added.empty()) return;
  faults.push_back({Kind::kForbidden, "metadata.finalizers",
                    absl::StrCat("Forbidden: no new finalizers can be added if the object is being "
                                 "deleted, found new finalizers []string{",
                                 absl::StrJoin(added, ", "), "}")});
}

void CheckSecret(Json& secret, std::vector<FieldFault>& faults) {
  if (!secret.contains("type")) secret["type"] = "Opaque";
  if (secret.contains("stringData")) {
    const Json plain = secret["stringData"];
    secret.erase("stringData");
    for (const auto& [name, value] : plain.items()) {
      secret["data"][name] = absl::Base64Escape(value.get_ref<const std::string&>());
    }
  }
  if (!secret.contains("data")) return;
  for (const auto& [name, value] : secret["data"].items()) {
    std::string ignored;
    if (!absl::Base64Unescape(value.get_ref<const std::string&>(), &ignored)) {
      faults.push_back(
          {Kind::kInvalid, absl::StrCat("data[", name, "]"), "Invalid value: not base64"});
    }
  }
}

void CheckLease(const Json& lease, std::vector<FieldFault>& faults) {
  absl::Status ignored;  // decoded objects have the right types
  const JsonReader spec = JsonReader(lease, "", ignored).Object("spec");
  if (const auto duration = spec.Int("leaseDurationSeconds"); duration && *duration <= 0) {
    faults.push_back({Kind::kInvalid, "spec.leaseDurationSeconds",
                      absl::StrCat("Invalid value: ", *duration, ": must be greater than 0")});
  }
  if (const auto count = spec.Int("leaseTransitions"); count && *count < 0) {
    faults.push_back(
        {Kind::kInvalid, "spec.leaseTransitions",
         absl::StrCat("Invalid value: ", *count, ": must be greater than or equal to 0")});
  }
}

// Nothing here binds a claim, and no process mounts one: for tests of who makes and deletes them.
void CheckClaim(Json& claim, std::vector<FieldFault>& faults) {
  if (!claim.contains("spec")) claim["spec"] = Json::object();
  Json& spec = claim["spec"];
  if (!spec.contains("accessModes") || spec["accessModes"].empty()) {
    faults.push_back({Kind::kRequired, "spec.accessModes",
                      "Required value: at least 1 access mode is required"});
  }
  const Json requests = spec.value("resources", Json::object()).value("requests", Json());
  if (!requests.is_object() || !requests.contains("storage")) {
    faults.push_back({Kind::kRequired, "spec.resources[storage]", "Required value"});
  }
  if (!spec.contains("volumeMode")) spec["volumeMode"] = "Filesystem";
  claim["status"] = {{"phase", "Pending"}};
}

}  // namespace

bool HasFinalizers(const Json& object) { return !FinalizersOf(object).empty(); }

bool IsBeingDeleted(const Json& object) { return !MetaText(object, "deletionTimestamp").empty(); }

void CheckMeta(const Json& object, std::vector<FieldFault>& faults) {
  const std::string name = MetaText(object, "name");
  if (name.empty()) {
    faults.push_back(
        {Kind::kRequired, "metadata.name", "Required value: name or generateName is required"});
  } else if (!IsSubdomain(name)) {
    faults.push_back({Kind::kInvalid, "metadata.name",
                      absl::StrCat("Invalid value: \"", name,
                                   "\": a lowercase RFC 1123 subdomain must consist of lower case "
                                   "alphanumeric characters, '-' or '.', and must start and end "
                                   "with an alphanumeric character")});
  }
  const Json& meta = object.at("metadata");
  if (meta.contains("labels")) CheckLabels(meta["labels"], faults);
  if (meta.contains("annotations")) CheckAnnotations(meta["annotations"], faults);
  const std::vector<std::string> finalizers = FinalizersOf(object);
  if (finalizers.size() > kFinalizersMax) {
    faults.push_back({Kind::kInvalid, "metadata.finalizers",
                      absl::StrCat("Too many: ", finalizers.size(), ": must have at most ",
                                   kFinalizersMax, " items")});
  }
  for (const std::string& finalizer : finalizers) {
    if (finalizer.find('/') == std::string::npos || !IsQualifiedName(finalizer)) {
      faults.push_back({Kind::kInvalid, "metadata.finalizers",
                        absl::StrCat("Invalid value: \"", finalizer,
                                     "\": name is neither a standard finalizer name nor is it "
                                     "fully qualified")});
    }
  }
}

void CarryMeta(const Json& before, Json& object, std::vector<FieldFault>& faults) {
  for (const char* field : {"name", "uid"}) {
    const std::string wanted = MetaText(object, field);
    const std::string found = MetaText(before, field);
    if (!wanted.empty() && wanted != found) {
      faults.push_back({Kind::kInvalid, absl::StrCat("metadata.", field),
                        absl::StrCat("Invalid value: \"", wanted, "\": field is immutable")});
    }
  }
  const Json& old = before.at("metadata");
  Json& meta = object["metadata"];
  for (const char* field : {"name", "namespace", "uid", "creationTimestamp", "deletionTimestamp",
                            "deletionGracePeriodSeconds", "generation"}) {
    if (old.contains(field)) {
      meta[field] = old[field];
    } else {
      meta.erase(field);
    }
  }
  if (IsBeingDeleted(before)) CheckFinalizersOfDeleted(before, object, faults);
  for (const char* field : {"labels", "annotations", "finalizers"}) {
    if (meta.contains(field) && meta[field].empty()) meta.erase(field);
  }
}

void CheckContent(Resource resource, Json& object, std::vector<FieldFault>& faults) {
  switch (resource) {
    case Resource::kPods:  // pod_rules.h
    case Resource::kPodTemplates:
    case Resource::kEvents:  // nobody writes them
      return;
    case Resource::kSecrets:
      CheckSecret(object, faults);
      return;
    case Resource::kLeases:
      CheckLease(object, faults);
      return;
    case Resource::kClaims:
      CheckClaim(object, faults);
      return;
  }
}

void CheckContentUpdate(Resource resource, const Json& before, Json& object,
                        std::vector<FieldFault>& faults) {
  CheckContent(resource, object, faults);
  if (resource == Resource::kClaims && object["spec"] != before.at("spec")) {
    faults.push_back({Kind::kForbidden, "spec",
                      "Forbidden: spec is immutable after creation except resources.requests and "
                      "volumeAttributesClassName for bound claims"});
  }
  if (resource != Resource::kSecrets) return;
  if (object.at("type") != before.at("type")) {
    faults.push_back({Kind::kInvalid, "type",
                      absl::StrCat("Invalid value: \"", object.at("type").get<std::string>(),
                                   "\": field is immutable")});
  }
  if (before.value("immutable", false) &&
      (object.value("data", Json()) != before.value("data", Json()))) {
    faults.push_back(
        {Kind::kForbidden, "data", "Forbidden: field is immutable when `immutable` is set"});
  }
}

}  // namespace spawner::local
