#include "cli/probe.h"

#include <netdb.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <ctime>
#include <memory>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"

namespace spawner::cli {
namespace {

constexpr int kTimeoutSeconds = 5;  // of each: connect, each read and write
constexpr int kDaysLow = 14;        // ACME renews at 30

template <auto Free>
struct Deleter {
  template <typename T>
  void operator()(T* t) const {
    Free(t);
  }
};
using SslContext = std::unique_ptr<SSL_CTX, Deleter<SSL_CTX_free>>;
using Ssl = std::unique_ptr<SSL, Deleter<SSL_free>>;
using Certificate = std::unique_ptr<X509, Deleter<X509_free>>;

class Socket {
 public:
  explicit Socket(int descriptor) : descriptor_(descriptor) {}
  Socket(Socket&& other) noexcept : descriptor_(std::exchange(other.descriptor_, -1)) {}
  ~Socket() {
    if (descriptor_ >= 0) close(descriptor_);
  }
  int get() const { return descriptor_; }

 private:
  int descriptor_;
};

struct Place {
  bool is_https = false;
  std::string host;
  std::string port;
};

Place Parse(absl::string_view url) {
  Place place;
  place.is_https = absl::ConsumePrefix(&url, "https://");
  if (!place.is_https) absl::ConsumePrefix(&url, "http://");
  const absl::string_view authority = url.substr(0, url.find('/'));
  const size_t colon = authority.rfind(':');
  const bool has_port = colon != authority.npos && authority.find(']', colon) == authority.npos;
  place.host = std::string(has_port ? authority.substr(0, colon) : authority);
  if (absl::StartsWith(place.host, "[")) place.host = place.host.substr(1, place.host.size() - 2);
  place.port = has_port ? std::string(authority.substr(colon + 1)) : place.is_https ? "443" : "80";
  return place;
}

std::string Numeric(const addrinfo& address) {
  char text[NI_MAXHOST] = "";
  getnameinfo(address.ai_addr, address.ai_addrlen, text, sizeof(text), nullptr, 0, NI_NUMERICHOST);
  return text;
}

// The first address that answers; -1 and errno of the last otherwise.
Socket Dial(const addrinfo* addresses) {
  for (const addrinfo* a = addresses; a != nullptr; a = a->ai_next) {
    Socket socket(::socket(a->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0));
    if (socket.get() < 0) continue;
    const timeval timeout{.tv_sec = kTimeoutSeconds, .tv_usec = 0};  // connect heeds SO_SNDTIMEO
    setsockopt(socket.get(), SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof(timeout));
    setsockopt(socket.get(), SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout));
    if (connect(socket.get(), a->ai_addr, a->ai_addrlen) == 0) return socket;
  }
  return Socket(-1);
}

int DaysLeft(const X509* certificate, absl::Time now) {
  const time_t seconds = absl::ToTimeT(now);
  ASN1_TIME* const at = ASN1_TIME_set(nullptr, seconds);
  int days = 0;
  int rest = 0;
  ASN1_TIME_diff(&days, &rest, at, X509_get0_notAfter(certificate));
  ASN1_TIME_free(at);
  return days;
}

v1::DiagnoseResponse ProbeTls(const Place& place, const Socket& socket, absl::Time now) {
  constexpr char kCheck[] = "proxies.certificate";
  constexpr char kRemedy[] =
      "give the proxies a certificate for *.BASE-DOMAIN of an authority that browsers trust "
      "(--tls-cert, --tls-key; docs/install.md)";
  const SslContext context(SSL_CTX_new(TLS_client_method()));
  SSL_CTX_set_default_verify_paths(context.get());
  SSL_CTX_set_verify(context.get(), SSL_VERIFY_NONE, nullptr);  // we want to say what is wrong
  const Ssl ssl(SSL_new(context.get()));
  SSL_set_tlsext_host_name(ssl.get(), place.host.c_str());
  SSL_set1_host(ssl.get(), place.host.c_str());
  SSL_set_fd(ssl.get(), socket.get());
  const bool is_open = SSL_connect(ssl.get()) == 1;
  const Certificate certificate(is_open ? SSL_get1_peer_certificate(ssl.get()) : nullptr);
  if (certificate == nullptr) {
    return Finding(kCheck, false,
                   absl::StrCat("the TLS handshake with ", place.host, ":", place.port, " fails"),
                   kRemedy);
  }
  const long verdict = SSL_get_verify_result(ssl.get());
  const int days = DaysLeft(certificate.get(), now);
  if (verdict != X509_V_OK) {
    return Finding(kCheck, false,
                   absl::StrCat("the certificate that answers for ", place.host, ": ",
                                X509_verify_cert_error_string(verdict)),
                   kRemedy);
  }
  return Finding(kCheck, days >= kDaysLow,
                 absl::StrCat("good for ", place.host, ", ", days, " days left"),
                 "renew it now: whatever renews it is late");
}

}  // namespace

v1::DiagnoseResponse Finding(const char* check, bool ok, const std::string& message,
                             const std::string& remedy) {
  v1::DiagnoseResponse finding;
  finding.set_check(check);
  finding.set_ok(ok);
  finding.set_message(message);
  if (!ok) finding.set_remedy(remedy);
  return finding;
}

std::vector<v1::DiagnoseResponse> ProbeUrl(const std::string& url, absl::Time now) {
  const Place place = Parse(url);
  std::vector<v1::DiagnoseResponse> findings;
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* addresses = nullptr;
  const int error = getaddrinfo(place.host.c_str(), place.port.c_str(), &hints, &addresses);
  if (error != 0) {
    findings.push_back(Finding(
        "dns.sessions", false, absl::StrCat(place.host, " does not resolve: ", gai_strerror(error)),
        "make a wildcard record (*.BASE-DOMAIN) that points at the proxies' load balancer"));
    return findings;
  }
  findings.push_back(
      Finding("dns.sessions", true, absl::StrCat(place.host, " is ", Numeric(*addresses)), ""));
  const Socket socket = Dial(addresses);
  freeaddrinfo(addresses);
  if (socket.get() < 0) {
    findings.push_back(Finding(
        "proxies.reachable", false,
        absl::StrCat("nobody answers at ", place.host, ":", place.port, ": ", std::strerror(errno)),
        "see that the proxies run, that the load balancer's port leads to them, and that no "
        "firewall is between"));
    return findings;
  }
  findings.push_back(Finding("proxies.reachable", true,
                             absl::StrCat(place.host, ":", place.port, " answers"), ""));
  if (place.is_https) findings.push_back(ProbeTls(place, socket, now));
  return findings;
}

}  // namespace spawner::cli
