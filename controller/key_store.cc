#include "controller/key_store.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/log.h"
#include "base/status.h"
#include "controller/api/limits.h"

namespace spawner {
namespace {

constexpr char kName[] = "spawner-keys";
constexpr int kDoublingsMax = 10;  // far beyond kKeysRetryMax

absl::Status Busy(absl::string_view why, absl::Duration wait) {
  return WithRetryAfter(WithReason(absl::ResourceExhaustedError(absl::StrCat("rotate keys: ", why)),
                                   "RATE_LIMITED", {{"quota", "key_rotations"}}),
                        wait);
}

}  // namespace

KeyStore::KeyStore(kube::KubeClient& client, Random& random, std::string ns)
    : client_(client),
      random_(random),
      ns_(std::move(ns)),
      path_(absl::StrCat("/api/v1/namespaces/", ns_, "/secrets")) {}

void KeyStore::Step(Instant now, absl::Time wall) {
  now_ = now;
  wall_ = wall;
  if (sign_at_ <= now) SignWithNext();
  if (retire_at_ <= now) {
    api::KeyRing ring = *ring_;
    if (next_.has_value()) ring.signing = *next_;
    Adopt(std::move(ring));
  }
  if (is_asking_) return;
  if (std::exchange(is_wait_due_, false)) {
    const int doublings = std::min(failures_ - 1, kDoublingsMax);
    absl::Duration wait =
        std::min(api::kKeysRetryMin * (int64_t{1} << doublings), api::kKeysRetryMax);
    wait = wait * (0.5 + random_.Unit() / 2);
    not_before_ = now + (failures_ == 0 ? api::kKeysRereadEvery : wait);
  }
  if (IsDue(now)) Ask();
}

bool KeyStore::IsDue(Instant now) const {
  const bool is_rotation_due = rotation_.has_value() && !rotation_->is_written;
  return is_rotation_due || now >= not_before_;
}

Instant KeyStore::NextWake() const {
  const Instant next = std::min(sign_at_, retire_at_);
  if (is_asking_) return next;
  if (is_wait_due_ || IsDue(Instant{})) return Instant{};
  return std::min(next, not_before_);
}

void KeyStore::Ask() {
  is_asking_ = true;
  if (std::exchange(is_create_due_, false)) {
    client_.CreateObject(path_, api::EncodeSecret(api::MakeKeyRing(random_), ns_, kName),
                         [this](const absl::StatusOr<std::string>& json) { OnCreate(json); });
  } else {
    client_.GetObject(absl::StrCat(path_, "/", kName),
                      [this](const absl::StatusOr<std::string>& json) { OnGet(json); });
  }
}

void KeyStore::OnGet(const absl::StatusOr<std::string>& json) {
  is_asking_ = false;
  // One that vanished under us is not made anew: every session id would be another.
  is_create_due_ = absl::IsNotFound(json.status()) && !ring_.has_value();
  if (is_create_due_) return;
  Take(json);
  if (rotation_.has_value() && !rotation_->is_written) {
    if (!status_.ok()) return EndRotation(status_);
    WriteRotation(*json);
  }
}

void KeyStore::OnCreate(const absl::StatusOr<std::string>& json) {
  is_asking_ = false;
  if (json.ok()) Log(LogLevel::kInfo, "keys_created", {{"secret", absl::StrCat(ns_, "/", kName)}});
  // Another controller was first: the next Step gets its keys.
  if (!absl::IsAlreadyExists(json.status())) Take(json);
}

void KeyStore::Take(const absl::StatusOr<std::string>& json) {
  if (!json.ok()) return Fail(json.status());
  absl::StatusOr<api::KeyRing> ring = api::DecodeSecret(*json);
  if (!ring.ok()) return Fail(Annotate(ring.status(), absl::StrCat("secret ", ns_, "/", kName)));
  // Sessions would change their names under their users.
  if (ring_.has_value() && ring->install_secret != ring_->install_secret) {
    return Fail(absl::FailedPreconditionError(
        absl::StrCat("secret ", ns_, "/", kName, ": it is another installation's; restart")));
  }
  status_ = absl::OkStatus();
  failures_ = 0;
  is_wait_due_ = true;
  Adopt(*std::move(ring));
}

// What it says counts from now on; a new key signs a little later, while the one before it still
// counts.
void KeyStore::Adopt(api::KeyRing ring) {
  const absl::Time retire = api::Retire(ring, wall_);
  retire_at_ = retire == absl::InfiniteFuture() ? Instant::Infinite() : now_ + (retire - wall_);
  if (!ring_.has_value()) {
    ring_ = std::move(ring);
    ++serial_;
    return;
  }
  const bool is_same = ring.verification == ring_->verification;
  const bool still_counts =
      std::any_of(ring.verification.begin(), ring.verification.end(),
                  [this](const VerificationKey& key) { return key.id == ring_->signing.id; });
  if (ring.signing.id != ring_->signing.id && still_counts) {
    if (!next_.has_value() || next_->id != ring.signing.id) sign_at_ = now_ + api::kSignAfter;
    next_ = std::exchange(ring.signing, ring_->signing);
  } else {
    next_.reset();
    const bool is_waited_for = rotation_.has_value() && rotation_->is_written;
    sign_at_ = is_waited_for ? now_ : Instant::Infinite();
  }
  if (is_same && ring.signing.id == ring_->signing.id) return;
  ring_ = std::move(ring);
  ++serial_;
  Log(LogLevel::kInfo, "keys_changed",
      {{"keys", static_cast<uint64_t>(ring_->verification.size())},
       {"signing", ring_->signing.id}});
}

void KeyStore::SignWithNext() {
  sign_at_ = Instant::Infinite();
  if (next_.has_value()) {
    ring_->signing = *std::exchange(next_, std::nullopt);
    ++serial_;
    Log(LogLevel::kInfo, "keys_changed", {{"signing", ring_->signing.id}});
  }
  if (rotation_.has_value() && rotation_->is_written) {
    EndRotation(api::Rotated{ring_->signing.id, rotation_->retire_time});
  }
}

void KeyStore::Fail(const absl::Status& status) {
  status_ = Annotate(status, "keys");
  ++failures_;
  is_wait_due_ = true;
  Log(LogLevel::kWarning, "keys_unavailable",
      {{"error", status_.message()}, {"failures", failures_}});
}

// --- rotation ------------------------------------------------------------------------------------

void KeyStore::Rotate(absl::Duration overlap, api::RotateDone done) {
  if (!ring_.has_value()) {
    return done(WithRetryAfter(
        WithReason(absl::UnavailableError("rotate keys: there are none yet; try again"),
                   "KUBERNETES_UNREACHABLE"),
        api::kKeysRetryMin));
  }
  if (rotation_.has_value()) {
    return done(Busy("another rotation is under way; it takes 2 s", api::kSignAfter));
  }
  if (ring_->verification.size() >= api::kKeysMax) {
    return done(Busy(absl::StrCat(ring_->verification.size() - 1,
                                  " former keys still count; wait until one retires, or take it "
                                  "out of the Secret ",
                                  ns_, "/", kName),
                     absl::Hours(1)));
  }
  rotation_ = Rotation{.overlap = overlap, .done = std::move(done)};
}

void KeyStore::WriteRotation(const std::string& json) {
  absl::StatusOr<api::KeyRing> ring = api::DecodeSecret(json);
  if (!ring.ok()) return EndRotation(ring.status());
  const api::KeyRing next = api::Rotate(*ring, rotation_->overlap, wall_, random_);
  rotation_->retire_time = wall_ + rotation_->overlap;
  const absl::StatusOr<std::string> updated = api::UpdateSecret(json, next);
  if (!updated.ok()) return EndRotation(updated.status());
  is_asking_ = true;
  client_.ReplaceObject(absl::StrCat(path_, "/", kName), *updated,
                        [this](const absl::StatusOr<std::string>& answer) { OnReplace(answer); });
}

void KeyStore::OnReplace(const absl::StatusOr<std::string>& json) {
  is_asking_ = false;
  if (absl::IsAborted(json.status()) && ++rotation_->conflicts < api::kKeysConflictsMax) {
    return;  // somebody else wrote it: the next Step reads it and tries again
  }
  if (!json.ok()) return EndRotation(json.status());
  rotation_->is_written = true;
  Take(json);
  if (!status_.ok()) return EndRotation(status_);
  Log(LogLevel::kInfo, "keys_rotated",
      {{"secret", absl::StrCat(ns_, "/", kName)},
       {"overlap_s", absl::ToDoubleSeconds(rotation_->overlap)}});
}

void KeyStore::EndRotation(const absl::StatusOr<api::Rotated>& result) {
  const api::RotateDone done = std::move(rotation_->done);
  rotation_.reset();
  if (result.ok()) return done(result);
  absl::Status status = Annotate(result.status(), "rotate keys");
  if (ReasonOf(status).empty()) {
    status = WithReason(absl::UnavailableError(status.message()), "KUBERNETES_UNREACHABLE");
  }
  done(WithRetryAfter(status, api::kKeysRetryMax));
}

}  // namespace spawner
