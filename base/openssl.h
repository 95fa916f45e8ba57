#ifndef SPAWNER_BASE_OPENSSL_H_
#define SPAWNER_BASE_OPENSSL_H_

#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/x509.h>

#include <memory>

// OpenSSL's objects with an owner.
namespace spawner {

template <auto kFree>
struct OpensslFree {
  template <typename T>
  void operator()(T* object) const {
    kFree(object);
  }
};
inline void FreeChain(STACK_OF(X509) * chain) { sk_X509_pop_free(chain, X509_free); }

using BioPtr = std::unique_ptr<BIO, OpensslFree<BIO_free_all>>;
using ChainPtr = std::unique_ptr<STACK_OF(X509), OpensslFree<FreeChain>>;
using KeyPtr = std::unique_ptr<EVP_PKEY, OpensslFree<EVP_PKEY_free>>;
using X509Ptr = std::unique_ptr<X509, OpensslFree<X509_free>>;

}  // namespace spawner

#endif  // SPAWNER_BASE_OPENSSL_H_
