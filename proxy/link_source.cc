#include <unistd.h>

#include <cstdlib>
#include <memory>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "proxy/link/link_client.h"
#include "proxy/route/grant_check.h"
#include "proxy/route_source.h"

namespace spawner::proxy {
namespace {

std::string FromEnvironment(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

// Stable over restarts of the same proxy: the pod, or host and address.
std::string ProxyId(const Settings& settings) {
  if (std::string pod = FromEnvironment("POD_NAME"); !pod.empty()) return pod;
  char host[64] = "";
  gethostname(host, sizeof(host) - 1);
  return absl::StrCat(host, "/", ToString(settings.listen));
}

LinkOptions OptionsFor(const Settings& settings, const Clock& clock) {
  return {.controller = settings.controller,
          .proxy_id = ProxyId(settings),
          .generation = static_cast<uint64_t>(absl::ToUnixNanos(clock.WallNow())),
          .pod_uid = FromEnvironment("POD_UID"),
          .pod_name = FromEnvironment("POD_NAME"),
          .pod_namespace = FromEnvironment("POD_NAMESPACE"),
          .workers = settings.workers};
}

// A leader is followed to the address of its pod, which is not in its certificate: what is verified
// is the name by which we were told to find the controllers.
LinkClient::Credentials CredentialsFor(const Settings& settings) {
  LinkClient::Credentials credentials{settings.controller_tls, settings.controller_token_file};
  if (credentials.tls.server_name.empty()) {
    credentials.tls.server_name = settings.controller.substr(0, settings.controller.rfind(':'));
  }
  return credentials;
}

class LinkSource final : public RouteSource {
 public:
  LinkSource(const Settings& settings, Sinks sinks, const Clock& clock, Random& random)
      : clock_(clock),
        client_(OptionsFor(settings, clock),
                {.wake = std::move(sinks.wake),
                 .post_change = std::move(sinks.post_change),
                 .post_state = std::move(sinks.post_state),
                 .inspect = std::move(sinks.inspect),
                 .drain = std::move(sinks.drain),
                 .post_use = std::move(sinks.post_use)},
                clock, random, CredentialsFor(settings)) {}

  WorkerReports& reports() override { return client_; }
  std::unique_ptr<Authorizer> MakeAuthorizer() override { return std::make_unique<GrantCheck>(); }
  absl::Status Start() override { return absl::OkStatus(); }
  Instant Turn() override { return client_.Turn(); }
  absl::Status Reload() override { return absl::OkStatus(); }
  void Leave() override { client_.Leave(); }
  void OnInspected(uint64_t stream, v1::Inspected answer) override {
    client_.OnInspected(stream, std::move(answer));
  }
  bool is_finished() const override { return client_.link().is_finished(); }
  // A proxy whose link is down serves what it knows (fails static), ready or not.
  bool is_ready() const override { return client_.link().is_ready(clock_.Now()); }
  const char* unready_why() const override {
    return client_.link().has_routes() ? "the link to the controller is down\n" : "no routes yet\n";
  }
  LinkMetrics metrics() const override {
    return {.route_version = client_.link().version().version, .is_up = client_.link().is_up()};
  }

 private:
  const Clock& clock_;
  LinkClient client_;
};

}  // namespace

std::unique_ptr<RouteSource> MakeLinkSource(const Settings& settings, RouteSource::Sinks sinks,
                                            const Clock& clock, Random& random) {
  return std::make_unique<LinkSource>(settings, std::move(sinks), clock, random);
}

}  // namespace spawner::proxy
