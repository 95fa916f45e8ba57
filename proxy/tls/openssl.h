#ifndef SPAWNER_PROXY_TLS_OPENSSL_H_
#define SPAWNER_PROXY_TLS_OPENSSL_H_

#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/ssl.h>

#include <memory>
#include <string>

#include "base/openssl.h"

// OpenSSL's objects of a connection, with an owner.
namespace spawner::proxy {

using BioMethodPtr = std::unique_ptr<BIO_METHOD, OpensslFree<BIO_meth_free>>;
using CipherPtr = std::unique_ptr<EVP_CIPHER, OpensslFree<EVP_CIPHER_free>>;
using SslContextPtr = std::unique_ptr<SSL_CTX, OpensslFree<SSL_CTX_free>>;
using SslPtr = std::unique_ptr<SSL, OpensslFree<SSL_free>>;

// The oldest error of this thread in OpenSSL's words; all are taken from its queue.
std::string TakeOpensslError();

}  // namespace spawner::proxy

#endif  // SPAWNER_PROXY_TLS_OPENSSL_H_
