#include <algorithm>
#include <map>
#include <memory>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "base/random.h"
#include "cli/connect.h"
#include "cli/request.h"
#include "cli/verb_list.h"

namespace spawner::cli {
namespace {

constexpr int64_t kConnectsMax = 100'000;
constexpr int64_t kConcurrencyMax = 256;
constexpr int64_t kKeysMax = 50;

struct Plan {
  v1::ConnectRequest request;
  int64_t connects = 1'000;
  int64_t concurrency = 8;
  int64_t keys = 1;
  std::string prefix;
};

struct Figures {
  std::vector<absl::Duration> latencies;
  std::map<std::string, int64_t> errors;
  absl::Duration took;
};

// One Connect on its way.
struct Flight {
  grpc::ClientContext context;
  v1::ConnectResponse response;
  grpc::Status status;
  absl::Time begin;
  std::unique_ptr<grpc::ClientAsyncResponseReader<v1::ConnectResponse>> reader;
};

bool IsOwn(absl::string_view address) {
  return absl::StartsWith(address, "127.") || absl::StartsWith(address, "localhost:") ||
         absl::StartsWith(address, "[::1]:");
}

std::string KeyOf(const Plan& plan, int64_t n) { return absl::StrCat(plan.prefix, n % plan.keys); }

// `concurrency` of them at any time until all have ended.
Figures Load(const Invocation& i, const Plan& plan) {
  Figures figures;
  grpc::CompletionQueue queue;
  int64_t started = 0;
  int64_t in_flight = 0;
  const auto start = [&] {
    auto* flight = new Flight;  // owned by the queue, as its tag, until it comes back
    v1::ConnectRequest request = plan.request;
    request.clear_spec();
    request.mutable_key()->set_name(KeyOf(plan, started++));
    i.client.Prepare(&flight->context, i.client.CallDeadline());
    flight->begin = i.surroundings.now();
    flight->reader = i.client.sessions().AsyncConnect(&flight->context, request, &queue);
    flight->reader->Finish(&flight->response, &flight->status, flight);
    ++in_flight;
  };
  const absl::Time begin = i.surroundings.now();
  while (started < std::min(plan.concurrency, plan.connects)) start();
  while (in_flight > 0) {
    void* tag = nullptr;
    bool is_ok = false;
    if (!queue.Next(&tag, &is_ok)) break;
    const std::unique_ptr<Flight> flight(static_cast<Flight*>(tag));
    --in_flight;
    if (flight->status.ok()) {
      figures.latencies.push_back(i.surroundings.now() - flight->begin);
    } else {
      ++figures.errors[ShortErrorText(flight->status, i.client.address())];
    }
    if (started < plan.connects && !i.client.is_interrupted()) start();
  }
  figures.took = i.surroundings.now() - begin;
  return figures;
}

std::string Text(const Plan& plan, Figures figures) {
  auto& all = figures.latencies;
  std::sort(all.begin(), all.end());
  std::string text = absl::StrFormat(
      "%d Connects to %d live sessions, %d at a time: %.0f a second\n", all.size(), plan.keys,
      plan.concurrency, static_cast<double>(all.size()) / absl::ToDoubleSeconds(figures.took));
  if (!all.empty()) {
    const auto at = [&all](double share) {
      return absl::ToDoubleMilliseconds(all[static_cast<size_t>(share * (all.size() - 1))]);
    };
    absl::StrAppendFormat(&text, "latency in ms: p50 %.2f, p90 %.2f, p99 %.2f, most %.2f\n",
                          at(0.5), at(0.9), at(0.99), at(1));
  }
  for (const auto& [error, count] : figures.errors) {
    absl::StrAppend(&text, count, " failed: ", error, "\n");
  }
  return text;
}

// Reads a bounded number; false: it has said why not.
bool ReadInt(const Invocation& i, const char* flag, int64_t most, int64_t* value) {
  const auto read = i.arguments.Int(flag);
  if (!read.ok()) {
    Usage(i, read.status().message());
    return false;
  }
  *value = read->value_or(*value);
  if (*value >= 1 && *value <= most) return true;
  Usage(i, absl::StrCat("--", flag, ": from 1 to ", most));
  return false;
}

void EndAll(const Invocation& i, const std::vector<v1::Session>& sessions) {
  for (const v1::Session& session : sessions) {
    v1::TerminateSessionRequest request;
    request.set_name(session.name());
    request.set_hard(true);
    v1::Session ended;
    i.client.Ask("", i.client.sessions(), &v1::Sessions::Stub::AsyncTerminateSession, request,
                 &ended);
  }
}

int Bench(const Invocation& i) {
  Plan plan;
  auto request = MakeConnectRequest(i.arguments, i.ns);
  if (!request.ok()) return Usage(i, request.status().message());
  if (!request->has_spec()) return Usage(i, "say what to run by --image, --template or -- COMMAND");
  plan.request = *std::move(request);
  if (plan.request.grant().user().empty()) plan.request.mutable_grant()->set_user("bench");
  if (!ReadInt(i, "connects", kConnectsMax, &plan.connects) ||
      !ReadInt(i, "concurrency", kConcurrencyMax, &plan.concurrency) ||
      !ReadInt(i, "sessions", kKeysMax, &plan.keys)) {
    return kUsage;
  }
  if (!IsOwn(i.client.address()) &&
      !IsConfirmed(i, absl::StrCat("This loads ", i.client.address(), ": is it your own?"))) {
    return kFailed;
  }
  plan.prefix = absl::StrCat("bench-", SystemRandom().Base32(10), "-");
  std::vector<v1::Session> sessions;
  for (int64_t k = 0; k < plan.keys; ++k) {
    v1::ConnectRequest first = plan.request;
    first.mutable_key()->set_name(KeyOf(plan, k));
    first.set_wait_for(v1::WAIT_FOR_READY);
    v1::ConnectResponse response;
    const grpc::Status status = CallConnect(i, first, &response);
    if (!status.ok()) {
      EndAll(i, sessions);
      return Fail(i, status, "bench");
    }
    sessions.push_back(response.session());
  }
  Figures figures = Load(i, plan);
  const bool has_failed = !figures.errors.empty();
  EndAll(i, sessions);
  i.surroundings.out(Text(plan, std::move(figures)));
  if (i.client.is_interrupted()) return kInterrupted;
  return has_failed ? kFailed : kOk;
}

}  // namespace

Verb BenchVerb() {
  std::vector<Flag> flags = {{"connects", "N", "how many in all; default 1000"},
                             {"concurrency", "N", "at one time; default 8"},
                             {"sessions", "N", "that they go to; default 1"},
                             {"yes", nullptr, "do not ask, where it is not this machine", 'y'}};
  for (const Flag& flag : ConnectFlags()) {
    const std::string name = flag.name;
    if (name != "key" && name != "wait" && name != "request-id") flags.push_back(flag);
  }
  return {.name = "bench",
          .group = Group::kOperations,
          .usage = "bench (--image=IMAGE | --template=NAME | -- COMMAND...) [--connects=N]",
          .help = "a small load of Connects on one's own controller, with latencies",
          .details =
              "Starts --sessions sessions, connects to them again and again with a grant "
              "each, prints the latencies, and ends the sessions.",
          .examples = "bench --connects=5000 --concurrency=16 -- python3 -m http.server 8080",
          .flags = flags,
          .takes_command = true,
          .run = Bench};
}

}  // namespace spawner::cli
