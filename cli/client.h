#ifndef SPAWNER_CLI_CLIENT_H_
#define SPAWNER_CLI_CLIENT_H_

#include <grpcpp/grpcpp.h>

#include <atomic>
#include <functional>
#include <memory>
#include <string>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "spawner/v1/admin.grpc.pb.h"
#include "spawner/v1/sessions.grpc.pb.h"

namespace spawner::cli {

// Exit codes of docs/api.md.
enum ExitCode {
  kOk = 0,
  kFailed = 1,
  kUsage = 2,
  kNotFound = 3,
  kNotAllowed = 4,
  kConflict = 5,
  kQuota = 6,
  kUnavailable = 7,
  kTimeout = 124,
  kInterrupted = 130,
};

// Set by SIGINT when a command asked for it (see Client::interrupted).
using InterruptFlag = std::atomic<bool>;

// One controller address: unary calls that show on stderr that they still wait, streams that can
// be interrupted. Thread: main's; gRPC's completion queue is the only wait.
class Client {
 public:
  struct Options {
    std::string address;                         // "127.0.0.1:9090"
    std::string token;                           // sent as "authorization: Bearer"; may be empty
    absl::Duration timeout = absl::Seconds(30);  // of a unary call
  };

  Client(Options options, const InterruptFlag& interrupted);

  const std::string& address() const { return options_.address; }
  v1::Sessions::Stub& sessions() { return *sessions_; }
  v1::Admin::Stub& admin() { return *admin_; }

  // Runs one unary call:
  //   client.Call("get session", [&](auto* context, auto* queue) {
  //     return client.sessions().AsyncGetSession(context, request, queue); }, &response);
  // CANCELLED when interrupted.
  template <typename Response, typename Start>
  grpc::Status Call(absl::string_view what, Start start, Response* response) {
    grpc::ClientContext context;
    Prepare(&context, options_.timeout);
    grpc::CompletionQueue queue;
    grpc::Status status;
    auto reader = start(&context, &queue);
    reader->Finish(response, &status, nullptr);
    AwaitOne(&queue, &context, what);
    return status;
  }

  // Reads a server stream until it ends, `on_message` returns false, or it is interrupted
  // (CANCELLED). OK when `on_message` ended it.
  template <typename Response, typename Start>
  grpc::Status Read(Start start, const std::function<bool(const Response&)>& on_message) {
    grpc::ClientContext context;
    Prepare(&context, absl::InfiniteDuration());
    grpc::CompletionQueue queue;
    auto reader = start(&context, &queue);
    bool has_started = AwaitOne(&queue, &context, "");
    Response response;
    bool is_ended_by_us = false;
    while (has_started) {
      reader->Read(&response, nullptr);
      if (!AwaitOne(&queue, &context, "")) break;
      if (!on_message(response)) {
        is_ended_by_us = true;
        context.TryCancel();
        break;
      }
    }
    grpc::Status status;
    reader->Finish(&status, nullptr);
    AwaitOne(&queue, &context, "");
    return is_ended_by_us ? grpc::Status::OK : status;
  }

 private:
  void Prepare(grpc::ClientContext* context, absl::Duration timeout) const;
  // Waits for the next event; cancels the call when interrupted. With `what`, says once a second on
  // stderr that it still waits. The event's success.
  bool AwaitOne(grpc::CompletionQueue* queue, grpc::ClientContext* context, absl::string_view what);

  const Options options_;
  const InterruptFlag& interrupted_;
  std::unique_ptr<v1::Sessions::Stub> sessions_;
  std::unique_ptr<v1::Admin::Stub> admin_;
};

// The message for people, with a next step, and the exit code. `what` begins with the verb.
std::string ErrorText(const grpc::Status& status, absl::string_view what,
                      absl::string_view address);
int ExitCodeOf(const grpc::Status& status);

}  // namespace spawner::cli

#endif  // SPAWNER_CLI_CLIENT_H_
