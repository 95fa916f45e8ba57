#include "proxy/forward/request_out.h"

#include <algorithm>
#include <array>
#include <vector>

#include "absl/strings/str_cat.h"
#include "proxy/http/rewrite.h"

namespace spawner::proxy {
namespace {

// The path as the backend gets it: byte for byte, without the prefix if its route says so.
absl::string_view BackendPath(Workbench& bench, const Sessions::Place& place) {
  const AuthDecision& decision = bench.decision;
  absl::string_view path =
      decision.target ? absl::string_view(*decision.target) : bench.request.path;
  if (place.prefix.empty() || !place.session->route().strip_prefix) return path;
  path.remove_prefix(std::min(path.size(), place.prefix.size()));
  if (!path.empty() && path.front() == '/') return path;
  bench.target = absl::StrCat("/", path);
  return bench.target;
}

}  // namespace

RequestView ViewForAuthorizer(Workbench& bench, const ViewExtras& extras) {
  const RequestHead& request = bench.request;
  bench.header_views.clear();
  for (const Field& field : request.fields.all()) {
    bench.header_views.push_back({field.name, field.value});
  }
  return {.method = request.method,
          .target = request.path,
          .prefix = extras.prefix,
          .host = request.host,
          .client_ip = extras.client_ip,
          .headers = bench.header_views,
          .is_upgrade = !request.upgrade.empty(),
          .is_tls = extras.is_secure};
}

void AppendRequestForBackend(Workbench& bench, const Sessions::Place& place,
                             const RequestClient& client, std::string* out) {
  const AuthDecision& decision = bench.decision;
  const Route& route = place.session->route();
  const std::string epoch = absl::StrCat(route.epoch);  // at most 20 bytes
  constexpr size_t kAddedMax = 48;
  std::array<AddedField, kAddedMax> added;
  size_t count = 0;
  const auto add = [&added, &count](absl::string_view name, absl::string_view value) {
    if (count < kAddedMax) added[count++] = {name, value};
  };
  add("X-Forwarded-For", ForwardedFor(bench.request, *client.peer, &bench.forwarded_for));
  if (!bench.request.host.empty()) add("X-Forwarded-Host", bench.request.host);
  add("X-Forwarded-Proto", client.is_secure ? "https" : "http");
  if (!place.prefix.empty()) add("X-Forwarded-Prefix", place.prefix);
  if (bench.options.has_controller) {
    add("Spawner-Session", route.session_id);
    add("Spawner-Epoch", epoch);
    add("X-Verified-Backend", route.session_id);
  }
  FieldSet drop = 0;
  if (!bench.traceparent.empty()) {
    drop |= SetOf(FieldName::kTraceparent) | SetOf(FieldName::kTracestate);
    add("traceparent", bench.traceparent);
  }
  if (decision.strip_authorization) drop |= SetOf(FieldName::kAuthorization);
  if (decision.cookie) {
    drop |= SetOf(FieldName::kCookie);
    if (!decision.cookie->empty()) add("Cookie", *decision.cookie);
  }
  if (decision.websocket_protocols) {
    drop |= SetOf(FieldName::kSecWebSocketProtocol);
    if (!decision.websocket_protocols->empty()) {
      add("Sec-WebSocket-Protocol", *decision.websocket_protocols);
    }
  }
  for (const auto& [name, value] : decision.add_headers) add(name, value);
  AppendRequestHead(bench.request,
                    {.path = BackendPath(bench, place),
                     .is_reserved = &IsReservedHeader,
                     .drop = drop,
                     .add = absl::MakeConstSpan(added.data(), count)},
                    out);
}

bool IsRefusedTrailer(absl::string_view name) {
  return IsRefusedInTrailers(name) || IsForwardingField(name) || IsReservedHeader(name) ||
         name.find('_') != absl::string_view::npos;
}

}  // namespace spawner::proxy
