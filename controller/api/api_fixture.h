#ifndef SPAWNER_CONTROLLER_API_API_FIXTURE_H_
#define SPAWNER_CONTROLLER_API_API_FIXTURE_H_

#include <grpcpp/channel.h>
#include <grpcpp/client_context.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "base/clock.h"
#include "base/grpc_status.h"
#include "base/random.h"
#include "base/status.h"
#include "controller/api/edge.h"
#include "controller/api/fake_logs.h"
#include "controller/api/fake_loop.h"
#include "controller/api/fake_service.h"
#include "controller/api/grpc_port.h"
#include "controller/core/operations.h"
#include "controller/core/pod_usage.h"
#include "controller/kube/fake_http_transport.h"
#include "controller/kube/http_kube_client.h"

namespace spawner::api {

// One controller's edge over a FakeService, listening on a port of its own.
class ApiServer {
 public:
  // `guard`, if there is one, outlives it.
  explicit ApiServer(auth::Guard* guard = nullptr)
      : edge(loop.poster(), clock,
             {.namespaces = {"default", "team-a"},
              .urls = *SessionUrls::Make("http://proxy.test:8080", ""),
              .http_public_url = "http://controller.test:9091",
              .start_time = clock.WallNow(),
              .guard = guard,
              .rotate_keys =
                  [this](absl::Duration overlap, const RotateDone& done) {
                    done(Rotated{"k-new", clock.WallNow() + overlap});
                  },
              .operations = &operations,
              .usage = &usage}),
        port(edge) {
    SeededRandom random(7);
    keys = MakeKeyRing(random);
    EXPECT_TRUE(port.Start({"127.0.0.1", 0}).ok());
    loop.Run([this] { edge.Open(service, logs, keys); });
    channel = port.InProcessChannel();
  }
  // As main() does it.
  ~ApiServer() {
    loop.Run([this] { edge.EndStreams(); });
    port.Drain(absl::Seconds(3));
    loop.Run([this] { edge.Close(); });
  }

  FakeClock clock;
  FakeService service;
  FakeLogs logs;
  kube::FakeHttpTransport kubernetes;  // of usage alone; on the loop
  kube::HttpKubeClient kube_client{kubernetes};
  core::PodUsage usage{kube_client, clock};
  core::Operations operations = {.kube = &kube_client, .system_namespace = "sys"};
  FakeLoop loop;
  KeyRing keys;
  Edge edge;
  GrpcPort port;
  std::shared_ptr<grpc::Channel> channel;
};

}  // namespace spawner::api

#endif  // SPAWNER_CONTROLLER_API_API_FIXTURE_H_
