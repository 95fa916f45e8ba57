#include "proxy/route/request_token.h"

#include <cstddef>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "proxy/route/limits.h"

namespace spawner::proxy {
namespace {

constexpr absl::string_view kParameter = "spawner_token";
constexpr absl::string_view kProtocol = "spawner";

// What is not a valid %XX stays as it is.
std::string PercentDecode(absl::string_view text) {
  std::string decoded;
  decoded.reserve(text.size());
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '%' && i + 2 < text.size() && absl::ascii_isxdigit(text[i + 1]) &&
        absl::ascii_isxdigit(text[i + 2])) {
      const auto digit = [](char c) {
        return absl::ascii_isdigit(c) ? c - '0' : absl::ascii_tolower(c) - 'a' + 10;
      };
      decoded.push_back(static_cast<char>(digit(text[i + 1]) * 16 + digit(text[i + 2])));
      i += 2;
    } else {
      decoded.push_back(text[i]);
    }
  }
  return decoded;
}

bool IsOurCookie(absl::string_view name) {
  return name == kCookieName || name == kHostCookieName || name == kSecureCookieName;
}

}  // namespace

QueryScan ScanQuery(absl::string_view target) {
  QueryScan scan;
  const size_t question = target.find('?');
  if (question == absl::string_view::npos) return scan;
  std::string kept;
  bool has_kept = false;
  for (const absl::string_view parameter : absl::StrSplit(target.substr(question + 1), '&')) {
    const size_t equals = parameter.find('=');
    if (parameter.substr(0, equals) == kParameter) {
      if (!scan.token.has_value()) {
        scan.token = equals == absl::string_view::npos
                         ? std::string()
                         : PercentDecode(parameter.substr(equals + 1));
      }
      continue;
    }
    absl::StrAppend(&kept, has_kept ? "&" : "?", parameter);
    has_kept = true;
  }
  if (scan.token.has_value()) scan.target = absl::StrCat(target.substr(0, question), kept);
  return scan;
}

CookieScan ScanCookies(absl::Span<const HeaderView> headers, bool is_tls) {
  CookieScan scan;
  std::string kept;
  bool has_ours = false;
  for (const HeaderView& header : headers) {
    if (!absl::EqualsIgnoreCase(header.name, "cookie")) continue;
    for (absl::string_view pair : absl::StrSplit(header.value, ';')) {
      pair = absl::StripAsciiWhitespace(pair);
      const size_t equals = pair.find('=');
      const absl::string_view name = absl::StripTrailingAsciiWhitespace(pair.substr(0, equals));
      if (!IsOurCookie(name)) {
        if (!pair.empty()) absl::StrAppend(&kept, kept.empty() ? "" : "; ", pair);
        continue;
      }
      has_ours = true;
      if (equals == absl::string_view::npos || scan.tokens.size() == kCandidatesMax) continue;
      if (is_tls == (name == kCookieName)) continue;
      scan.tokens.push_back(absl::StripLeadingAsciiWhitespace(pair.substr(equals + 1)));
    }
  }
  if (has_ours) scan.cookie = std::move(kept);
  return scan;
}

absl::string_view ScanBearer(absl::Span<const HeaderView> headers) {
  constexpr absl::string_view kScheme = "bearer ";  // RFC 9110 11.1: any case
  for (const HeaderView& header : headers) {
    if (absl::EqualsIgnoreCase(header.name, "authorization") &&
        absl::StartsWithIgnoreCase(header.value, kScheme)) {
      return absl::StripAsciiWhitespace(header.value.substr(kScheme.size()));
    }
  }
  return {};
}

ProtocolScan ScanProtocols(absl::Span<const HeaderView> headers) {
  ProtocolScan scan;
  std::vector<absl::string_view> offered;
  for (const HeaderView& header : headers) {
    if (!absl::EqualsIgnoreCase(header.name, "sec-websocket-protocol")) continue;
    for (absl::string_view element : absl::StrSplit(header.value, ',')) {
      element = absl::StripAsciiWhitespace(element);
      if (element == kProtocol) {
        scan.has_spawner = true;
      } else if (!element.empty()) {
        offered.push_back(element);
      }
    }
  }
  if (!scan.has_spawner) return scan;
  scan.protocols.emplace();
  for (const absl::string_view element : offered) {
    if (!HasTokenForm(element)) {
      absl::StrAppend(&*scan.protocols, scan.protocols->empty() ? "" : ", ", element);
    } else if (scan.tokens.size() < kCandidatesMax) {
      scan.tokens.push_back(element);
    }
  }
  return scan;
}

bool IsNavigation(const RequestView& request) {
  if (request.method != "GET" || request.is_upgrade) return false;
  bool accepts_html = false;
  for (const HeaderView& header : request.headers) {
    // Browsers leave it out on plain http, but for localhost.
    if (absl::EqualsIgnoreCase(header.name, "sec-fetch-mode")) return header.value == "navigate";
    if (absl::EqualsIgnoreCase(header.name, "accept")) {
      const absl::string_view first = header.value.substr(0, header.value.find_first_of(",;"));
      accepts_html = absl::EqualsIgnoreCase(absl::StripAsciiWhitespace(first), "text/html");
    }
  }
  return accepts_html;
}

bool HasTokenForm(absl::string_view text) {
  constexpr size_t kSignatureLength = 86;  // 64 bytes in base64url
  size_t dots = 0;
  size_t last_part = 0;
  for (const char c : text) {
    ++last_part;
    if (c == '.') {
      ++dots;
      last_part = 0;
    } else if (!absl::ascii_isalnum(static_cast<unsigned char>(c)) && c != '-' && c != '_') {
      return false;
    }
  }
  return dots == 2 && last_part == kSignatureLength;
}

}  // namespace spawner::proxy
