#include "controller/auth/caller.h"

#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "base/crypto.h"
#include "base/json.h"
#include "base/status.h"
#include "controller/auth/limits.h"

namespace spawner::auth {
namespace {

constexpr absl::string_view kServiceAccount = "system:serviceaccount:";

// A word of a shell's command line.
std::string Quoted(absl::string_view text) {
  std::string out = "'";
  for (const char c : text) {
    if (c == '\'') {
      absl::StrAppend(&out, "'\\''");
    } else {
      out.push_back(absl::ascii_iscntrl(static_cast<unsigned char>(c)) ? '?' : c);
    }
  }
  return out + "'";
}

// "--serviceaccount=shop:server", "--user='ada'".
std::string SubjectFlag(absl::string_view name) {
  if (absl::ConsumePrefix(&name, kServiceAccount)) {
    return absl::StrCat("--serviceaccount=", Quoted(name));
  }
  return absl::StrCat("--user=", Quoted(name));
}

// Of deploy/manifests.
absl::string_view RoleFor(const Ask& ask) {
  if (ask.resource == "proxies" && ask.verb == "connect") return "spawner-proxy";
  const bool is_of_users =
      ask.resource == "sessions" || ask.resource == "grants" || ask.resource == "quotas" ||
      (ask.resource == "templates" && (ask.verb == "get" || ask.verb == "list"));
  return is_of_users ? "spawner-user" : "spawner-admin";
}

}  // namespace

CallerPtr MakeCaller(Caller caller) {
  caller.key = Sha256(JsonText({caller.name, caller.uid, caller.groups}));
  return std::make_shared<const Caller>(std::move(caller));
}

absl::Status TokenInvalid(absl::string_view why, absl::string_view remedy) {
  return WithReason(absl::UnauthenticatedError(absl::StrCat("authenticate: ", why, "; ", remedy)),
                    "TOKEN_INVALID");
}

absl::Status TokenExpired(absl::string_view why, absl::string_view remedy) {
  return WithReason(absl::UnauthenticatedError(absl::StrCat("authenticate: ", why, "; ", remedy)),
                    "TOKEN_EXPIRED");
}

absl::Status CannotAsk(absl::string_view what, const absl::Status& error) {
  absl::string_view remedy = "try again";
  if (absl::IsPermissionDenied(error)) {
    remedy =
        "the controller's ServiceAccount needs the ClusterRole system:auth-delegator, as "
        "deploy/manifests binds it";
  }
  return WithRetryAfter(
      WithReason(absl::UnavailableError(absl::StrCat(what, ": ", error.message(), "; ", remedy)),
                 "KUBERNETES_UNREACHABLE"),
      kUnreachableRetry);
}

std::string TextOf(const Ask& ask) {
  return absl::StrCat(
      ask.verb, " ", ask.resource, ".spawner.dev",
      ask.subresource.empty() ? "" : absl::StrCat("/", ask.subresource),
      ask.ns.empty() ? " in the whole cluster" : absl::StrCat(" in namespace ", ask.ns));
}

absl::Status Forbidden(const Caller& caller, const Ask& ask, absl::string_view why) {
  std::string remedy;
  if (caller.rule.has_value()) {
    remedy = absl::StrCat("add ",
                          ask.resource == "proxies" && ask.verb == "connect"
                              ? "proxy"
                              : absl::StrCat("ns=", ask.ns.empty() ? "*" : ask.ns),
                          " to the token's line in ", caller.rule_source);
  } else {
    remedy = absl::StrCat(
        "`kubectl create ",
        ask.ns.empty() ? "clusterrolebinding" : absl::StrCat("rolebinding -n ", ask.ns),
        " spawner-", ask.verb, "-", ask.resource, " --clusterrole=", RoleFor(ask), " ",
        SubjectFlag(caller.name), "` grants it");
  }
  return WithReason(absl::PermissionDeniedError(absl::StrCat(
                        caller.name, " may not ", TextOf(ask),
                        why.empty() ? "" : absl::StrCat(" (", why, ")"), "; ", remedy)),
                    "NAMESPACE_FORBIDDEN",
                    {{"namespace", ask.ns},
                     {"caller", caller.name},
                     {"verb", ask.verb},
                     {"resource", ask.resource}});
}

}  // namespace spawner::auth
