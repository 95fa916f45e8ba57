#include "proxy/forward/client_origin.h"

#include <algorithm>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "proxy/http/field.h"

namespace spawner::proxy {
namespace {

constexpr absl::string_view kForwardedFor = "x-forwarded-for";

// Without the port that some balancers append.
absl::string_view AddressIn(absl::string_view token) {
  if (!token.empty() && token.front() == '[') {
    const size_t end = token.find(']');
    return end == absl::string_view::npos ? absl::string_view() : token.substr(1, end - 1);
  }
  return std::count(token.begin(), token.end(), ':') == 1 ? token.substr(0, token.find(':'))
                                                          : token;
}

}  // namespace

bool IsSecure(const RequestHead& request, const ClientPeer& peer) {
  if (!peer.is_trusted) return peer.is_secure;
  absl::string_view scheme;
  for (const Field& field : request.fields.all()) {
    if (!absl::EqualsIgnoreCase(field.name, "x-forwarded-proto")) continue;
    ForEachInList(field.value, [&scheme](absl::string_view token) {
      scheme = token;  // the last: the nearest proxy's
      return true;
    });
  }
  if (absl::EqualsIgnoreCase(scheme, "https")) return true;
  return absl::EqualsIgnoreCase(scheme, "http") ? false : peer.is_secure;
}

absl::string_view ClientIp(const RequestHead& request, const ClientPeer& peer,
                           const IpRanges& trusted) {
  if (!peer.is_trusted) return peer.ip;
  std::vector<absl::string_view> tokens;  // at most a head's bytes
  for (const Field& field : request.fields.all()) {
    if (!absl::EqualsIgnoreCase(field.name, kForwardedFor)) continue;
    ForEachInList(field.value, [&tokens](absl::string_view token) {
      tokens.push_back(token);
      return true;
    });
  }
  absl::string_view client = peer.ip;
  for (auto token = tokens.rbegin(); token != tokens.rend(); ++token) {
    const absl::string_view ip = AddressIn(*token);
    if (!ParseIp(ip)) break;  // "unknown" and the like: no more can be known
    client = ip;
    if (!trusted.Contains(ip)) break;
  }
  return client;
}

absl::string_view ForwardedFor(const RequestHead& request, const ClientPeer& peer,
                               std::string* chain) {
  if (!peer.is_trusted) return peer.ip;
  chain->clear();
  for (const Field& field : request.fields.all()) {
    if (!absl::EqualsIgnoreCase(field.name, kForwardedFor)) continue;
    if (!field.value.empty()) absl::StrAppend(chain, field.value, ", ");
  }
  absl::StrAppend(chain, peer.ip);
  return *chain;
}

}  // namespace spawner::proxy
