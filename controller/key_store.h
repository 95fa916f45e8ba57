#ifndef SPAWNER_CONTROLLER_KEY_STORE_H_
#define SPAWNER_CONTROLLER_KEY_STORE_H_

#include <memory>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "base/clock.h"
#include "base/random.h"
#include "controller/api/key_ring.h"
#include "controller/kube/kube_client.h"

namespace spawner {

// Gets the installation's secrets from the Secret `spawner-keys` in our own namespace; the first
// controller makes it. Tries until it has them; a Secret that is malformed is never overwritten.
// Thread: the loop's. Owner: main(), before there is a core.
class KeyStore {
 public:
  KeyStore(kube::KubeClient& client, Random& random, std::string ns);
  KeyStore(const KeyStore&) = delete;
  KeyStore& operator=(const KeyStore&) = delete;

  // Starts what is due. Call in every turn of the loop.
  void Step(Instant now);
  // When Step wants to be called next, at the latest.
  Instant NextWake() const;

  const std::optional<api::KeyRing>& ring() const { return ring_; }
  // Of the last try that failed: "keys: get secret spawner-keys: connection refused".
  const absl::Status& status() const { return status_; }

 private:
  void OnGet(const absl::StatusOr<std::string>& json);
  void OnCreate(const absl::StatusOr<std::string>& json);
  void Take(const absl::StatusOr<std::string>& json);
  void Fail(const absl::Status& status);

  kube::KubeClient& client_;
  Random& random_;
  const std::string ns_;
  std::optional<api::KeyRing> ring_;
  absl::Status status_;
  bool is_asking_ = false;
  bool is_create_due_ = false;
  int failures_ = 0;
  bool is_wait_due_ = false;  // the next Step sets `not_before_`
  Instant not_before_;
};

}  // namespace spawner

#endif  // SPAWNER_CONTROLLER_KEY_STORE_H_
