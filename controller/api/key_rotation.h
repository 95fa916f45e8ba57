#ifndef SPAWNER_CONTROLLER_API_KEY_ROTATION_H_
#define SPAWNER_CONTROLLER_API_KEY_ROTATION_H_

#include <functional>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace spawner::api {

// The new key's id, and when those before it stop counting.
struct Rotated {
  std::string key_id;
  absl::Time retire_time;
};
using RotateDone = std::function<void(absl::StatusOr<Rotated>)>;
// KeyStore::Rotate. Called on the loop.
using KeyRotation = std::function<void(absl::Duration overlap, RotateDone done)>;

}  // namespace spawner::api

#endif  // SPAWNER_CONTROLLER_API_KEY_ROTATION_H_
