#include "proxy/tls/tls_files.h"

#include <sys/stat.h>

#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "base/certificate.h"
#include "base/file.h"
#include "base/log.h"
#include "base/status.h"
#include "proxy/tls/limits.h"
#include "proxy/tls/tls_context.h"

namespace spawner::proxy {
namespace {

constexpr absl::Duration kExpirySoon = absl::Hours(24 * 7);

absl::StatusOr<std::string> ReadPem(const std::string& path) {
  absl::StatusOr<std::string> text = ReadFile(path, kPemBytesMax);
  if (text.ok()) return text;
  return absl::InvalidArgumentError(
      absl::StrCat(text.status().message(), "; give a file that the proxy may read"));
}

bool IsDirectory(const std::string& path) {
  struct stat status{};
  return stat(path.c_str(), &status) == 0 && S_ISDIR(status.st_mode);
}

void AppendSignature(const std::string& path, std::string* out) {
  struct stat status{};
  if (stat(path.c_str(), &status) != 0) {
    absl::StrAppend(out, "gone\n");
    return;
  }
  absl::StrAppend(out, status.st_ino, " ", status.st_size, " ", status.st_mtim.tv_sec, ".",
                  status.st_mtim.tv_nsec, " ", status.st_ctim.tv_sec, ".", status.st_ctim.tv_nsec,
                  "\n");
}

}  // namespace

absl::StatusOr<std::vector<TlsFiles::Pair>> PairTlsFiles(
    const std::vector<std::string>& certificates, const std::vector<std::string>& keys) {
  std::vector<TlsFiles::Pair> pairs;
  size_t used = 0;
  for (const std::string& certificate : certificates) {
    if (IsDirectory(certificate)) {
      pairs.push_back(
          {absl::StrCat(certificate, "/tls.crt"), absl::StrCat(certificate, "/tls.key")});
    } else if (used < keys.size()) {
      pairs.push_back({certificate, keys[used++]});
    } else {
      return absl::InvalidArgumentError(
          absl::StrCat("\"", certificate,
                       "\" has no key; give one --tls-key for each certificate "
                       "file, or a directory with tls.crt and tls.key"));
    }
  }
  if (used < keys.size()) {
    return absl::InvalidArgumentError(
        absl::StrCat("key \"", keys[used], "\" has no certificate; give one --tls-cert for each"));
  }
  if (pairs.size() > kCertificatesMax) {
    return absl::InvalidArgumentError(
        absl::StrCat("at most ", kCertificatesMax, " certificates are allowed"));
  }
  return pairs;
}

TlsFiles::TlsFiles(Options options, Random& random, const Clock& clock)
    : options_(std::move(options)), random_(random), clock_(clock) {}

TicketKey TlsFiles::NewTicketKey() {
  std::string secret;
  for (int i = 0; i < 4; ++i) {
    const uint64_t word = random_.Next();
    secret.append(reinterpret_cast<const char*>(&word), sizeof(word));
  }
  return TicketKeyFromSecret(secret);
}

// True if there is a new one.
bool TlsFiles::RotateOwnKeys() {
  if (!options_.ticket_keys.empty()) return false;
  if (!own_keys_.empty() && clock_.Now() < rotate_at_) return false;
  rotate_at_ = clock_.Now() + kTicketRotation;
  own_keys_.insert(own_keys_.begin(), NewTicketKey());
  if (own_keys_.size() > kOwnTicketKeys) own_keys_.pop_back();
  return true;
}

std::string TlsFiles::Signature() const {
  std::string signature;
  for (const Pair& pair : options_.pairs) {
    AppendSignature(pair.certificate, &signature);
    AppendSignature(pair.key, &signature);
  }
  if (!options_.ticket_keys.empty()) AppendSignature(options_.ticket_keys, &signature);
  return signature;
}

absl::StatusOr<TlsMaterial> TlsFiles::Read() {
  TlsMaterial material;
  for (const Pair& pair : options_.pairs) {
    CertificatePem pem = {.name = pair.certificate};
    ASSIGN_OR_RETURN(pem.certificate, ReadPem(pair.certificate));
    ASSIGN_OR_RETURN(pem.key, ReadPem(pair.key));
    material.certificates.push_back(std::move(pem));
  }
  if (options_.ticket_keys.empty()) {
    RotateOwnKeys();
    material.ticket_keys = own_keys_;
  } else {
    ASSIGN_OR_RETURN(const std::string text, ReadPem(options_.ticket_keys));
    absl::StatusOr<std::vector<TicketKey>> keys = ParseTicketKeys(text);
    if (!keys.ok()) {
      return absl::InvalidArgumentError(
          absl::StrCat(options_.ticket_keys, ": ", keys.status().message()));
    }
    material.ticket_keys = *std::move(keys);
  }
  // Whether OpenSSL takes it all: the workers do the same with it.
  RETURN_IF_ERROR(TlsContext::Create(material, /*offers_h2=*/false).status());
  return material;
}

absl::StatusOr<TlsMaterial> TlsFiles::Load() {
  next_poll_ = clock_.Now() + kFilePollInterval;
  loaded_ = seen_ = Signature();
  ASSIGN_OR_RETURN(TlsMaterial material, Read());
  expiries_.clear();
  for (const CertificatePem& pem : material.certificates) {
    ASSIGN_OR_RETURN(const Certificate certificate, ParseCertificate(pem));
    const absl::Time now = clock_.WallNow();
    expiries_.push_back({pem.name, certificate.not_after});
    if (certificate.not_after < now) {
      Log(LogLevel::kWarning, "certificate_expired",
          {{"file", pem.name},
           {"not_after", absl::FormatTime(certificate.not_after, absl::UTCTimeZone())},
           {"do", "renew it: clients refuse it; the new file is read without a restart"}});
    } else if (certificate.not_after < now + kExpirySoon) {
      Log(LogLevel::kWarning, "certificate_expires_soon",
          {{"file", pem.name},
           {"not_after", absl::FormatTime(certificate.not_after, absl::UTCTimeZone())}});
    }
    if (certificate.not_before > now) {
      Log(LogLevel::kWarning, "certificate_not_valid_yet",
          {{"file", pem.name}, {"do", "check the clock of this machine"}});
    }
  }
  material_ = material;
  return material;
}

std::optional<TlsMaterial> TlsFiles::Poll() {
  next_poll_ = clock_.Now() + kFilePollInterval;
  const std::string signature = Signature();
  const bool is_quiet = signature == std::exchange(seen_, signature);
  if (is_quiet && signature != loaded_) {
    absl::StatusOr<TlsMaterial> material = Load();
    if (material.ok()) {
      ++reloads_;
      Log(LogLevel::kInfo, "certificates_reloaded",
          {{"certificates", static_cast<int64_t>(material->certificates.size())}});
      return *std::move(material);
    }
    ++reload_failures_;
    Log(LogLevel::kWarning, "certificates_not_reloaded",
        {{"error", std::string(material.status().message())},
         {"do", "mend the file; the certificates of before stay in use"}});
    return std::nullopt;
  }
  if (!RotateOwnKeys()) return std::nullopt;
  material_.ticket_keys = own_keys_;
  return material_;
}

}  // namespace spawner::proxy
