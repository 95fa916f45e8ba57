#include "proxy/debug_connections.h"

#include <string>

#include "absl/time/time.h"
#include "gtest/gtest.h"
#include "proxy/forward/inspection.h"

namespace spawner::proxy {
namespace {

TEST(RenderInspections, TellsTheOldestFirstWhateverItsWorker) {
  Inspection second = {
      .worker = 1, .clients = 3, .upstreams = 2, .tunnels = 1, .held = 4, .routes = 9};
  second.connections = {{.kind = "request",
                         .phase = "held",
                         .session = "b",
                         .epoch = 7,
                         .client = "203.0.113.9",
                         .user = "ada",
                         .age = absl::Milliseconds(1500),
                         .idle_for = absl::Milliseconds(250),
                         .bytes = 99,
                         .to_client_bytes = 5,
                         .to_backend_bytes = 6}};
  Inspection first;
  first.connections = {
      {.kind = "websocket", .phase = "open", .session = "a", .age = absl::Seconds(1)},
      {.kind = "websocket", .phase = "open", .session = "c", .age = absl::Seconds(2)}};
  first.has_more = true;
  EXPECT_EQ(RenderInspections({second, first}),
            "{\"workers\":[\n"
            "{\"worker\":0,\"clients\":0,\"upstreams\":0,\"tunnels\":0,\"held\":0,\"routes\":0},\n"
            "{\"worker\":1,\"clients\":3,\"upstreams\":2,\"tunnels\":1,\"held\":4,\"routes\":9}],\n"
            "\"has_more\":true,\"connections\":[\n"
            "{\"worker\":0,\"kind\":\"websocket\",\"phase\":\"open\",\"session\":\"c\",\"epoch\":0,"
            "\"client\":\"\",\"user\":\"\",\"age_s\":2.000,\"idle_s\":0.000,\"bytes\":0,\"to_"
            "client_bytes\":0,\"to_backend_bytes\":0},\n"
            "{\"worker\":1,\"kind\":\"request\",\"phase\":\"held\",\"session\":\"b\",\"epoch\":7,"
            "\"client\":\"203.0.113.9\",\"user\":\"ada\",\"age_s\":1.500,\"idle_s\":0.250,"
            "\"bytes\":99,\"to_client_bytes\":5,\"to_backend_bytes\":6},\n"
            "{\"worker\":0,\"kind\":\"websocket\",\"phase\":\"open\",\"session\":\"a\",\"epoch\":0,"
            "\"client\":\"\",\"user\":\"\",\"age_s\":1.000,\"idle_s\":0.000,\"bytes\":0,\"to_"
            "client_bytes\":0,\"to_backend_bytes\":0}]}\n");
}

TEST(RenderInspections, NoSessionsNameBreaksTheJson) {
  Inspection one;
  one.connections = {{.session = "/a\"\\\n\x01\x7f\xc3("}};
  // What is no UTF-8 becomes U+FFFD.
  const std::string expected = "\"session\":\"/a\\\"\\\\\\n\\u0001\x7f\xef\xbf\xbd(\",";
  EXPECT_NE(RenderInspections({one}).find(expected), std::string::npos) << RenderInspections({one});
}

}  // namespace
}  // namespace spawner::proxy
