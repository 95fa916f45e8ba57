#ifndef SPAWNER_CONTROLLER_LOCAL_PORT_OWNER_H_
#define SPAWNER_CONTROLLER_LOCAL_PORT_OWNER_H_

#include <sys/types.h>

#include "absl/strings/string_view.h"
#include "base/address.h"

// Local pods have an address each and share the machine's ports: a program that listens on every
// address (0.0.0.0) takes its port from all of them, and answers in their place.
namespace spawner::local {

// True if what answers at `address` is such a program, and none of the processes of `session` (as
// of setsid). By /proc; false if that can't tell.
bool IsAnsweredByAnother(const Address& address, pid_t session);

// True if the end of a program's output says that its port is taken.
bool SaysPortInUse(absl::string_view output);

}  // namespace spawner::local

#endif  // SPAWNER_CONTROLLER_LOCAL_PORT_OWNER_H_
