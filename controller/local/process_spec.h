#ifndef SPAWNER_CONTROLLER_LOCAL_PROCESS_SPEC_H_
#define SPAWNER_CONTROLLER_LOCAL_PROCESS_SPEC_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "base/json.h"
#include "controller/local/api_error.h"

namespace spawner::local {

// How a pod's one container runs as a process.
struct ProcessSpec {
  std::vector<std::string> argv;         // never empty
  std::vector<std::string> environment;  // "NAME=value"
  std::string working_dir;               // empty: the controller's
  std::optional<uint16_t> port;          // where it becomes ready; none: ready at its start
};

// What all processes get beside what their pod says.
struct ProcessDefaults {
  std::string path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
  std::string home = "/";
};

// Appends each field of a checked pod that a plain process can't have: it is refused, not ignored.
// Resources and security contexts are let through: a process runs as the controller's own user.
void CheckLocalPod(const Json& pod, std::vector<FieldFault>& faults);

// True if the container names no command: there is only an image, which local mode can't run.
bool IsImageOnly(const Json& pod);

// Of a pod that CheckLocalPod let pass and that is not IsImageOnly. HOST is `ip`; PORT is the
// container's own or its first port. $(NAME) in command, args and env is replaced as a kubelet
// does.
ProcessSpec MakeProcessSpec(const Json& pod, const std::string& ip,
                            const ProcessDefaults& defaults);

}  // namespace spawner::local

#endif  // SPAWNER_CONTROLLER_LOCAL_PROCESS_SPEC_H_
