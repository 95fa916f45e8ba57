#ifndef SPAWNER_PROXY_TLS_TLS_BIO_H_
#define SPAWNER_PROXY_TLS_TLS_BIO_H_

#include <cstddef>

#include "proxy/tls/openssl.h"

namespace spawner::proxy {

class TlsConnection;

// OpenSSL's way to the socket of a TlsConnection: reads it; gathers what is to be written in
// TlsBench::cipher, so that it never has to try again and one system call writes many records.
struct TlsBio {
  static BioMethodPtr MakeMethod();
  // Null: out of memory.
  static BIO* New(const BIO_METHOD* method, TlsConnection& connection);

  static int Read(BIO* bio, char* bytes, size_t size, size_t* count);
  static int Write(BIO* bio, const char* bytes, size_t size, size_t* count);
};

}  // namespace spawner::proxy

#endif  // SPAWNER_PROXY_TLS_TLS_BIO_H_
