#include "controller/api/grpc_log.h"

#include <grpc/support/log.h>

#include "base/log.h"

namespace spawner::api {
namespace {

void LogOne(gpr_log_func_args* args) {
  // What gRPC calls an error is often a peer that left; what matters comes back as a status too.
  const LogLevel level =
      args->severity == GPR_LOG_SEVERITY_ERROR ? LogLevel::kWarning : LogLevel::kDebug;
  Log(level, "grpc_logged",
      {{"message", args->message}, {"file", args->file}, {"line", args->line}});
}

}  // namespace

void SendGrpcLogToOurs() {
  gpr_set_log_verbosity(GPR_LOG_SEVERITY_ERROR);
  gpr_set_log_function(LogOne);
}

}  // namespace spawner::api
