#ifndef SPAWNER_CONTROLLER_SESSION_POD_TEMPLATE_H_
#define SPAWNER_CONTROLLER_SESSION_POD_TEMPLATE_H_

#include <map>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "base/boxed.h"
#include "base/ids.h"
#include "controller/kube/pod.h"
#include "controller/session/overrides.h"
#include "controller/session/revocations.h"
#include "controller/session/session.h"
#include "controller/session/session_template.h"
#include "controller/session/shared_spec.h"
#include "controller/session/spec.h"

// A session as its pod holds it: the only memory there is. Built once at creation, read back after
// every restart.
namespace spawner {

constexpr char kSessionLabel[] = "spawner.dev/session";
constexpr char kManagedLabel[] = "spawner.dev/managed";
// The container that serves, if that is not "backend".
constexpr char kContainerAnnotation[] = "spawner.dev/container";
constexpr char kManagedSelector[] = "spawner.dev/managed=true";

// Which incarnation of which session a pod is.
struct PodIdentity {
  std::string ns;
  SessionId id;
  Epoch epoch;
  SessionKey key;
  Boxed<std::string> request_id;    // of the Connect that created it
  Boxed<std::string> payload_hash;  // of that request
  Boxed<std::string> user;          // of its grant: whom the session was started for
};

// How a session ended, as its pod records it.
struct EndRecord {
  EndReason reason = EndReason::kNone;
  std::string message;
  absl::Time end_time;
  // Annotations that are written along ("": removed); never read back here. The first are this
  // end's own; `notes` replace what another may have written since, so they need the pod unchanged.
  std::map<std::string, std::string> record = {};
  std::map<std::string, std::string> notes = {};
};

struct SessionPod {
  Boxed<EndRecord> end;  // durable: the end is decided
  Boxed<Revocations> revocations;
  // The annotation can't be read: nobody knows what it took back, so it has to count as everything
  // issued until now. `revocations` is empty then.
  bool are_revocations_mangled = false;
  kube::PodState pod;
};

struct IdentifiedPod : SessionPod {
  PodIdentity identity;
  SharedSpec spec;
  std::string name;  // of the pod
};

// "{id}-{leadership}-{counter}": a DNS label for every id of 26 characters.
std::string PodName(const SessionId& id, Epoch epoch);

// The JSON of the pod to create: of the spec's image, or `from` a template that the spec has been
// resolved with (ResolveSpec). INVALID_FIELD if the spec's overrides can't be merged.
// `revocations`: of the key's former incarnations.
absl::StatusOr<std::string> BuildPod(const PodIdentity& identity, const SessionSpec& spec,
                                     const SessionTemplate* from = nullptr,
                                     const Revocations& revocations = {});

// The container that serves the session.
std::string BackendContainerOf(const kube::PodState& pod);

// INVALID_ARGUMENT names the label or annotation that is missing or mangled.
// Of the pod's own labels and annotations only those stay that are not read here. `specs`: where
// what is the same for many sessions is kept once.
absl::StatusOr<IdentifiedPod> ParseSessionPod(kube::Pod pod, SpecPool* specs = nullptr);

// The ending write, a JSON merge patch with the pod's uid as precondition, and with its
// resourceVersion if the end has notes: reason, message, time, and `activeDeadlineSeconds: 1` if
// `stops` (a pod that still runs).
std::string EndPatch(const kube::PodState& pod, const EndRecord& end, bool stops);

// A JSON merge patch that sets annotations (removes them where the value is ""), with the pod's uid
// and resourceVersion as preconditions.
std::string NotesPatch(const kube::PodState& pod, const std::map<std::string, std::string>& notes);

}  // namespace spawner

#endif  // SPAWNER_CONTROLLER_SESSION_POD_TEMPLATE_H_
