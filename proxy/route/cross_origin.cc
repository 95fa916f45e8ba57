#include "proxy/route/cross_origin.h"

#include <algorithm>
#include <string>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/origin.h"
#include "proxy/route/limits.h"

namespace spawner::proxy {
namespace {

constexpr char kPreflightVary[] =
    "Origin, Access-Control-Request-Method, Access-Control-Request-Headers";

void AddCors(absl::string_view origin, AuthDecision& decision) {
  decision.response_fields.emplace_back("Access-Control-Allow-Origin", std::string(origin));
  decision.response_fields.emplace_back("Access-Control-Allow-Credentials", "true");
}

// They change nothing (RFC 9110 9.2.1), and what they answer another origin can't read.
bool IsSafe(absl::string_view method) {
  return method == "GET" || method == "HEAD" || method == "OPTIONS" || method == "TRACE";
}

}  // namespace

OriginScan ScanOrigin(const RequestView& request, const Route& route) {
  OriginScan scan;
  for (const HeaderView& header : request.headers) {
    if (absl::EqualsIgnoreCase(header.name, "origin")) {
      scan.origin = header.value;
    } else if (request.method != "OPTIONS") {
      continue;
    } else if (absl::EqualsIgnoreCase(header.name, "access-control-request-method")) {
      scan.preflight_method = header.value;
    } else if (absl::EqualsIgnoreCase(header.name, "access-control-request-headers")) {
      scan.preflight_headers = header.value;
    }
  }
  if (scan.origin.empty()) {
    scan.preflight_method = {};
    return scan;
  }
  scan.is_foreign = !IsOriginOfHost(scan.origin, request.host, request.is_tls);
  scan.is_allowed =
      scan.is_foreign && std::any_of(route.allowed_origins.begin(), route.allowed_origins.end(),
                                     [&scan](const std::string& pattern) {
                                       return OriginMatches(scan.origin, pattern);
                                     });
  return scan;
}

bool RefusesOrigin(const OriginScan& scan, const RequestView& request, const Route& route,
                   bool is_by_cookie) {
  if (!scan.is_foreign || scan.is_allowed) return false;
  if (!request.is_upgrade) return is_by_cookie && !IsSafe(request.method);
  return is_by_cookie || !route.allowed_origins.empty();
}

AuthDecision AnswerPreflight(const OriginScan& scan) {
  AuthDecision decision;
  if (scan.is_foreign && !scan.is_allowed) {
    decision.action = AuthAction::kForbidden;
    decision.reason = "ORIGIN_FORBIDDEN";
    decision.message = "pages of this origin may not call the session";
    decision.response_fields.emplace_back("Vary", kPreflightVary);
    return decision;
  }
  decision.action = AuthAction::kPreflight;
  AddCors(scan.origin, decision);
  decision.response_fields.emplace_back("Access-Control-Allow-Methods",
                                        std::string(scan.preflight_method));
  if (!scan.preflight_headers.empty()) {
    decision.response_fields.emplace_back("Access-Control-Allow-Headers",
                                          std::string(scan.preflight_headers));
  }
  decision.response_fields.emplace_back("Access-Control-Max-Age",
                                        absl::StrCat(absl::ToInt64Seconds(kPreflightMaxAge)));
  decision.response_fields.emplace_back("Vary", kPreflightVary);
  return decision;
}

void AddResponseFields(const OriginScan& scan, const Route& route, AuthDecision& decision) {
  if (!route.allowed_origins.empty()) {
    decision.owns_cors = true;
    if (scan.is_allowed) AddCors(scan.origin, decision);
    decision.response_fields.emplace_back("Vary", "Origin");
  }
  if (!route.embed_origins.empty()) {
    // Beside the backend's own policy, not instead of it: browsers obey both. Overrules its
    // X-Frame-Options (CSP 3, 6.4.2.2).
    decision.response_fields.emplace_back(
        "Content-Security-Policy",
        absl::StrCat("frame-ancestors 'self' ", absl::StrJoin(route.embed_origins, " ")));
  }
}

}  // namespace spawner::proxy
