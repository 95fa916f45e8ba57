// Many WatchSessions at once, and sessions that are created one after the other: how soon each
// watcher hears of each. Prints one line of JSON. One thread, so that the instants are of one
// clock.
#include <grpcpp/grpcpp.h>
#include <time.h>

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <vector>

#include "absl/flags/flag.h"
#include "absl/strings/str_cat.h"
#include "base/flags.h"
#include "spawner/v1/sessions.grpc.pb.h"
#include "spawner/v1/sessions.pb.h"

ABSL_FLAG(std::string, address, "", "HOST:PORT of the server.");
ABSL_FLAG(uint32_t, watchers, 1000, "WatchSessions that are open.");
ABSL_FLAG(uint32_t, connections, 4, "HTTP/2 connections that they share.");
ABSL_FLAG(uint32_t, changes, 100, "Sessions that are created.");

namespace spawner::bench {
namespace {

constexpr int64_t kNs = 1'000'000'000;
constexpr int64_t kPatienceNs = 60 * kNs;  // for one change, or for all watches to open
constexpr char kKeys[] = "watched-";  // that watchers ask for; the server's other sessions are not

int64_t NowNs() {
  timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec * kNs + now.tv_nsec;
}

struct Watcher {
  grpc::ClientContext context;
  std::unique_ptr<grpc::ClientAsyncReader<v1::WatchSessionsResponse>> reader;
  v1::WatchSessionsResponse event;
  bool is_started = false;
  bool is_listed = false;  // its first bookmark has come
  uint32_t heard_of = 0;   // changes; they come in order
};

struct Creation {
  grpc::ClientContext context;
  std::unique_ptr<grpc::ClientAsyncResponseReader<v1::ConnectResponse>> reader;
  v1::ConnectResponse answer;
  grpc::Status status;
  bool is_answered = false;
};

double At(std::vector<int64_t>& values, double share) {
  std::sort(values.begin(), values.end());
  const auto index = static_cast<size_t>(share * static_cast<double>(values.size() - 1));
  return static_cast<double>(values[index]) / 1e6;
}

class Load {
 public:
  bool Run() {
    const uint32_t connections = absl::GetFlag(FLAGS_connections);
    for (uint32_t i = 0; i < connections; ++i) {
      grpc::ChannelArguments arguments;
      arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);  // each with a connection of its own
      stubs_.push_back(v1::Sessions::NewStub(grpc::CreateCustomChannel(
          absl::GetFlag(FLAGS_address), grpc::InsecureChannelCredentials(), arguments)));
    }
    const int64_t begin = NowNs();
    watchers_.resize(absl::GetFlag(FLAGS_watchers));
    for (size_t i = 0; i < watchers_.size(); ++i) Open(watchers_[i], *stubs_[i % connections]);
    if (!Await([this] { return listed_ == watchers_.size(); })) return false;
    const double opened_s = static_cast<double>(NowNs() - begin) / kNs;
    for (uint32_t change = 1; change <= absl::GetFlag(FLAGS_changes); ++change) {
      if (!Change(change)) return false;
    }
    std::printf(
        "{\"watchers\": %zu, \"opened_s\": %.3f, \"changes\": %zu, \"told_p50_ms\": %.3f, "
        "\"told_p99_ms\": %.3f, \"told_max_ms\": %.3f, \"all_told_p50_ms\": %.3f, "
        "\"all_told_max_ms\": %.3f, \"connect_p50_ms\": %.3f, \"connect_max_ms\": %.3f}\n",
        watchers_.size(), opened_s, connects_ns_.size(), At(told_ns_, 0.5), At(told_ns_, 0.99),
        At(told_ns_, 1), At(all_told_ns_, 0.5), At(all_told_ns_, 1), At(connects_ns_, 0.5),
        At(connects_ns_, 1));
    for (const auto& watcher : watchers_) watcher->context.TryCancel();
    queue_.Shutdown();
    void* tag = nullptr;
    bool ok = false;
    while (queue_.Next(&tag, &ok)) {
    }
    return true;
  }

 private:
  void Open(std::unique_ptr<Watcher>& watcher, v1::Sessions::Stub& stub) {
    watcher = std::make_unique<Watcher>();
    v1::WatchSessionsRequest request;
    request.set_parent("namespaces/default");
    request.set_filter(absl::StrCat("key:", kKeys));
    watcher->reader = stub.PrepareAsyncWatchSessions(&watcher->context, request, &queue_);
    watcher->reader->StartCall(watcher.get());
  }

  bool Change(uint32_t number) {
    change_ = number;
    told_ = 0;
    begin_ns_ = NowNs();
    v1::ConnectRequest request;
    request.set_parent("namespaces/default");
    request.mutable_key()->set_name(absl::StrCat(kKeys, number));
    request.mutable_spec()->set_image("registry.example/editor:7");
    Creation creation;
    creation.reader = stubs_[0]->PrepareAsyncConnect(&creation.context, request, &queue_);
    creation.reader->StartCall();
    creation.reader->Finish(&creation.answer, &creation.status, &creation);
    creation_ = &creation;
    const bool is_done = Await([&] { return creation.is_answered && told_ == watchers_.size(); });
    all_told_ns_.push_back(NowNs() - begin_ns_);
    if (is_done && creation.status.ok()) return true;
    std::fprintf(stderr, "change %u: %zu of %zu watchers heard of it; %s\n", number, told_,
                 watchers_.size(), creation.status.error_message().c_str());
    std::exit(1);  // the call may still be under way
  }

  template <typename Done>
  bool Await(Done done) {
    const int64_t deadline = NowNs() + kPatienceNs;
    while (!done()) {
      void* tag = nullptr;
      bool ok = false;
      const gpr_timespec until =
          gpr_time_add(gpr_now(GPR_CLOCK_MONOTONIC), gpr_time_from_nanos(kNs / 10, GPR_TIMESPAN));
      const auto got = queue_.AsyncNext(&tag, &ok, until);
      if (NowNs() > deadline) return false;
      if (got != grpc::CompletionQueue::GOT_EVENT) continue;
      if (tag == creation_) {
        creation_->is_answered = true;
        connects_ns_.push_back(NowNs() - begin_ns_);
      } else if (!Step(*static_cast<Watcher*>(tag), ok)) {
        return false;
      }
    }
    return true;
  }

  bool Step(Watcher& watcher, bool ok) {
    if (!ok) {
      std::fprintf(stderr, "a watch has ended\n");
      return false;
    }
    if (watcher.is_started) Take(watcher);
    watcher.is_started = true;
    watcher.reader->Read(&watcher.event, &watcher);
    return true;
  }

  void Take(Watcher& watcher) {
    if (watcher.event.type() == v1::WatchSessionsResponse::BOOKMARK && !watcher.is_listed) {
      watcher.is_listed = true;
      ++listed_;
    }
    // Each session is told of several times, as it starts.
    if (watcher.event.type() != v1::WatchSessionsResponse::ADDED || watcher.heard_of == change_) {
      return;
    }
    watcher.heard_of = change_;
    ++told_;
    told_ns_.push_back(NowNs() - begin_ns_);
  }

  std::vector<std::unique_ptr<v1::Sessions::Stub>> stubs_;
  grpc::CompletionQueue queue_;
  std::vector<std::unique_ptr<Watcher>> watchers_;
  Creation* creation_ = nullptr;
  size_t listed_ = 0;
  uint32_t change_ = 0;
  size_t told_ = 0;  // of this change
  int64_t begin_ns_ = 0;
  std::vector<int64_t> told_ns_;
  std::vector<int64_t> all_told_ns_;
  std::vector<int64_t> connects_ns_;
};

}  // namespace
}  // namespace spawner::bench

int main(int argc, char** argv) {
  spawner::ParseFlagsOrExit(
      {.name = "watch_load", .about = "watches a controller.", .flag_files = "tests/bench/"}, argc,
      argv);
  return spawner::bench::Load().Run() ? 0 : 1;
}
