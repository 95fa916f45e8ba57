#include "proxy/link/grpc_link.h"

#include <grpcpp/grpcpp.h>

#include <atomic>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <string>
#include <thread>
#include <utility>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "spawner/v1/proxy_link.grpc.pb.h"

namespace spawner::proxy {
namespace {

constexpr uint64_t kMessages = 1'000;
constexpr int kRoutes = 300;  // in each: it takes a while to be decoded

// Says route versions 1 to kMessages as fast as they are taken, to whoever has said something.
class Talker final : public v1::ProxyLink::Service {
 public:
  Talker() {
    grpc::ServerBuilder builder;
    builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(), &port_);
    builder.RegisterService(this);
    server_ = builder.BuildAndStart();
  }
  std::string address() const { return absl::StrCat("127.0.0.1:", port_); }

  grpc::Status Connect(
      grpc::ServerContext*,
      grpc::ServerReaderWriter<v1::ControllerMessage, v1::ProxyMessage>* stream) override {
    v1::ProxyMessage first;
    if (!stream->Read(&first)) return grpc::Status::OK;
    v1::ControllerMessage message;
    for (int i = 0; i < kRoutes; ++i) {
      message.mutable_routes()->add_routes()->set_session_id(absl::StrCat("session-", i));
    }
    for (uint64_t i = 1; i <= kMessages; ++i) {
      message.mutable_routes()->set_version(i);
      if (!stream->Write(message)) break;
    }
    return grpc::Status::OK;
  }

 private:
  int port_ = 0;
  std::unique_ptr<grpc::Server> server_;
};

// Goal: no message is lost or changed by the next one. Method: gRPC's thread lingers after each
// post, while main reads on; so the two are often within the reaction at once.
TEST(GrpcLink, GivesEveryMessageAsItCame) {
  Talker talker;
  std::mutex mutex;
  std::condition_variable has_event;
  std::deque<StreamEvent> events;
  std::atomic<int> lingers{0};  // gRPC's threads, to take turns of different lengths
  GrpcLink link([&](StreamEvent event) {
    {
      const std::lock_guard lock(mutex);
      events.push_back(std::move(event));
    }
    has_event.notify_one();
    for (int i = lingers.fetch_add(1) % 64; i > 0; --i) std::this_thread::yield();
  });
  link.Dial(1, talker.address());
  link.Write({});
  uint64_t received = 0;
  bool is_over = false;
  while (!is_over) {
    StreamEvent event;
    {
      std::unique_lock lock(mutex);
      has_event.wait(lock, [&events] { return !events.empty(); });
      event = std::move(events.front());
      events.pop_front();
    }
    link.OnEvent(event);
    if (event.kind == StreamEvent::Kind::kMessage) {
      link.Read();
      ASSERT_EQ(event.message.routes().version(), ++received);
      ASSERT_EQ(event.message.routes().routes_size(), kRoutes);
    }
    is_over = event.kind == StreamEvent::Kind::kClosed;
  }
  EXPECT_EQ(received, kMessages);
}

}  // namespace
}  // namespace spawner::proxy
