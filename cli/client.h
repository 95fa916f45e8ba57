#ifndef SPAWNER_CLI_CLIENT_H_
#define SPAWNER_CLI_CLIENT_H_

#include <grpcpp/grpcpp.h>

#include <atomic>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "base/grpc_security.h"
#include "spawner/v1/admin.grpc.pb.h"
#include "spawner/v1/sessions.grpc.pb.h"
#include "spawner/v1/templates.grpc.pb.h"

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

inline constexpr char kDefaultAddress[] = "127.0.0.1:9090";

// One controller address: unary calls that tell each second that they still wait, streams that can
// be interrupted. Thread: main's; gRPC's completion queue is the only wait.
class Client {
 public:
  struct Options {
    std::string address = kDefaultAddress;
    std::string token;                           // sent as "authorization: Bearer"; may be empty
    TlsClientFiles tls;                          // checked; empty: no TLS
    absl::Duration timeout = absl::Seconds(30);  // of a unary call
    // Once a second while a unary call has no answer. May make calls of its own, with `what` "".
    std::function<void(absl::string_view what, absl::Duration waited)> on_wait = {};
  };

  Client(Options options, const InterruptFlag& interrupted);

  const std::string& address() const { return options_.address; }
  bool is_interrupted() const { return interrupted_.load(); }
  // Whether a connection stands, or stood and was lost: false after a try that failed.
  bool WasReached() const;
  v1::Sessions::Stub& sessions() { return *sessions_; }
  v1::Admin::Stub& admin() { return *admin_; }
  v1::Templates::Stub& templates() { return *templates_; }

  // Of a unary call that begins now, and may take so long; by default as long as --timeout.
  absl::Time CallDeadline(std::optional<absl::Duration> timeout = std::nullopt) const;
  // False: interrupted meanwhile.
  bool Pause(absl::Duration wait);

  // Runs one unary call; CANCELLED when interrupted:
  //   client.Ask("get session", client.sessions(), &v1::Sessions::Stub::AsyncGetSession, request,
  //              &response);
  template <typename Stub, typename Request, typename Response>
  grpc::Status Ask(absl::string_view what, Stub& stub,
                   std::unique_ptr<grpc::ClientAsyncResponseReader<Response>> (Stub::*method)(
                       grpc::ClientContext*, const Request&, grpc::CompletionQueue*),
                   const Request& request, Response* response,
                   std::optional<absl::Time> deadline = std::nullopt) {
    return Call(
        what, [&](auto* context, auto* queue) { return (stub.*method)(context, request, queue); },
        response, deadline.value_or(CallDeadline()));
  }
  template <typename Response, typename Start>
  grpc::Status Call(absl::string_view what, Start start, Response* response, absl::Time deadline) {
    grpc::ClientContext context;
    Prepare(&context, deadline);
    grpc::CompletionQueue queue;
    grpc::Status status;
    auto reader = start(&context, &queue);
    reader->Finish(response, &status, nullptr);
    AwaitOne(&queue, &context, what);
    return status;
  }

  // Reads a server stream until it ends, `on_message` returns false, or it is interrupted
  // (CANCELLED). OK when `on_message` ended it, which may take the message.
  template <typename Response, typename Start>
  grpc::Status Read(Start start, const std::function<bool(Response&)>& on_message) {
    grpc::ClientContext context;
    Prepare(&context, absl::InfiniteFuture());
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

  // For calls made by hand: the deadline and who we are.
  void Prepare(grpc::ClientContext* context, absl::Time deadline) const;

 private:
  // Waits for the next event; cancels the call when interrupted. With `what`, tells on_wait. The
  // event's success.
  bool AwaitOne(grpc::CompletionQueue* queue, grpc::ClientContext* context, absl::string_view what);

  const Options options_;
  const InterruptFlag& interrupted_;
  std::shared_ptr<grpc::Channel> channel_;  // gRPC's; the stubs hold it as well
  std::unique_ptr<v1::Sessions::Stub> sessions_;
  std::unique_ptr<v1::Admin::Stub> admin_;
  std::unique_ptr<v1::Templates::Stub> templates_;
};

// The message for people, with a next step, and the exit code. `what` begins with the verb.
std::string ErrorText(const grpc::Status& status, absl::string_view what,
                      absl::string_view address);
// The message alone, with its reason.
std::string ShortErrorText(const grpc::Status& status, absl::string_view address);
int ExitCodeOf(const grpc::Status& status);
// ErrorInfo.reason, or "".
std::string ReasonOf(const grpc::Status& status);
// RetryInfo.
std::optional<absl::Duration> RetryAfterOf(const grpc::Status& status);

}  // namespace spawner::cli

#endif  // SPAWNER_CLI_CLIENT_H_
