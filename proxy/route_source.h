#ifndef SPAWNER_PROXY_ROUTE_SOURCE_H_
#define SPAWNER_PROXY_ROUTE_SOURCE_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "base/clock.h"
#include "base/random.h"
#include "proxy/flags.h"
#include "proxy/link/inspect_book.h"
#include "proxy/metrics.h"
#include "proxy/route/authorizer.h"
#include "proxy/route/route.h"
#include "proxy/route/token_use.h"
#include "proxy/route/worker_reports.h"
#include "spawner/v1/proxy_link.pb.h"

namespace spawner::proxy {

// Where routes come from and reports go to: a file, or the controller.
// Thread: main; reports() is called on the workers'. Owner: main; outlives the workers.
class RouteSource {
 public:
  struct Sinks {
    std::function<void()> wake;  // any thread: main's loop should call Turn soon
    std::function<void(const RouteChange&)> post_change;
    std::function<void(const LinkState&)> post_state;
    // The controller's: what is open in a session (OnInspected follows), and leave (infinite: by
    // the deadline of the flag).
    std::function<void(const InspectAsked&)> inspect;
    std::function<void(absl::Duration)> drain;
    std::function<void(int worker, const TokenUseAnswer&)> post_use;
  };

  virtual ~RouteSource() = default;
  virtual WorkerReports& reports() = 0;
  // One per worker; null: every request is allowed.
  virtual std::unique_ptr<Authorizer> MakeAuthorizer() = 0;
  // Once the workers run. NOT_FOUND or INVALID_ARGUMENT for a file that can't be used.
  virtual absl::Status Start() = 0;
  // Takes in what happened and acts. To be called again at the time returned, or after a wake.
  virtual Instant Turn() = 0;
  // SIGHUP. Codes of Start; what was there stays in force.
  virtual absl::Status Reload() = 0;
  // SIGTERM: the workers drain from now on.
  virtual void Leave() = 0;
  // As LinkInspections says.
  virtual void OnInspected(uint64_t stream, v1::Inspected answer) = 0;
  // Every worker is drained and whoever has to know it knows.
  virtual bool is_finished() const = 0;
  // Workers have a table to serve, and it is kept up to date.
  virtual bool is_ready() const = 0;
  // Of one that is not ready, for a person to read.
  virtual const char* unready_why() const { return "no routes yet\n"; }
  virtual LinkMetrics metrics() const = 0;
};

std::unique_ptr<RouteSource> MakeStaticSource(const Settings& settings, RouteSource::Sinks sinks);
// `clock` and `random` outlive it.
std::unique_ptr<RouteSource> MakeLinkSource(const Settings& settings, RouteSource::Sinks sinks,
                                            const Clock& clock, Random& random);

}  // namespace spawner::proxy

#endif  // SPAWNER_PROXY_ROUTE_SOURCE_H_
