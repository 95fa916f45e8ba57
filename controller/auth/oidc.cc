#include "controller/auth/oidc.h"

#include <algorithm>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "base/file.h"
#include "base/json.h"
#include "base/log.h"
#include "base/status.h"
#include "controller/auth/limits.h"

namespace spawner::auth {
namespace {

constexpr char kDiscoveryPath[] = "/.well-known/openid-configuration";

absl::Status Unreachable(const absl::Status& error, const std::string& issuer) {
  return WithRetryAfter(
      WithReason(absl::UnavailableError(absl::StrCat(
                     "authenticate: get the OIDC issuer's keys: ", error.message(),
                     "; try again; if it lasts, an operator has to see why the issuer does not "
                     "answer the controller (--oidc-issuer, docs/security.md)")),
                 "ISSUER_UNREACHABLE", {{"issuer", issuer}}),
      kUnreachableRetry);
}

std::string DiscoveryUrl(absl::string_view issuer) {
  return absl::StrCat(absl::StripSuffix(issuer, "/"), kDiscoveryPath);
}

// Its `jwks_uri`. The document must be the issuer's own (Discovery 4.3): another one's keys would
// sign for it.
absl::StatusOr<std::string> ReadDiscovery(const std::string& text, const std::string& issuer) {
  ASSIGN_OR_RETURN(const Json document, ParseJson(text));
  absl::Status error;
  const JsonReader reader(document, "", error);
  const std::string of = reader.RequiredString("issuer");
  std::string keys_url = reader.RequiredString("jwks_uri");
  RETURN_IF_ERROR(error);
  if (of != issuer) {
    return absl::InvalidArgumentError(absl::StrCat("the document says it is of the issuer \"", of,
                                                   "\", not of \"", issuer,
                                                   "\" as --oidc-issuer has it, to the letter"));
  }
  if (!IsIssuerUrl(keys_url)) {
    return absl::InvalidArgumentError(
        "jwks_uri: must begin with https://, or with http://127.0.0.1: on this machine");
  }
  return keys_url;
}

}  // namespace

bool IsIssuerUrl(absl::string_view url) {
  return url.size() <= kIssuerUrlBytesMax &&
         (absl::StartsWith(url, "https://") || absl::StartsWith(url, "http://127.0.0.1:")) &&
         std::all_of(url.begin(), url.end(),
                     [](char c) { return absl::ascii_isgraph(static_cast<unsigned char>(c)); });
}

// One request, over a connection of its own: there are few, an hour apart mostly.
class Oidc::Fetch final : public kube::HttpHandler {
 public:
  Fetch(Oidc& owner, std::unique_ptr<kube::HttpTransport> transport, std::string path, Take take)
      : owner_(owner), transport_(std::move(transport)), take_(take) {
    id_ = transport_->Start({.path = std::move(path), .timeout = kKeySetTimeout}, this);
  }
  ~Fetch() override { transport_->Cancel(id_); }
  void Poll() { transport_->Poll(absl::ZeroDuration()); }

  void OnHead(int code, std::optional<absl::Duration>) override { code_ = code; }
  void OnData(absl::string_view chunk) override {
    if (body_.size() <= kKeySetBytesMax) absl::StrAppend(&body_, chunk);
  }
  void OnEnd(const absl::Status& status) override {
    if (!status.ok()) return owner_.OnFetched(take_, status);
    if (code_ != 200) {
      return owner_.OnFetched(take_, absl::UnavailableError(absl::StrCat("HTTP ", code_)));
    }
    if (body_.size() > kKeySetBytesMax) {
      return owner_.OnFetched(
          take_, absl::UnavailableError(absl::StrCat("more than ", kKeySetBytesMax, " bytes")));
    }
    owner_.OnFetched(take_, body_);
  }

 private:
  Oidc& owner_;
  const std::unique_ptr<kube::HttpTransport> transport_;
  const Take take_;
  kube::HttpTransport::RequestId id_ = 0;
  int code_ = 0;
  std::string body_;
};

Oidc::Oidc(OidcOptions options) : options_(std::move(options)) {}

Oidc::~Oidc() = default;

CallerVerdict Oidc::Check(const Jwt& jwt, absl::Time now) const {
  if (!keys_.has_value() || !keys_->Has(jwt.key_id)) {
    if (!keys_status_.ok()) return {Unreachable(keys_status_, options_.terms.issuer), {}};
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
  if (!options_.keys_file.empty()) return TakeKeys(ReadFile(options_.keys_file, kKeySetBytesMax));
  if (!options_.keys_url.empty()) return Get(options_.keys_url, &Oidc::TakeKeys);
  Get(DiscoveryUrl(options_.terms.issuer), &Oidc::TakeDiscovery);
}

void Oidc::Get(const std::string& url, Take take) {
  const size_t path = url.find('/', url.find("://") + 3);
  absl::StatusOr<std::unique_ptr<kube::HttpTransport>> transport =
      options_.connect(url.substr(0, path));
  if (!transport.ok()) return TakeKeys(Annotate(transport.status(), url));
  fetch_ = std::make_unique<Fetch>(*this, *std::move(transport),
                                   path == std::string::npos ? "/" : url.substr(path), take);
}

void Oidc::OnFetched(Take take, const absl::StatusOr<std::string>& text) {
  done_fetch_ = std::move(fetch_);  // it is our caller
  (this->*take)(text);
}

void Oidc::TakeDiscovery(const absl::StatusOr<std::string>& text) {
  const absl::StatusOr<std::string> keys_url =
      text.ok() ? ReadDiscovery(*text, options_.terms.issuer) : text.status();
  if (keys_url.ok()) return Get(*keys_url, &Oidc::TakeKeys);
  TakeKeys(Annotate(keys_url.status(), DiscoveryUrl(options_.terms.issuer)));
}

void Oidc::TakeKeys(const absl::StatusOr<std::string>& text) {
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
  if (fetch_ != nullptr) fetch_->Poll();
}

Instant Oidc::NextWake() const {
  if (fetch_ != nullptr) return now_ + kFetchStep;
  return read_at_.has_value() ? *read_at_ + kKeySetReadEvery : Instant::Infinite();
}

}  // namespace spawner::auth
