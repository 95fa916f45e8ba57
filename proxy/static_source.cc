#include <string>
#include <utility>
#include <vector>

#include "base/log.h"
#include "base/mailbox.h"
#include "base/status.h"
#include "proxy/route_source.h"
#include "proxy/static_routes.h"

namespace spawner::proxy {
namespace {

class StaticSource final : public RouteSource, public WorkerReports {
 public:
  StaticSource(const Settings& settings, Sinks sinks)
      : path_(settings.static_routes),
        sinks_(std::move(sinks)),
        workers_left_(settings.workers),
        drained_(sinks_.wake) {}

  WorkerReports& reports() override { return *this; }
  std::unique_ptr<Authorizer> MakeAuthorizer() override { return nullptr; }

  absl::Status Start() override { return Reload(); }

  absl::Status Reload() override {
    ASSIGN_OR_RETURN(RouteChange change, ReadStaticRoutes(path_));
    change.version.version = ++version_;
    Log(LogLevel::kInfo, "static_routes_read",
        {{"file", path_}, {"routes", static_cast<uint64_t>(change.routes.size())}});
    sinks_.post_change(change);
    return absl::OkStatus();
  }

  Instant Turn() override {
    workers_left_ -= static_cast<int>(drained_.Drain().size());
    return Instant::Infinite();
  }

  void Leave() override {}
  void OnInspected(uint64_t, v1::Inspected) override {}
  bool is_finished() const override { return workers_left_ <= 0; }
  bool is_ready() const override { return version_ > 0; }
  LinkMetrics metrics() const override { return {.route_version = version_}; }

  // Nobody counts sessions here, and nobody asks.
  void OnApplied(int, RouteVersion, std::vector<GateCount>) override {}
  void OnUsage(int, std::vector<SessionTotals>) override {}
  void OnUnknown(int, std::string) override {}
  void OnDrained(int worker) override { drained_.Post(worker); }

 private:
  const std::string path_;
  const Sinks sinks_;
  uint64_t version_ = 0;
  int workers_left_;
  Mailbox<int> drained_;
};

}  // namespace

std::unique_ptr<RouteSource> MakeStaticSource(const Settings& settings, RouteSource::Sinks sinks) {
  return std::make_unique<StaticSource>(settings, std::move(sinks));
}

}  // namespace spawner::proxy
