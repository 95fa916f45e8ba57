#ifndef SPAWNER_CONTROLLER_SECURITY_H_
#define SPAWNER_CONTROLLER_SECURITY_H_

#include <string>

#include "absl/status/statusor.h"
#include "base/clock.h"
#include "base/grpc_security.h"
#include "controller/auth/guard.h"
#include "controller/security_flags.h"

namespace spawner {

// What the flags of who may call ask for, opened.
struct Security {
  auth::Ways ways;
  TlsServerFiles tls;
  TlsClientFiles peer_tls;  // of calls to another controller
};

// INVALID_ARGUMENT says which file is wrong. Logs what an operator should know.
// `system_namespace` is the controller's own.
absl::StatusOr<Security> OpenSecurity(const SecurityFlags& flags, const Address& listen,
                                      const std::string& system_namespace, const Clock& clock);

}  // namespace spawner

#endif  // SPAWNER_CONTROLLER_SECURITY_H_
