#ifndef SPAWNER_CONTROLLER_SESSION_SHARED_SPEC_H_
#define SPAWNER_CONTROLLER_SESSION_SHARED_SPEC_H_

#include <array>
#include <cstddef>
#include <memory>

#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "controller/session/spec.h"

namespace spawner {

// A SessionSpec as a value whose copies are one object: a small spec takes 1.7 kB, and there are
// several copies for each session.
class SharedSpec {
 public:
  SharedSpec();
  SharedSpec(SessionSpec spec);  // NOLINT(google-explicit-constructor): it stands for one

  const SessionSpec& operator*() const { return *spec_; }
  const SessionSpec* operator->() const { return spec_.get(); }

  friend bool operator==(const SharedSpec& a, const SharedSpec& b) {
    return a.spec_ == b.spec_ || *a.spec_ == *b.spec_;
  }

 private:
  friend class SpecPool;
  explicit SharedSpec(std::shared_ptr<SessionSpec> spec) : spec_(std::move(spec)) {}

  std::shared_ptr<SessionSpec> spec_;
};

// One object for each text of spawner.dev/spec: the sessions of an application mostly have the
// same. Thread: its owner's.
class SpecPool {
 public:
  // DecodeSpec, and its errors.
  absl::StatusOr<SharedSpec> Decode(absl::string_view json);

  // Of specs that somebody holds, and of some that nobody does any more.
  size_t size() const { return specs_.size(); }

 private:
  using Digest = std::array<char, 16>;  // of SHA-256: nobody finds two texts with the same

  absl::flat_hash_map<Digest, std::weak_ptr<SessionSpec>> specs_;
  size_t purge_at_ = 64;
};

}  // namespace spawner

#endif  // SPAWNER_CONTROLLER_SESSION_SHARED_SPEC_H_
