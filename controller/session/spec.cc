#include "controller/session/spec.h"

#include <cstdint>
#include <optional>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "base/origin.h"
#include "base/status.h"
#include "base/strings.h"
#include "controller/session/limits.h"
#include "controller/session/overrides.h"
#include "nlohmann/json.hpp"
#include "re2/re2.h"

namespace spawner {
namespace {

using nlohmann::json;

constexpr char kH2c[] = "h2c";

const LazyRE2 kTemplateNamePattern = {
    "[a-z0-9](?:[a-z0-9-]*[a-z0-9])?(?:\\.[a-z0-9](?:[a-z0-9-]*[a-z0-9])?)*"};

// Compiled at their first use, once: it takes 50 to 200 us.
bool Matches(const std::string& text, const LazyRE2& pattern) {
  return RE2::FullMatch(text, *pattern);
}

// github.com/distribution/reference: [domain[:port]/]path[:tag][@digest].
const LazyRE2 kImagePattern = {
    "(?:(?:[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?)(?:\\.[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?)"
    "*"
    "(?::[0-9]{1,5})?/)?"
    "[a-z0-9]+(?:(?:\\.|_|__|-+)[a-z0-9]+)*(?:/[a-z0-9]+(?:(?:\\.|_|__|-+)[a-z0-9]+)*)*"
    "(?::[A-Za-z0-9_][A-Za-z0-9_.-]{0,127})?"
    "(?:@[A-Za-z][A-Za-z0-9]*(?:[-_+.][A-Za-z][A-Za-z0-9]*)*:[0-9a-fA-F]{32,})?"};

// k8s.io/apimachinery/pkg/api/resource: a quantity that is not negative.
const LazyRE2 kQuantityPattern = {
    "(?:[0-9]+|[0-9]+\\.[0-9]*|\\.[0-9]+)(?:[KMGTPE]i|[numkMGTPE]|[eE][+-]?[0-9]+)?"};

// Kubernetes label syntax: [DNS subdomain/]name and value.
const LazyRE2 kLabelKeyPattern = {
    "(?:[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?/)?[A-Za-z0-9](?:[A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?"};
const LazyRE2 kLabelValuePattern = {"(?:[A-Za-z0-9](?:[A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?)?"};

const LazyRE2 kPathPattern = {"/[!-~]*"};
const LazyRE2 kEnvNamePattern = {"[-._a-zA-Z][-._a-zA-Z0-9]*"};

absl::Status ValidateImage(const std::string& image) {
  if (image.size() > kImageBytesMax) {
    return InvalidField("spec.image", absl::StrCat("longer than ", kImageBytesMax, " bytes"));
  }
  if (!Matches(image, kImagePattern)) {
    return InvalidField("spec.image", absl::StrCat("\"", image,
                                                   "\" is no image reference; write it as "
                                                   "registry/name:tag in lower case"));
  }
  return absl::OkStatus();
}

// RFC 1123 subdomain, as Kubernetes has the names of objects.
absl::Status ValidateTemplateName(const std::string& name) {
  if (name.size() <= kTemplateNameBytesMax && Matches(name, kTemplateNamePattern)) {
    return absl::OkStatus();
  }
  return InvalidField("spec.template",
                      absl::StrCat("\"", absl::CHexEscape(name.substr(0, 100)),
                                   "\" is no name of a PodTemplate: a-z, 0-9, '-' and '.'"));
}

absl::Status ValidateDuration(absl::string_view field, absl::Duration value, absl::Duration min,
                              absl::Duration max) {
  if (value < absl::ZeroDuration()) return InvalidField(field, "must not be negative");
  if (value < min || value > max) {
    return InvalidField(field,
                        absl::StrCat(absl::FormatDuration(value), " is not within ",
                                     absl::FormatDuration(min), " to ", absl::FormatDuration(max)));
  }
  return absl::OkStatus();
}

absl::Status ValidateTimes(const SessionSpec& spec) {
  constexpr absl::Duration kNone = absl::ZeroDuration();
  RETURN_IF_ERROR(ValidateDuration("spec.idle.grace", spec.idle.grace, kNone, kGraceMax));
  RETURN_IF_ERROR(
      ValidateDuration("spec.idle.initial_grace", spec.idle.initial_grace, kNone, kGraceMax));
  RETURN_IF_ERROR(
      ValidateDuration("spec.idle.warn_before", spec.idle.warn_before, kNone, kWarnBeforeMax));
  RETURN_IF_ERROR(ValidateDuration("spec.idle.hold_max", spec.idle.hold_max, kNone, kHoldMaxMax));
  if (spec.lifetime.max != absl::InfiniteDuration()) {
    RETURN_IF_ERROR(
        ValidateDuration("spec.lifetime.max", spec.lifetime.max, absl::Seconds(1), kLifetimeMax));
  }
  RETURN_IF_ERROR(ValidateDuration("spec.lifetime.start_timeout", spec.lifetime.start_timeout,
                                   absl::Milliseconds(1), kStartTimeoutMax));
  RETURN_IF_ERROR(
      ValidateDuration("spec.lifetime.stop_grace", spec.lifetime.stop_grace, kNone, kStopGraceMax));
  if (absl::Trunc(spec.lifetime.stop_grace, absl::Seconds(1)) != spec.lifetime.stop_grace) {
    return InvalidField("spec.lifetime.stop_grace", "must be whole seconds");
  }
  return ValidateDuration("spec.lifetime.retention", spec.lifetime.retention, kNone, kRetentionMax);
}

absl::Status ValidateEnv(const std::map<std::string, std::string>& env) {
  if (env.size() > kEnvMax) {
    return InvalidField("spec.env", absl::StrCat(env.size(), " entries, at most ", kEnvMax));
  }
  for (const auto& [name, value] : env) {
    const std::string field = absl::StrCat("spec.env.", name);
    if (!Matches(name, kEnvNamePattern)) {
      return InvalidField(field, "is no name for a variable: letters, digits, '-', '_', '.'");
    }
    if (IsReservedEnv(name)) return InvalidField(field, "is set by Spawner; use another name");
    if (value.find('\0') != std::string::npos) return InvalidField(field, "has a NUL byte");
  }
  return absl::OkStatus();
}

absl::Status ValidateResources(absl::string_view field,
                               const std::map<std::string, std::string>& resources) {
  for (const auto& [name, quantity] : resources) {
    const std::string at = absl::StrCat(field, ".", name);
    if (!Matches(name, kLabelKeyPattern)) return InvalidField(at, "is no name of a resource");
    if (!Matches(quantity, kQuantityPattern)) {
      return InvalidField(at,
                          absl::StrCat("\"", quantity, "\" is no quantity such as 500m or 2Gi"));
    }
  }
  return absl::OkStatus();
}

absl::Status ValidateLabels(const std::map<std::string, std::string>& labels) {
  if (labels.size() > kLabelsMax) {
    return InvalidField("spec.labels",
                        absl::StrCat(labels.size(), " labels, at most ", kLabelsMax));
  }
  for (const auto& [name, value] : labels) {
    const std::string at = absl::StrCat("spec.labels.", name);
    if (!Matches(name, kLabelKeyPattern)) return InvalidField(at, "is no Kubernetes label name");
    if (absl::StrContains(name, "spawner.dev/")) return InvalidField(at, "is set by Spawner");
    if (!Matches(value, kLabelValuePattern)) {
      return InvalidField(at, absl::StrCat("\"", value, "\" is no Kubernetes label value"));
    }
  }
  return absl::OkStatus();
}

absl::Status ValidateStrings(absl::string_view field, const std::vector<std::string>& values) {
  for (size_t i = 0; i < values.size(); ++i) {
    if (values[i].find('\0') != std::string::npos) {
      return InvalidField(absl::StrCat(field, "[", i, "]"), "has a NUL byte");
    }
  }
  return absl::OkStatus();
}

// Reads one field of the annotation; a wrong type is an error, an absent field keeps its default.
class Reader {
 public:
  explicit Reader(const json& object) : object_(object) {}

  template <typename T>
  void Read(const char* field, T& out) {
    const auto found = object_.find(field);
    if (found == object_.end()) return;
    if (!Take(*found, out)) Fail(field);
  }
  absl::Status status() const { return status_; }

 private:
  static bool Take(const json& value, std::string& out) {
    if (!value.is_string()) return false;
    out = value.get<std::string>();
    return true;
  }
  static bool Take(const json& value, bool& out) {
    if (!value.is_boolean()) return false;
    out = value.get<bool>();
    return true;
  }
  static bool Take(const json& value, uint16_t& out) {
    if (!value.is_number_unsigned() || value.get<uint64_t>() > 65535) return false;
    out = static_cast<uint16_t>(value.get<uint64_t>());
    return true;
  }
  static bool Take(const json& value, int32_t& out) {
    if (!value.is_number_unsigned() || value.get<uint64_t>() > INT32_MAX) return false;
    out = static_cast<int32_t>(value.get<uint64_t>());
    return true;
  }
  static bool Take(const json& value, BackendProtocol& out) {
    out = BackendProtocol::kH2c;  // the default is not written
    return value == kH2c;
  }
  static bool Take(const json& value, absl::Duration& out) {
    return value.is_string() && absl::ParseDuration(value.get<std::string>(), &out);
  }
  static bool Take(const json& value, std::vector<std::string>& out) {
    if (!value.is_array()) return false;
    for (const json& member : value) {
      if (!Take(member, out.emplace_back())) return false;
    }
    return true;
  }
  static bool Take(const json& value, std::map<std::string, std::string>& out) {
    if (!value.is_object()) return false;
    for (const auto& [name, member] : value.items()) {
      if (!Take(member, out[name])) return false;
    }
    return true;
  }
  void Fail(const char* field) {
    if (status_.ok()) status_ = InvalidField(absl::StrCat("spec.", field), "is of a wrong type");
  }

  const json& object_;
  absl::Status status_;
};

absl::Status ValidateOrigins(absl::string_view field, const std::vector<std::string>& origins) {
  if (origins.size() > kOriginsMax) {
    return InvalidField(field, absl::StrCat(origins.size(), " of them, at most ", kOriginsMax));
  }
  for (const std::string& origin : origins) {
    if (const absl::Status status = CheckOriginPattern(origin); !status.ok()) {
      return InvalidField(field, absl::StrCat("\"", absl::CHexEscape(origin.substr(0, 100)), "\" ",
                                              status.message()));
    }
  }
  return absl::OkStatus();
}

absl::Status ValidateIgnorePaths(const std::vector<std::string>& paths) {
  constexpr char kField[] = "spec.idle.ignore_paths";
  if (paths.size() > kIgnorePathsMax) {
    return InvalidField(kField, absl::StrCat(paths.size(), " of them, at most ", kIgnorePathsMax));
  }
  for (const std::string& path : paths) {
    if (path.size() > kIgnorePathBytesMax) {
      return InvalidField(
          kField, absl::StrCat("one has ", path.size(), " bytes, at most ", kIgnorePathBytesMax));
    }
    // As it stands in a request line, without a query.
    if (!Matches(path, kPathPattern) || path.find_first_of("?#") != std::string::npos ||
        path.find('*') < path.size() - 1) {
      return InvalidField(kField,
                          absl::StrCat("\"", absl::CHexEscape(path),
                                       "\" is no path such as /healthz or /poll/*: it begins with "
                                       "'/', has no query, and '*' stands at the end only"));
    }
  }
  return absl::OkStatus();
}

absl::Status ValidateAccess(const Access& access) {
  RETURN_IF_ERROR(ValidateOrigins("spec.access.allowed_origins", access.allowed_origins));
  RETURN_IF_ERROR(ValidateOrigins("spec.access.embed_origins", access.embed_origins));
  if (access.max_connections < 0) {
    return InvalidField("spec.access.max_connections", "is negative; 0 means no limit");
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status ValidateSpec(const SessionSpec& spec, size_t wire_bytes) {
  if (!spec.template_name.empty() && !spec.image.empty()) {
    return InvalidField("spec.template", "excludes spec.image; set one of them");
  }
  if (spec.template_name.empty() && spec.image.empty()) {
    return InvalidField("spec.image", "is missing; a session needs an image or a template");
  }
  if (!spec.template_name.empty()) RETURN_IF_ERROR(ValidateTemplateName(spec.template_name));
  if (!spec.image.empty()) RETURN_IF_ERROR(ValidateImage(spec.image));
  if (spec.port == 0) return InvalidField("spec.port", "0 is not within 1 to 65535");
  RETURN_IF_ERROR(ValidateStrings("spec.command", spec.command));
  RETURN_IF_ERROR(ValidateStrings("spec.args", spec.args));
  RETURN_IF_ERROR(ValidateEnv(spec.env));
  RETURN_IF_ERROR(ValidateResources("spec.resources.requests", spec.requests));
  RETURN_IF_ERROR(ValidateResources("spec.resources.limits", spec.limits));
  RETURN_IF_ERROR(ValidateLabels(spec.labels));
  RETURN_IF_ERROR(ValidateTimes(spec));
  RETURN_IF_ERROR(ValidateIgnorePaths(spec.idle.ignore_paths));
  RETURN_IF_ERROR(ValidateAccess(spec.access));
  RETURN_IF_ERROR(ValidateClaims(spec.volume_claims));
  if (wire_bytes > kSpecBytesMax / kJsonOfWireMax) {
    const size_t size = EncodeSpec(spec).size();
    if (size > kSpecBytesMax) {
      return InvalidField("spec", absl::StrCat(size, " bytes as JSON, at most ", kSpecBytesMax));
    }
  }
  if (!spec.pod_overrides_json.empty()) {
    ASSIGN_OR_RETURN(const json patch,
                     ParseJsonObject("spec.pod_overrides", spec.pod_overrides_json));
    RETURN_IF_ERROR(ValidateOverrides(patch));
  }
  return absl::OkStatus();
}

std::string EncodeSpec(const SessionSpec& spec) {
  const auto duration = [](absl::Duration d) { return absl::FormatDuration(d); };
  json object{
      {"template", spec.template_name},
      {"image", spec.image},
      {"command", spec.command},
      {"args", spec.args},
      {"env", spec.env},
      {"port", spec.port},
      {"requests", spec.requests},
      {"limits", spec.limits},
      {"labels", spec.labels},
      {"pod_overrides", spec.pod_overrides_json},
      {"grace", duration(spec.idle.grace)},
      {"initial_grace", duration(spec.idle.initial_grace)},
      {"never_idle", spec.idle.never},
      {"max", duration(spec.lifetime.max)},
      {"start_timeout", duration(spec.lifetime.start_timeout)},
      {"stop_grace", duration(spec.lifetime.stop_grace)},
      {"retention", duration(spec.lifetime.retention)},
      {"token_required", spec.access.token_required},
      {"strip_prefix", spec.access.strip_prefix},
      {"allowed_origins", spec.access.allowed_origins},
      {"embed_origins", spec.access.embed_origins},
      {"max_connections", spec.access.max_connections},
  };
  if (spec.idle.warn_before > absl::ZeroDuration()) {
    object["warn_before"] = duration(spec.idle.warn_before);
  }
  if (!spec.idle.ignore_paths.empty()) object["ignore_paths"] = spec.idle.ignore_paths;
  if (spec.idle.hold_max != IdlePolicy().hold_max)
    object["hold_max"] = duration(spec.idle.hold_max);
  // Not its default: an annotation of before the field was there reads and writes the same.
  if (spec.protocol == BackendProtocol::kH2c) object["protocol"] = kH2c;
  if (!spec.volume_claims.empty()) object["volume_claims"] = EncodeClaims(spec.volume_claims);
  return ToText(object);
}

absl::StatusOr<SessionSpec> DecodeSpec(absl::string_view text) {
  ASSIGN_OR_RETURN(const json object, ParseJsonObject("spec", text));
  SessionSpec spec;
  Reader reader(object);
  reader.Read("template", spec.template_name);
  reader.Read("image", spec.image);
  reader.Read("command", spec.command);
  reader.Read("args", spec.args);
  reader.Read("env", spec.env);
  reader.Read("port", spec.port);
  reader.Read("requests", spec.requests);
  reader.Read("limits", spec.limits);
  reader.Read("labels", spec.labels);
  reader.Read("pod_overrides", spec.pod_overrides_json);
  reader.Read("grace", spec.idle.grace);
  reader.Read("initial_grace", spec.idle.initial_grace);
  reader.Read("never_idle", spec.idle.never);
  reader.Read("warn_before", spec.idle.warn_before);
  reader.Read("ignore_paths", spec.idle.ignore_paths);
  reader.Read("hold_max", spec.idle.hold_max);
  reader.Read("max", spec.lifetime.max);
  reader.Read("start_timeout", spec.lifetime.start_timeout);
  reader.Read("stop_grace", spec.lifetime.stop_grace);
  reader.Read("retention", spec.lifetime.retention);
  reader.Read("token_required", spec.access.token_required);
  reader.Read("strip_prefix", spec.access.strip_prefix);
  reader.Read("allowed_origins", spec.access.allowed_origins);
  reader.Read("embed_origins", spec.access.embed_origins);
  reader.Read("max_connections", spec.access.max_connections);
  reader.Read("protocol", spec.protocol);
  RETURN_IF_ERROR(reader.status());
  if (const auto claims = object.find("volume_claims"); claims != object.end()) {
    ASSIGN_OR_RETURN(spec.volume_claims, DecodeClaims(*claims));
  }
  return spec;
}

absl::Status ValidateKey(absl::string_view name, absl::string_view tag) {
  for (const auto& [field, text] :
       {std::pair<absl::string_view, absl::string_view>{"key.name", name}, {"key.tag", tag}}) {
    if (text.size() > kKeyBytesMax) {
      return InvalidField(field, absl::StrCat(text.size(), " bytes, at most ", kKeyBytesMax));
    }
    for (const char c : text) {
      const unsigned char byte = static_cast<unsigned char>(c);
      if (byte < 0x20 || byte == 0x7f) return InvalidField(field, "has a control character");
    }
  }
  if (name.empty() && !tag.empty()) return InvalidField("key.tag", "needs a key.name");
  return absl::OkStatus();
}

}  // namespace spawner
