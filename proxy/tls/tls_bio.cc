#include "proxy/tls/tls_bio.h"

#include "base/check.h"
#include "proxy/tls/tls_connection.h"

namespace spawner::proxy {
namespace {

long Control(BIO*, int command, long, void*) { return command == BIO_CTRL_FLUSH ? 1 : 0; }

}  // namespace

BioMethodPtr TlsBio::MakeMethod() {
  BioMethodPtr method(BIO_meth_new(BIO_TYPE_SOURCE_SINK, "socket of an Io"));
  SPAWNER_CHECK(method != nullptr);
  BIO_meth_set_read_ex(method.get(), &TlsBio::Read);
  BIO_meth_set_write_ex(method.get(), &TlsBio::Write);
  BIO_meth_set_ctrl(method.get(), &Control);
  return method;
}

BIO* TlsBio::New(const BIO_METHOD* method, TlsConnection& connection) {
  BIO* const bio = BIO_new(method);
  if (bio == nullptr) return nullptr;
  BIO_set_data(bio, &connection);
  BIO_set_init(bio, 1);
  return bio;
}

int TlsBio::Read(BIO* bio, char* bytes, size_t size, size_t* count) {
  TlsConnection& connection = *static_cast<TlsConnection*>(BIO_get_data(bio));
  BIO_clear_retry_flags(bio);
  *count = 0;
  if (connection.has_eof_) return 0;
  if (!connection.is_readable_) {
    BIO_set_retry_read(bio);
    return 0;
  }
  const IoResult read = connection.bench_.inner.Read(connection.socket_, bytes, size);
  switch (read.kind) {
    case IoResult::Kind::kBytes:
      // As Stream: a short read means drained, but an end behind it has no edge of its own.
      if (read.size < size && !connection.is_hung_up_) connection.is_readable_ = false;
      *count = read.size;
      return 1;
    case IoResult::Kind::kBlocked:
      connection.is_readable_ = false;
      BIO_set_retry_read(bio);
      return 0;
    case IoResult::Kind::kEnd:
      connection.has_eof_ = connection.is_hung_up_ = true;
      return 0;
    case IoResult::Kind::kFailed:
      connection.has_eof_ = connection.is_hung_up_ = connection.is_dead_ = true;
      connection.error_ = read.error;
      return 0;
  }
  return 0;
}

int TlsBio::Write(BIO* bio, const char* bytes, size_t size, size_t* count) {
  BIO_clear_retry_flags(bio);
  static_cast<TlsConnection*>(BIO_get_data(bio))->bench_.cipher.append(bytes, size);
  *count = size;
  return 1;
}

}  // namespace spawner::proxy
