#include "controller/auth/oidc.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/file.h"
#include "base/log.h"
#include "base/status.h"
#include "controller/auth/limits.h"

namespace spawner::auth {

// One request for the key set.
class Oidc::Fetch final : public kube::HttpHandler {
 public:
  explicit Fetch(Oidc& owner) : owner_(owner) {
    id_ = owner.options_.transport->Start(
        {.path = owner.options_.keys_path, .timeout = kKeySetTimeout}, this);
  }
  void Cancel() { owner_.options_.transport->Cancel(id_); }

  void OnHead(int code, std::optional<absl::Duration>) override { code_ = code; }
  void OnData(absl::string_view chunk) override {
    if (body_.size() <= kKeySetBytesMax) absl::StrAppend(&body_, chunk);
  }
  void OnEnd(const absl::Status& status) override {
    if (!status.ok()) return owner_.TakeKeys(status);
    if (code_ != 200) return owner_.TakeKeys(absl::UnavailableError(absl::StrCat("HTTP ", code_)));
    if (body_.size() > kKeySetBytesMax) {
      return owner_.TakeKeys(
          absl::UnavailableError(absl::StrCat("more than ", kKeySetBytesMax, " bytes")));
    }
    owner_.TakeKeys(body_);
  }

 private:
  Oidc& owner_;
  kube::HttpTransport::RequestId id_ = 0;
  int code_ = 0;
  std::string body_;
};

Oidc::Oidc(OidcOptions options) : options_(std::move(options)) {}

Oidc::~Oidc() {
  if (fetch_ != nullptr) fetch_->Cancel();
}

CallerVerdict Oidc::Check(const Jwt& jwt, absl::Time now) const {
  if (!keys_.has_value() || !keys_->Has(jwt.key_id)) {
    if (!keys_status_.ok()) {
      return {CannotAsk("authenticate: get the OIDC issuer's keys", keys_status_), {}};
    }
    return {
        TokenInvalid("the token's key is not among the issuer's", "ask the issuer for a new token"),
        kTokenBadFor};
  }
  if (!keys_->Verify(jwt.key_id, jwt.algorithm, jwt.signed_text, jwt.signature)) {
    return {TokenInvalid("the token's signature is wrong, or not RS256, ES256 or EdDSA",
                         "ask the issuer for a new token"),
            kTokenBadFor};
  }
  const absl::StatusOr<JwtCaller> read = ReadClaims(jwt.claims, options_.terms, now);
  if (!read.ok()) return {read.status(), kTokenBadFor};
  return {read->caller, std::min(kJwtGoodFor, read->expire_time + kClockLeeway - now)};
}

void Oidc::Verify(Jwt jwt, const Clock& clock, CallerFinish finish) {
  const Instant now = clock.Now();
  const bool is_known = keys_.has_value() && keys_->Has(jwt.key_id);
  const bool is_due = !read_at_.has_value() || now - *read_at_ >= kKeySetReadMin;
  if (!is_known && fetch_ == nullptr && is_due) ReadKeys(now);
  if (!is_known && fetch_ != nullptr) {
    waiting_.push_back({std::move(jwt), &clock, std::move(finish)});
    return;
  }
  finish(Check(jwt, clock.WallNow()));
}

void Oidc::ReadKeys(Instant now) {
  read_at_ = now;
  if (options_.transport == nullptr) return TakeKeys(ReadFile(options_.keys_file, kKeySetBytesMax));
  fetch_ = std::make_unique<Fetch>(*this);
}

void Oidc::TakeKeys(const absl::StatusOr<std::string>& text) {
  done_fetch_ = std::move(fetch_);  // may be our caller
  absl::StatusOr<KeySet> keys = text.ok() ? KeySet::Parse(*text) : text.status();
  keys_status_ = keys.status();
  if (keys.ok()) {
    Log(LogLevel::kInfo, "oidc_keys_read", {{"keys", keys->size()}});
    keys_ = *std::move(keys);
  } else {
    Log(LogLevel::kWarning, "oidc_keys_unavailable", {{"error", keys_status_.ToString()}});
  }
  for (const Waiting& waiting : std::exchange(waiting_, {})) {
    waiting.finish(Check(waiting.jwt, waiting.clock->WallNow()));
  }
}

void Oidc::Step(Instant now) {
  now_ = now;
  done_fetch_.reset();
  const bool is_old = read_at_.has_value() && now - *read_at_ >= kKeySetReadEvery;
  if (is_old && fetch_ == nullptr) ReadKeys(now);
  if (fetch_ != nullptr) options_.transport->Poll(absl::ZeroDuration());
}

Instant Oidc::NextWake() const {
  if (fetch_ != nullptr) return now_ + kFetchStep;
  return read_at_.has_value() ? *read_at_ + kKeySetReadEvery : Instant::Infinite();
}

}  // namespace spawner::auth
