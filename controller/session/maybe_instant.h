#ifndef SPAWNER_CONTROLLER_SESSION_MAYBE_INSTANT_H_
#define SPAWNER_CONTROLLER_SESSION_MAYBE_INSTANT_H_

#include "base/clock.h"

namespace spawner {

// std::optional<Instant> in 8 bytes: every session has eight of them.
class MaybeInstant {
 public:
  MaybeInstant() = default;
  MaybeInstant(Instant at) : at_(at) {}  // NOLINT: implicit, as std::optional's is

  bool has_value() const { return at_ != Instant::Infinite(); }
  void reset() { at_ = Instant::Infinite(); }
  Instant operator*() const { return at_; }
  bool operator==(const MaybeInstant&) const = default;

 private:
  Instant at_ = Instant::Infinite();  // none
};

}  // namespace spawner

#endif  // SPAWNER_CONTROLLER_SESSION_MAYBE_INSTANT_H_
