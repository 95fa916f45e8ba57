#include "proxy/static_routes.h"

#include <set>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "base/address.h"
#include "base/file.h"
#include "base/status.h"
#include "proxy/http/head.h"

namespace spawner::proxy {
namespace {

// 100,000 routes have about 6 MiB.
constexpr size_t kFileBytesMax = 64 << 20;

absl::StatusOr<BackendProtocol> ParseProtocol(absl::string_view word) {
  if (word == "http1") return BackendProtocol::kHttp1;
  if (word == "h2c") return BackendProtocol::kH2c;
  return absl::InvalidArgumentError(
      absl::StrCat("\"", word, "\" is no protocol of a backend: http1 (the default) or h2c"));
}

absl::StatusOr<Route> ParseLine(absl::string_view line) {
  const std::vector<std::string> words =
      absl::StrSplit(line, absl::ByAnyChar(" \t"), absl::SkipEmpty());
  if (words.size() != 2 && words.size() != 3) {
    return absl::InvalidArgumentError(
        "must be \"HOST ADDRESS:PORT [h2c]\" or \"/PREFIX ADDRESS:PORT [h2c]\"");
  }
  std::string from = words[0];
  if (from.front() == '/') {
    while (from.size() > 1 && from.back() == '/') from.pop_back();
  } else {
    from = absl::AsciiStrToLower(from);
    if (!IsValidHost(from) || HostName(from) != from) {
      return absl::InvalidArgumentError(
          absl::StrCat("\"", from, "\" is no host name without port"));
    }
  }
  ASSIGN_OR_RETURN(const Address address, ParseAddress(words[1], /*allow_port_zero=*/false));
  BackendProtocol protocol = BackendProtocol::kHttp1;
  if (words.size() == 3) {
    ASSIGN_OR_RETURN(protocol, ParseProtocol(words[2]));
  }
  return Route{.session_id = std::move(from),
               .epoch = 1,
               .state = RouteState::kOpen,
               .ip = address.ip,
               .port = address.port,
               .token_required = false,
               .strip_prefix = true,
               .protocol = protocol};
}

}  // namespace

absl::StatusOr<RouteChange> ParseStaticRoutes(absl::string_view text) {
  RouteChange change{.version = {.leadership = 0, .version = 1}, .replaces_all = true};
  std::set<std::string> seen;
  int number = 0;
  for (absl::string_view line : absl::StrSplit(text, '\n')) {
    ++number;
    line = absl::StripAsciiWhitespace(line.substr(0, line.find('#')));
    if (line.empty()) continue;
    absl::StatusOr<Route> route = ParseLine(line);
    if (route.ok() && !seen.insert(route->session_id).second) {
      route = absl::InvalidArgumentError(absl::StrCat("a second route for ", route->session_id));
    }
    if (!route.ok()) return Annotate(route.status(), absl::StrCat("line ", number));
    change.routes.push_back(*std::move(route));
  }
  return change;
}

absl::StatusOr<RouteChange> ReadStaticRoutes(const std::string& path) {
  const absl::StatusOr<std::string> text = ReadFile(path, kFileBytesMax);
  if (!text.ok()) return Annotate(text.status(), "static routes");
  absl::StatusOr<RouteChange> change = ParseStaticRoutes(*text);
  if (!change.ok()) return Annotate(change.status(), absl::StrCat("read static routes ", path));
  return change;
}

}  // namespace spawner::proxy
