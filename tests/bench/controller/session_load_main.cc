// Calls of spawner.v1.Sessions at a fixed rate, or as fast as answers come; prints one line of
// JSON. The requests are made once, the answers not read: what it costs is gRPC's part.
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/grpcpp.h>
#include <time.h>

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/flags/flag.h"
#include "absl/strings/str_cat.h"
#include "base/flags.h"
#include "spawner/v1/sessions.grpc.pb.h"
#include "spawner/v1/sessions.pb.h"

ABSL_FLAG(std::string, address, "", "HOST:PORT of the server.");
ABSL_FLAG(std::string, kase, "connect",
          "connect (a public session), grant (one with a token) or list (a page of 1,000).");
ABSL_FLAG(uint32_t, sessions, 1000, "Keys there are.");
ABSL_FLAG(uint32_t, connections, 4, "HTTP/2 connections.");
ABSL_FLAG(uint32_t, outstanding, 64, "Calls under way at most.");
ABSL_FLAG(double, rate, 0, "Calls a second; 0: as many as are answered.");
ABSL_FLAG(double, seconds, 3, "How long.");

namespace spawner::bench {
namespace {

constexpr int64_t kNs = 1'000'000'000;
constexpr int kPageSize = 1000;
constexpr uint32_t kRequestsMax = 4096;

int64_t NowNs() {
  timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec * kNs + now.tv_nsec;
}

grpc::ByteBuffer Bytes(const google::protobuf::Message& message) {
  const grpc::Slice slice(message.SerializeAsString());
  return grpc::ByteBuffer(&slice, 1);
}

struct Call {
  std::unique_ptr<grpc::ClientContext> context;
  std::unique_ptr<grpc::GenericClientAsyncResponseReader> reader;
  grpc::ByteBuffer answer;
  grpc::Status status;
  int64_t due_ns = 0;
};

class Load {
 public:
  Load() : kase_(absl::GetFlag(FLAGS_kase)) {
    for (uint32_t i = 0; i < absl::GetFlag(FLAGS_connections); ++i) {
      grpc::ChannelArguments arguments;
      arguments.SetInt("bench.channel", static_cast<int>(i));  // each with a connection of its own
      arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
      channels_.push_back(grpc::CreateCustomChannel(absl::GetFlag(FLAGS_address),
                                                    grpc::InsecureChannelCredentials(), arguments));
      stubs_.push_back(std::make_unique<grpc::GenericStub>(channels_.back()));
    }
    method_ =
        kase_ == "list" ? "/spawner.v1.Sessions/ListSessions" : "/spawner.v1.Sessions/Connect";
    MakeRequests();
  }

  bool Run() {
    const double rate = absl::GetFlag(FLAGS_rate);
    const uint32_t outstanding = absl::GetFlag(FLAGS_outstanding);
    const int64_t begin = NowNs();
    const int64_t end = begin + static_cast<int64_t>(absl::GetFlag(FLAGS_seconds) * kNs);
    calls_.resize(outstanding);
    for (Call& call : calls_) free_.push_back(&call);
    uint64_t sent = 0;
    while (true) {
      int64_t now = NowNs();
      while (now < end && !free_.empty()) {
        const int64_t due =
            rate == 0 ? now : begin + static_cast<int64_t>(static_cast<double>(sent) / rate * kNs);
        if (due > now) break;
        Start(due, sent++);
      }
      if (now >= end && free_.size() == calls_.size()) break;
      const int64_t next_due =
          rate == 0 || free_.empty()
              ? now + kNs
              : begin + static_cast<int64_t>(static_cast<double>(sent) / rate * kNs);
      Await(std::max<int64_t>(next_due - now, 0));
      if (NowNs() > end + 10 * kNs) return false;
    }
    const double seconds = static_cast<double>(NowNs() - begin) / kNs;
    std::sort(latencies_.begin(), latencies_.end());
    std::printf(
        "{\"calls\": %zu, \"failed\": %zu, \"seconds\": %.3f, \"calls_per_s\": %.1f, \"p50_ms\": "
        "%.3f, "
        "\"p99_ms\": %.3f, \"max_ms\": %.3f, \"first_error\": \"%s\"}\n",
        latencies_.size(), failed_, seconds, static_cast<double>(latencies_.size()) / seconds,
        At(0.5), At(0.99), At(1), first_error_.c_str());
    return true;
  }

 private:
  void MakeRequests() {
    if (kase_ == "list") {
      v1::ListSessionsRequest request;
      request.set_parent("namespaces/default");
      request.set_page_size(kPageSize);
      requests_.push_back(Bytes(request));
      return;
    }
    // Of the server's sessions every other one is public.
    const uint32_t pairs = std::max<uint32_t>(absl::GetFlag(FLAGS_sessions) / 2, 1);
    const uint32_t count = std::min(pairs, kRequestsMax);
    for (uint32_t i = 0; i < count; ++i) {
      v1::ConnectRequest request;
      request.set_parent("namespaces/default");
      const uint32_t number = i * (pairs / count) * 2 + (kase_ == "grant" ? 0 : 1);
      request.mutable_key()->set_name(absl::StrCat("document-", number));
      if (kase_ == "grant") request.mutable_grant()->set_user("ada");
      request.mutable_spec()->set_image("registry.example/editor:7");
      requests_.push_back(Bytes(request));
    }
  }

  void Start(int64_t due, uint64_t number) {
    Call& call = *free_.back();
    free_.pop_back();
    call.context = std::make_unique<grpc::ClientContext>();
    call.due_ns = due;
    call.answer.Clear();
    call.reader = stubs_[number % stubs_.size()]->PrepareUnaryCall(
        call.context.get(), method_, requests_[number * 7919 % requests_.size()], &queue_);
    call.reader->StartCall();
    call.reader->Finish(&call.answer, &call.status, &call);
  }

  void Await(int64_t wait_ns) {
    void* tag = nullptr;
    bool ok = false;
    const gpr_timespec until =
        gpr_time_add(gpr_now(GPR_CLOCK_MONOTONIC), gpr_time_from_nanos(wait_ns, GPR_TIMESPAN));
    if (queue_.AsyncNext(&tag, &ok, until) != grpc::CompletionQueue::GOT_EVENT) return;
    Call& call = *static_cast<Call*>(tag);
    latencies_.push_back(NowNs() - call.due_ns);
    if (!call.status.ok()) {
      if (failed_++ == 0) first_error_ = call.status.error_message();
    }
    free_.push_back(&call);
  }

  double At(double share) const {
    if (latencies_.empty()) return 0;
    const auto index = static_cast<size_t>(share * static_cast<double>(latencies_.size() - 1));
    return static_cast<double>(latencies_[index]) / 1e6;
  }

  const std::string kase_;
  std::string method_;
  std::vector<std::shared_ptr<grpc::Channel>> channels_;
  std::vector<std::unique_ptr<grpc::GenericStub>> stubs_;
  std::vector<grpc::ByteBuffer> requests_;
  grpc::CompletionQueue queue_;
  std::vector<Call> calls_;
  std::vector<Call*> free_;
  std::vector<int64_t> latencies_;
  size_t failed_ = 0;
  std::string first_error_;
};

}  // namespace
}  // namespace spawner::bench

int main(int argc, char** argv) {
  spawner::ParseFlagsOrExit(
      {.name = "session_load", .about = "calls a controller.", .flag_files = "tests/bench/"}, argc,
      argv);
  return spawner::bench::Load().Run() ? 0 : 1;
}
