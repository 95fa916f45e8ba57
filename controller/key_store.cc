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

}  // namespace

KeyStore::KeyStore(kube::KubeClient& client, Random& random, std::string ns)
    : client_(client), random_(random), ns_(std::move(ns)) {}

void KeyStore::Step(Instant now) {
  if (ring_.has_value() || is_asking_) return;
  if (std::exchange(is_wait_due_, false)) {
    const int doublings = std::min(failures_ - 1, kDoublingsMax);
    const absl::Duration wait =
        std::min(api::kKeysRetryMin * (int64_t{1} << doublings), api::kKeysRetryMax);
    not_before_ = now + wait * (0.5 + random_.Unit() / 2);
  }
  if (now < not_before_) return;
  is_asking_ = true;
  const std::string path = absl::StrCat("/api/v1/namespaces/", ns_, "/secrets");
  if (std::exchange(is_create_due_, false)) {
    client_.CreateObject(path, api::EncodeSecret(api::MakeKeyRing(random_), ns_, kName),
                         [this](const absl::StatusOr<std::string>& json) { OnCreate(json); });
  } else {
    client_.GetObject(absl::StrCat(path, "/", kName),
                      [this](const absl::StatusOr<std::string>& json) { OnGet(json); });
  }
}

Instant KeyStore::NextWake() const {
  if (ring_.has_value() || is_asking_) return Instant::Infinite();
  return is_wait_due_ ? Instant{} : not_before_;
}

void KeyStore::OnGet(const absl::StatusOr<std::string>& json) {
  is_asking_ = false;
  is_create_due_ = absl::IsNotFound(json.status());
  if (!is_create_due_) Take(json);
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
  ring_ = *std::move(ring);
  status_ = absl::OkStatus();
}

void KeyStore::Fail(const absl::Status& status) {
  status_ = Annotate(status, "keys");
  ++failures_;
  is_wait_due_ = true;
  Log(LogLevel::kWarning, "keys_unavailable",
      {{"error", status_.message()}, {"failures", failures_}});
}

}  // namespace spawner
