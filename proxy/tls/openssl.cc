#include "proxy/tls/openssl.h"

#include <openssl/err.h>

namespace spawner::proxy {

std::string TakeOpensslError() {
  const unsigned long error = ERR_get_error();
  ERR_clear_error();
  if (error == 0) return "no reason given";
  const char* const reason = ERR_reason_error_string(error);
  return reason != nullptr ? reason : "unknown error";
}

}  // namespace spawner::proxy
