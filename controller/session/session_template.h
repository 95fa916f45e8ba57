#ifndef SPAWNER_CONTROLLER_SESSION_SESSION_TEMPLATE_H_
#define SPAWNER_CONTROLLER_SESSION_SESSION_TEMPLATE_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "controller/session/spec.h"
#include "controller/session/volume_claim.h"
#include "nlohmann/json.hpp"

// A core/v1 PodTemplate that sessions are made from.
namespace spawner {

constexpr char kTemplateLabel[] = "spawner.dev/template";
constexpr char kTemplateSelector[] = "spawner.dev/template=true";
// Annotation of a template: a SessionSpec of the API as JSON, for the fields that a Connect leaves
// open: idle, lifetime, access, protocol, port.
constexpr char kTemplateSpec[] = "spawner.dev/session-spec";

// Annotation of a template: claims for each session, a list in JSON in the form of a StatefulSet's
// volumeClaimTemplates.
constexpr char kTemplateClaims[] = "spawner.dev/volume-claim-templates";

struct SessionTemplate {
  std::string name;
  std::string resource_version;
  nlohmann::json pod;       // its metadata (labels, annotations) and spec
  std::string container;    // that serves: "backend", or the first
  nlohmann::json defaults;  // by the names of spawner.dev/spec
  std::vector<VolumeClaim> claims;
};

// From the JSON of the object. NOT_FOUND / TEMPLATE_NOT_FOUND without the label; INVALID_FIELD
// naming what is missing, of a wrong type, or set although Spawner decides it.
absl::StatusOr<SessionTemplate> ParseSessionTemplate(absl::string_view json);

// `spec` with what it leaves open (SessionSpec::unset) as the template has it, and the template's
// claims but those whose names it has itself. INVALID_FIELD if that is out of its limits.
absl::StatusOr<SessionSpec> ResolveSpec(const SessionSpec& spec, const SessionTemplate& from);

absl::Status TemplateNotFound(absl::string_view ns, absl::string_view name);

}  // namespace spawner

#endif  // SPAWNER_CONTROLLER_SESSION_SESSION_TEMPLATE_H_
