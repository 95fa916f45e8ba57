#include "cli/client.h"

#include <cstdio>

#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "google/rpc/error_details.pb.h"

namespace spawner::cli {
namespace {

constexpr auto kStep = std::chrono::milliseconds(100);  // how soon an interrupt is seen
constexpr int kStepsPerNotice = 10;

// ErrorInfo.reason, or "".
std::string ReasonOf(const grpc::Status& status) {
  google::rpc::Status details;
  google::rpc::ErrorInfo info;
  if (!details.ParseFromString(status.error_details())) return "";
  for (const auto& detail : details.details()) {
    if (detail.UnpackTo(&info)) return info.reason();
  }
  return "";
}

// What to do about a refusal with this ErrorInfo.reason; "" if the code says it all.
std::string NextStepOfReason(absl::string_view reason) {
  if (reason == "NO_LEADER") return "an election takes some seconds: try again";
  if (reason == "KUBERNETES_UNREACHABLE") return "`spawnctl status` says why";
  if (reason == "NAMESPACE_FORBIDDEN") return "choose one with --namespace or SPAWNER_NAMESPACE";
  if (reason == "KEY_NOT_HELD") return "say what to run by --image=IMAGE or -- COMMAND";
  return "";
}

std::string NextStep(const grpc::Status& status, absl::string_view reason, absl::string_view verb) {
  if (const std::string step = NextStepOfReason(reason); !step.empty()) return step;
  switch (status.error_code()) {
    case grpc::StatusCode::UNAVAILABLE:
      return reason.empty() ? "is a controller running there? --address or SPAWNER_ADDRESS names "
                              "another"
                            : "";
    case grpc::StatusCode::INVALID_ARGUMENT:
      return absl::StrCat("`spawnctl ", verb, " --help` says more");
    case grpc::StatusCode::NOT_FOUND:
      return "`spawnctl get sessions` lists what there is";
    case grpc::StatusCode::UNAUTHENTICATED:
    case grpc::StatusCode::PERMISSION_DENIED:
      return "set SPAWNER_TOKEN to a token that is allowed to do this";
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
  if (reason.empty() && status.error_code() == grpc::StatusCode::UNAVAILABLE) {
    const size_t cause = message.rfind(": ");  // "...: ipv4:127.0.0.1:1: Connection refused"
    return absl::StrCat("cannot reach the controller at ", address, ": ",
                        cause == message.npos ? message : message.substr(cause + 2));
  }
  if (reason.empty() && message == "Deadline Exceeded") {
    return absl::StrCat("no answer from ", address, " in time");
  }
  absl::ConsumePrefix(&message, absl::StrCat(what, ": "));
  return std::string(message);
}

}  // namespace

Client::Client(Options options, const InterruptFlag& interrupted)
    : options_(std::move(options)), interrupted_(interrupted) {
  const auto channel = grpc::CreateChannel(options_.address, grpc::InsecureChannelCredentials());
  sessions_ = v1::Sessions::NewStub(channel);
  admin_ = v1::Admin::NewStub(channel);
}

void Client::Prepare(grpc::ClientContext* context, absl::Duration timeout) const {
  if (timeout != absl::InfiniteDuration()) {
    context->set_deadline(std::chrono::system_clock::now() + absl::ToChronoMilliseconds(timeout));
  }
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
    if (!what.empty() && steps % kStepsPerNotice == 0) {
      std::fprintf(stderr, "%.*s: waiting for %s (%d s)\n", static_cast<int>(what.size()),
                   what.data(), options_.address.c_str(), steps / kStepsPerNotice);
    }
  }
}

std::string ErrorText(const grpc::Status& status, absl::string_view what,
                      absl::string_view address) {
  const std::string reason = ReasonOf(status);
  std::string text = absl::StrCat(what, ": ", Message(status, reason, what, address));
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
