#ifndef SPAWNER_CONTROLLER_AUTH_CERTIFICATE_H_
#define SPAWNER_CONTROLLER_AUTH_CERTIFICATE_H_

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "controller/auth/caller.h"

namespace spawner::auth {

// Who a client certificate is, as in Kubernetes: the subject's CN is the name, each O a group.
// Without a CN the name is the first URI of its alternative names (SPIFFE). `pem` begins with the
// certificate, which TLS has verified. TOKEN_INVALID if it names nobody.
absl::StatusOr<CallerPtr> CallerOfCertificate(absl::string_view pem);

}  // namespace spawner::auth

#endif  // SPAWNER_CONTROLLER_AUTH_CERTIFICATE_H_
