#ifndef SPAWNER_PROXY_TLS_TLS_FILES_H_
#define SPAWNER_PROXY_TLS_TLS_FILES_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "base/clock.h"
#include "base/random.h"
#include "proxy/tls/material.h"

namespace spawner::proxy {

// The files that certificates and ticket keys come from: read at start, looked at once a second,
// read again when they have changed and are quiet, so that a pair is not read half-written. What
// can't be used is refused with a warning, and what was there stays in use.
// Thread: main. Owner: main.
class TlsFiles {
 public:
  struct Pair {
    std::string certificate;
    std::string key;
  };
  struct Options {
    std::vector<Pair> pairs;
    std::string ticket_keys;  // empty: keys of this process alone, replaced every kTicketRotation
  };
  struct Expiry {
    std::string name;  // of the certificate's file
    absl::Time not_after;
  };

  TlsFiles(Options options, Random& random, const Clock& clock);

  // INVALID_ARGUMENT names the file, what is wrong with it, and what to do.
  absl::StatusOr<TlsMaterial> Load();
  // To be called at next_poll(). The new material, if there is one.
  std::optional<TlsMaterial> Poll();
  Instant next_poll() const { return next_poll_; }

  // For metrics.
  int64_t reloads() const { return reloads_; }
  int64_t reload_failures() const { return reload_failures_; }
  const std::vector<Expiry>& expiries() const { return expiries_; }

 private:
  absl::StatusOr<TlsMaterial> Read();
  // Of all files: times, sizes, inodes. Files that are not there count as such.
  std::string Signature() const;
  TicketKey NewTicketKey();
  bool RotateOwnKeys();

  const Options options_;
  Random& random_;
  const Clock& clock_;
  TlsMaterial material_;  // in use
  std::vector<TicketKey> own_keys_;
  std::vector<Expiry> expiries_;
  std::string loaded_;  // the signature of what is in use, or was refused
  std::string seen_;    // of the last look
  Instant next_poll_ = Instant::Infinite();
  Instant rotate_at_ = Instant::Infinite();
  int64_t reloads_ = 0;
  int64_t reload_failures_ = 0;
};

// "DIR" stands for DIR/tls.crt and DIR/tls.key, as a Secret of type kubernetes.io/tls is mounted;
// any other certificate has a key of its own, in the same order. INVALID_ARGUMENT: "why".
absl::StatusOr<std::vector<TlsFiles::Pair>> PairTlsFiles(
    const std::vector<std::string>& certificates, const std::vector<std::string>& keys);

}  // namespace spawner::proxy

#endif  // SPAWNER_PROXY_TLS_TLS_FILES_H_
