// Where a request goes: the worker's way of finding its session, which cuts the path shorter and
// shorter, agrees with looking at every route in turn - by host and prefix, and by session id.
#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "base/check.h"
#include "base/clock.h"
#include "base/ids.h"
#include "base/random.h"
#include "proxy/forward/sessions.h"
#include "proxy/forward/sim_world.h"
#include "proxy/forward/workbench.h"
#include "proxy/http/head.h"
#include "proxy/io/sim_io.h"
#include "proxy/route/route.h"
#include "proxy/static_routes.h"

namespace spawner::proxy {
namespace {

constexpr size_t kRoutesMax = 64;
constexpr int kPrefixSegmentsMax = 16;  // as sessions.cc

struct Target {
  bool is_found = false;
  std::string id;
  std::string prefix;
};

// The longest prefix of whole segments; "/" is nobody's prefix, but everybody's last resort.
Target Expected(const std::vector<Route>& routes, absl::string_view host, absl::string_view path) {
  const std::string name = absl::AsciiStrToLower(HostName(host));
  path = path.substr(0, path.find('?'));
  Target best;
  for (const Route& route : routes) {
    const std::string& id = route.session_id;
    if (id == name) return {true, id, ""};
    if (id == "/") best = best.is_found ? best : Target{true, id, ""};
    if (id.size() < 2 || id[0] != '/' || !absl::StartsWith(path, id)) continue;
    const absl::string_view rest = path.substr(id.size());
    int deeper = 0;
    for (char c : rest) deeper += c == '/';
    if ((!rest.empty() && rest[0] != '/') || deeper >= kPrefixSegmentsMax) continue;
    if (!best.is_found || id.size() > best.id.size()) best = {true, id, id};
  }
  return best;
}

// Sessions "{id}.test" and "/s/{id}".
Target ExpectedById(absl::string_view host, absl::string_view path) {
  const std::string name = absl::AsciiStrToLower(HostName(host));
  absl::string_view id = name;
  if (absl::ConsumeSuffix(&id, ".test") && IsDnsLabel(id)) return {true, std::string(id), ""};
  const std::vector<std::string> parts =
      absl::StrSplit(path.substr(0, path.find('?')), absl::MaxSplits('/', 3));
  if (parts.size() < 3 || parts[1] != "s" || !IsDnsLabel(parts[2])) return {};
  return {true, parts[2], "/s/" + parts[2]};
}

void Check(const Sessions::Place& place, const Target& expected) {
  const bool is_found = place.kind == Sessions::Place::Kind::kSession;
  SPAWNER_CHECK(is_found == expected.is_found);
  if (!is_found) return;
  SPAWNER_CHECK(place.session->route().session_id == expected.id);
  SPAWNER_CHECK(place.prefix == expected.prefix);
}

// `routes` with or without a controller, and one request.
void Match(std::vector<Route> routes, const RequestHead& head, bool has_controller) {
  FakeClock clock;
  SeededRandom random(1);
  SimIo io(clock, random, {});
  RecordedReports reports;
  Workbench bench(io);
  bench.options.has_controller = has_controller;
  bench.options.base_domain = "test";
  Sessions sessions(bench, reports, 0);
  bench.sessions = &sessions;
  RouteChange change{.version = {.leadership = 1, .version = 1}};
  change.routes = routes;
  sessions.Apply(std::move(change));
  if (!has_controller) {
    Check(sessions.Find(head), Expected(routes, head.host, head.path));
    return;
  }
  // The link is down: what no route names is nobody's.
  Target expected = ExpectedById(head.host, head.path);
  const Sessions::Place place = sessions.Find(head);
  if (!expected.is_found) SPAWNER_CHECK(place.kind == Sessions::Place::Kind::kNoSession);
  bool is_routed = false;
  for (const Route& route : routes) is_routed = is_routed || route.session_id == expected.id;
  expected.is_found = expected.is_found && is_routed;
  Check(place, expected);
}

}  // namespace
}  // namespace spawner::proxy

// Lines: host, path, then a file of static routes.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace spawner::proxy;  // NOLINT(google-build-using-namespace): a main of its own
  const absl::string_view bytes(reinterpret_cast<const char*>(data), size);
  const std::vector<absl::string_view> parts = absl::StrSplit(bytes, absl::MaxSplits('\n', 2));
  if (parts.size() < 3 || !IsValidHost(parts[0])) return 0;
  if (parts[1].empty() || parts[1][0] != '/') return 0;
  absl::StatusOr<RouteChange> change = ParseStaticRoutes(parts[2]);
  if (!change.ok() || change->routes.size() > kRoutesMax) return 0;
  RequestHead head;
  head.host = parts[0];
  head.path = parts[1];
  Match(change->routes, head, false);
  Match(change->routes, head, true);
  return 0;
}
