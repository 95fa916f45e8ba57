#include "cli/client.h"

#include <algorithm>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "cli/output.h"
#include "google/rpc/error_details.pb.h"

namespace spawner::cli {
namespace {

constexpr auto kStep = std::chrono::milliseconds(100);  // how soon an interrupt is seen
constexpr int kStepsPerNotice = 10;
// gRPC's own wait between two dials grows to 120 s: a controller that is back is found sooner.
constexpr int kRedialMinMs = 250;
constexpr int kRedialMaxMs = 2'000;
// A watch may be silent for long: a machine that is gone without a word is noticed. The controller
// takes a ping a second.
constexpr int kKeepaliveMs = 20'000;
constexpr int kKeepaliveTimeoutMs = 10'000;
// What gRPC says of a server that speaks HTTP/2 and no gRPC: another one, or a proxy on the way.
constexpr absl::string_view kNoGrpc = "Received http2 header with status: ";

// The first of its kind among the details; false: there is none.
template <typename Detail>
bool FindDetail(const grpc::Status& status, Detail* found) {
  google::rpc::Status details;
  if (!details.ParseFromString(status.error_details())) return false;
  for (const auto& detail : details.details()) {
    if (detail.UnpackTo(found)) return true;
  }
  return false;
}

// What to do about a refusal with this ErrorInfo.reason; "" if the code says it all.
std::string NextStepOfReason(absl::string_view reason) {
  if (reason == "NO_LEADER") return "an election takes some seconds: try again";
  if (reason == "KUBERNETES_UNREACHABLE") return "`spawnctl status` says why";
  if (reason == "NAMESPACE_FORBIDDEN") return "or choose another with --namespace";
  if (reason == "KEY_NOT_HELD") return "say what to run by --image=IMAGE or -- COMMAND";
  if (reason == "PROXY_NOT_FOUND" || reason == "PROXY_LOST") return "`spawnctl proxies` lists them";
  if (reason == "LOG_UNAVAILABLE") return "`spawnctl why` says what became of its pod";
  if (reason == "TEMPLATE_NOT_FOUND") return "`spawnctl get templates` lists what there is";
  if (reason == "KEY_TAG_MISMATCH") return "--on-mismatch=replace ends the old one and starts anew";
  if (reason == "NOT_IDLE") {
    return "`spawnctl why` says who uses it; `spawnctl release` ends a hold";
  }
  if (reason == "SESSION_ENDING") return "`spawnctl why` says how it ended";
  if (reason == "ETAG_MISMATCH") return "it was changed meanwhile: get it again, then repeat";
  if (reason == "EPOCH_FENCED") return "another incarnation runs by now: `spawnctl get session`";
  if (reason == "TOKEN_INVALID" || reason == "TOKEN_EXPIRED") {
    return "give a token by SPAWNER_TOKEN or --token-file, or --client-cert and --client-key; "
           "`spawnctl context show` says which is used";
  }
  if (reason == "QUOTA_SESSIONS" || reason == "QUOTA_STARTS" || reason == "QUOTA_CONNECTIONS") {
    return "`spawnctl get quotas` shows what is used and allowed";
  }
  if (reason == "START_TIMEOUT") return "`spawnctl why` and `spawnctl logs` say what it did";
  return "";
}

std::string NextStep(const grpc::Status& status, absl::string_view reason, absl::string_view verb) {
  if (absl::StartsWith(status.error_message(), kNoGrpc)) {
    return "is this its gRPC port, and no web proxy on the way? --address or SPAWNER_ADDRESS names "
           "another";
  }
  if (const std::string step = NextStepOfReason(reason); !step.empty()) return step;
  switch (status.error_code()) {
    case grpc::StatusCode::UNAVAILABLE:
      return reason.empty() ? "is a controller running there? --address or SPAWNER_ADDRESS names "
                              "another"
                            : "";
    case grpc::StatusCode::UNIMPLEMENTED:
      return "this controller cannot do that: `spawnctl version` says how old it is";
    case grpc::StatusCode::INVALID_ARGUMENT:
      return absl::StrCat("`spawnctl ", verb, " --help` says more");
    case grpc::StatusCode::NOT_FOUND:
      return "`spawnctl get sessions` lists what there is";
    case grpc::StatusCode::UNAUTHENTICATED:
    case grpc::StatusCode::PERMISSION_DENIED:
      return "a token that is allowed to do this comes from SPAWNER_TOKEN or a context "
             "(`spawnctl context show`)";
    case grpc::StatusCode::DEADLINE_EXCEEDED:
      return "give it longer with --timeout, or look with `spawnctl describe`";
    default:
      return "";
  }
}

// gRPC's own messages are for its developers; a controller's, which carry a reason, are kept.
std::string Message(const grpc::Status& status, absl::string_view reason, absl::string_view what,
                    absl::string_view address) {
  const std::string said = status.error_message();
  absl::string_view message = said;
  if (absl::ConsumePrefix(&message, kNoGrpc)) {
    return absl::StrCat("what answers at ", address, " is no controller: HTTP status ", message);
  }
  if (reason.empty() && status.error_code() == grpc::StatusCode::UNAVAILABLE) {
    const size_t cause = message.rfind(": ");  // "...: ipv4:127.0.0.1:1: Connection refused"
    return absl::StrCat("cannot reach the controller at ", address, ": ",
                        cause == message.npos ? message : message.substr(cause + 2));
  }
  if (reason.empty() && message == "Deadline Exceeded") {
    return absl::StrCat("no answer from ", address, " in time");
  }
  if (!what.empty()) absl::ConsumePrefix(&message, absl::StrCat(what, ": "));
  return std::string(message);
}

}  // namespace

Client::Client(Options options, const InterruptFlag& interrupted)
    : options_(std::move(options)), interrupted_(interrupted) {
  grpc::ChannelArguments arguments;
  arguments.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, kRedialMinMs);
  arguments.SetInt(GRPC_ARG_MIN_RECONNECT_BACKOFF_MS, kRedialMaxMs);
  arguments.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, kRedialMaxMs);
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIME_MS, kKeepaliveMs);
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, kKeepaliveTimeoutMs);
  arguments.SetInt(GRPC_ARG_HTTP2_MAX_PINGS_WITHOUT_DATA, 0);  // as many as it takes
  const auto credentials = MakeChannelCredentials(options_.tls, &arguments);
  channel_ = grpc::CreateCustomChannel(options_.address, credentials, arguments);
  sessions_ = v1::Sessions::NewStub(channel_);
  admin_ = v1::Admin::NewStub(channel_);
  templates_ = v1::Templates::NewStub(channel_);
}

bool Client::WasReached() const {
  const grpc_connectivity_state state = channel_->GetState(/*try_to_connect=*/false);
  return state == GRPC_CHANNEL_READY || state == GRPC_CHANNEL_IDLE;
}

absl::Time Client::CallDeadline(std::optional<absl::Duration> timeout) const {
  return absl::FromChrono(std::chrono::system_clock::now()) + timeout.value_or(options_.timeout);
}

bool Client::Pause(absl::Duration wait) {
  grpc::CompletionQueue queue;  // nothing ever comes of it
  void* tag = nullptr;
  bool is_ok = false;
  const auto step = absl::FromChrono(kStep);
  for (; wait > absl::ZeroDuration() && !interrupted_.load(); wait -= step) {
    queue.AsyncNext(
        &tag, &is_ok,
        std::chrono::system_clock::now() + absl::ToChronoMilliseconds(std::min(wait, step)));
  }
  return !interrupted_.load();
}

void Client::Prepare(grpc::ClientContext* context, absl::Time deadline) const {
  if (deadline != absl::InfiniteFuture()) context->set_deadline(absl::ToChronoTime(deadline));
  if (!options_.token.empty()) {
    context->AddMetadata("authorization", absl::StrCat("Bearer ", options_.token));
  }
}

bool Client::AwaitOne(grpc::CompletionQueue* queue, grpc::ClientContext* context,
                      absl::string_view what) {
  void* tag = nullptr;
  bool is_ok = false;
  for (int steps = 1;; ++steps) {
    switch (queue->AsyncNext(&tag, &is_ok, std::chrono::system_clock::now() + kStep)) {
      case grpc::CompletionQueue::GOT_EVENT:
        return is_ok;
      case grpc::CompletionQueue::SHUTDOWN:
        return false;
      case grpc::CompletionQueue::TIMEOUT:
        break;
    }
    if (interrupted_.load()) context->TryCancel();
    if (!what.empty() && options_.on_wait != nullptr && steps % kStepsPerNotice == 0) {
      options_.on_wait(what, absl::FromChrono(kStep) * steps);
    }
  }
}

std::string ReasonOf(const grpc::Status& status) {
  google::rpc::ErrorInfo info;
  return FindDetail(status, &info) ? info.reason() : "";
}

std::optional<absl::Duration> RetryAfterOf(const grpc::Status& status) {
  google::rpc::RetryInfo info;
  if (!FindDetail(status, &info)) return std::nullopt;
  return absl::Seconds(info.retry_delay().seconds()) +
         absl::Nanoseconds(info.retry_delay().nanos());
}

std::string ShortErrorText(const grpc::Status& status, absl::string_view address) {
  const std::string reason = ReasonOf(status);
  return absl::StrCat(Message(status, reason, "", address), reason.empty() ? "" : " [", reason,
                      reason.empty() ? "" : "]");
}

std::string ErrorText(const grpc::Status& status, absl::string_view what,
                      absl::string_view address) {
  const std::string reason = ReasonOf(status);
  std::string text = Printable(Message(status, reason, what, address));  // a backend's last words
  // Said once: "terminate session x: ...", "connect: ...".
  const absl::string_view tried = what.substr(0, what.find(' '));
  if (!absl::StartsWith(text, absl::StrCat(tried, " "))) text = absl::StrCat(what, ": ", text);
  if (!reason.empty()) absl::StrAppend(&text, " [", reason, "]");
  const absl::string_view verb = what.substr(0, what.find(' '));
  if (const std::string next = NextStep(status, reason, verb); !next.empty()) {
    absl::StrAppend(&text, "\n  ", next);
  }
  return text;
}

int ExitCodeOf(const grpc::Status& status) {
  switch (status.error_code()) {
    case grpc::StatusCode::OK:
      return kOk;
    case grpc::StatusCode::INVALID_ARGUMENT:
    case grpc::StatusCode::OUT_OF_RANGE:
      return kUsage;
    case grpc::StatusCode::NOT_FOUND:
      return kNotFound;
    case grpc::StatusCode::UNAUTHENTICATED:
    case grpc::StatusCode::PERMISSION_DENIED:
      return kNotAllowed;
    case grpc::StatusCode::FAILED_PRECONDITION:
    case grpc::StatusCode::ABORTED:
    case grpc::StatusCode::ALREADY_EXISTS:
      return kConflict;
    case grpc::StatusCode::RESOURCE_EXHAUSTED:
      return kQuota;
    case grpc::StatusCode::UNAVAILABLE:
      return kUnavailable;
    case grpc::StatusCode::DEADLINE_EXCEEDED:
      return kTimeout;
    case grpc::StatusCode::CANCELLED:
      return kInterrupted;
    default:
      return kFailed;
  }
}

}  // namespace spawner::cli
