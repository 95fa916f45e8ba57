#ifndef SPAWNER_CONTROLLER_KEY_STORE_H_
#define SPAWNER_CONTROLLER_KEY_STORE_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "base/clock.h"
#include "base/random.h"
#include "controller/api/key_ring.h"
#include "controller/api/key_rotation.h"
#include "controller/kube/kube_client.h"

namespace spawner {

// The installation's secrets, which the Secret `spawner-keys` in our own namespace holds; the first
// controller makes it. Tries until it has them; a Secret that is malformed is never overwritten.
// Afterwards it is read again every kKeysRereadEvery: another controller may have rotated the keys.
// Thread: the loop's. Owner: main().
class KeyStore {
 public:
  KeyStore(kube::KubeClient& client, Random& random, std::string ns);
  KeyStore(const KeyStore&) = delete;
  KeyStore& operator=(const KeyStore&) = delete;

  // Starts what is due. Call in every turn of the loop. `wall`: keys retire by it.
  void Step(Instant now, absl::Time wall);
  // When Step wants to be called next, at the latest.
  Instant NextWake() const;

  const std::optional<api::KeyRing>& ring() const { return ring_; }
  // Another one whenever `ring` is.
  uint64_t serial() const { return serial_; }
  // Of the last try that failed: "keys: get secret spawner-keys: connection refused".
  const absl::Status& status() const { return status_; }

  // A new signing key, the former good for `overlap` more. Proxies have to know the new one before
  // anybody comes with its tokens: `done` is called when it signs, kSignAfter after it was written,
  // or at once where the former is gone. RESOURCE_EXHAUSTED / RATE_LIMITED while another rotation
  // is under way, or too many former keys still count; what Kubernetes said otherwise.
  void Rotate(absl::Duration overlap, api::RotateDone done);

 private:
  struct Rotation {
    absl::Duration overlap;
    api::RotateDone done;
    int conflicts = 0;
    bool is_written = false;
    absl::Time retire_time;
  };

  void Ask();
  void OnGet(const absl::StatusOr<std::string>& json);
  void OnCreate(const absl::StatusOr<std::string>& json);
  void WriteRotation(const std::string& json);
  void OnReplace(const absl::StatusOr<std::string>& json);
  void EndRotation(const absl::StatusOr<api::Rotated>& result);
  void Take(const absl::StatusOr<std::string>& json);
  void Adopt(api::KeyRing ring);
  void SignWithNext();
  void Fail(const absl::Status& status);
  bool IsDue(Instant now) const;

  kube::KubeClient& client_;
  Random& random_;
  const std::string ns_;
  const std::string path_;
  std::optional<api::KeyRing> ring_;
  uint64_t serial_ = 0;
  std::optional<SigningKey> next_;  // signs from `sign_at_` on
  Instant sign_at_ = Instant::Infinite();
  std::optional<Rotation> rotation_;
  absl::Status status_;
  bool is_asking_ = false;
  bool is_create_due_ = false;
  int failures_ = 0;
  bool is_wait_due_ = false;  // the next Step sets `not_before_`
  Instant not_before_;
  Instant now_;  // of the last Step
  absl::Time wall_;
  Instant retire_at_ = Instant::Infinite();
};

}  // namespace spawner

#endif  // SPAWNER_CONTROLLER_KEY_STORE_H_
