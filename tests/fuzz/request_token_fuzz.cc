// Goal: scanning a request for tokens stands any bytes, leaves none of ours behind and changes
// nothing else. Method: line 1 of the input is a target, every further line "name:value" a header.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_split.h"
#include "proxy/route/authorizer.h"
#include "proxy/route/request_token.h"

namespace {

using spawner::proxy::HeaderView;

void Require(bool condition) {
  if (!condition) std::abort();
}

// The parameters of a target but ours, each with its '&', by another way than the scanner's.
std::string Others(absl::string_view target) {
  std::string others;
  for (size_t at = target.find('?'); at < target.size();) {
    const size_t end = std::min(target.find('&', at + 1), target.size());
    const absl::string_view parameter = target.substr(at + 1, end - at - 1);
    if (parameter != "spawner_token" && !absl::StartsWith(parameter, "spawner_token=")) {
      others.append("&").append(parameter.data(), parameter.size());
    }
    at = end;
  }
  return others;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const absl::string_view input(reinterpret_cast<const char*>(data), size);
  const std::vector<absl::string_view> lines = absl::StrSplit(input, '\n');
  const auto query = spawner::proxy::ScanQuery(lines[0]);
  Require(query.token.has_value() == query.target.has_value());
  if (query.target.has_value()) {
    Require(!spawner::proxy::ScanQuery(*query.target).token.has_value());
    Require(Others(*query.target) == Others(lines[0]));
    Require(absl::StartsWith(*query.target, lines[0].substr(0, lines[0].find('?'))));
  }

  std::vector<HeaderView> headers;
  for (size_t i = 1; i < lines.size(); ++i) {
    const size_t colon = lines[i].find(':');
    if (colon == absl::string_view::npos) continue;
    headers.push_back({lines[i].substr(0, colon), lines[i].substr(colon + 1)});
  }
  for (const bool is_tls : {false, true}) {
    const auto cookies = spawner::proxy::ScanCookies(headers, is_tls);
    if (!cookies.cookie.has_value()) continue;
    const std::vector<HeaderView> kept = {{"cookie", *cookies.cookie}};
    Require(!spawner::proxy::ScanCookies(kept, is_tls).cookie.has_value());
  }
  const auto protocols = spawner::proxy::ScanProtocols(headers);
  Require(protocols.has_spawner == protocols.protocols.has_value());
  if (protocols.has_spawner) {
    const std::vector<HeaderView> kept = {{"sec-websocket-protocol", *protocols.protocols}};
    Require(!spawner::proxy::ScanProtocols(kept).has_spawner);
  }
  spawner::proxy::ScanBearer(headers);
  spawner::proxy::IsNavigation({.method = "GET", .target = lines[0], .headers = headers});
  return 0;
}
