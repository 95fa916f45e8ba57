#include <algorithm>

#include "absl/strings/str_cat.h"
#include "cli/resources.h"
#include "cli/times.h"
#include "cli/verb_list.h"
#include "spawner/v1/admin.pb.h"

namespace spawner::cli {
namespace {

constexpr absl::Duration kDrainEvery = absl::Seconds(1);

int RotateKeys(const Invocation& i) {
  v1::RotateKeysRequest request;
  const auto overlap = i.arguments.Duration("overlap");
  if (!overlap.ok()) return Usage(i, overlap.status().message());
  if (overlap->has_value()) {
    if (**overlap < absl::ZeroDuration()) return Usage(i, "--overlap: must not be negative");
    *request.mutable_overlap() = DurationProto(**overlap);
    if (**overlap == absl::ZeroDuration() &&
        !IsConfirmed(i, "--overlap=0s ends every token there is, and closes who came with it.")) {
      return kFailed;
    }
  }
  v1::RotateKeysResponse response;
  const grpc::Status status =
      i.client.Ask(i.verb, i.client.admin(), &v1::Admin::Stub::AsyncRotateKeys, request, &response);
  if (!status.ok()) return Fail(i, status, i.verb);
  std::string text = absl::StrCat("new tokens are signed with key ", response.key_id(), "\n");
  if (response.has_retire_time()) {
    absl::StrAppend(&text, "tokens of the former key are good until ",
                    When(response.retire_time(), i.surroundings.now()), "\n");
  }
  Print(i, response, text, response.key_id());
  return kOk;
}

int DrainProxy(const Invocation& i) {
  if (i.arguments.positionals.size() != 1) {
    return Usage(i, "name one proxy by its id; `spawnctl proxies` lists them");
  }
  v1::DrainProxyRequest request;
  request.set_proxy(i.arguments.positionals[0]);
  const auto deadline = i.arguments.Duration("deadline");
  if (!deadline.ok()) return Usage(i, deadline.status().message());
  if (deadline->has_value()) {
    if (**deadline < absl::ZeroDuration()) return Usage(i, "--deadline: must not be negative");
    *request.mutable_deadline() = DurationProto(**deadline);
  }
  v1::DrainProxyResponse response;
  const grpc::Status status =
      i.client.Ask(i.verb, i.client.admin(), &v1::Admin::Stub::AsyncDrainProxy, request, &response);
  if (!status.ok()) return Fail(i, status, i.verb);
  Print(i, response, absl::StrCat("proxy ", request.proxy(), " drains\n"), request.proxy());
  return kOk;
}

int DrainNode(const Invocation& i) {
  if (i.arguments.positionals.size() != 1) return Usage(i, "name one node, as `kubectl get nodes`");
  v1::DrainNodeRequest request;
  request.set_node(i.arguments.positionals[0]);
  const auto wait = i.arguments.Duration("wait");
  if (!wait.ok()) return Usage(i, wait.status().message());
  absl::Duration left = wait->value_or(absl::ZeroDuration());
  v1::DrainNodeResponse response;
  int ended = 0;
  while (true) {
    const grpc::Status status = i.client.Ask(i.verb, i.client.admin(),
                                             &v1::Admin::Stub::AsyncDrainNode, request, &response);
    if (!status.ok()) return Fail(i, status, i.verb);
    ended += response.ended();
    if (response.waiting() == 0 || left <= absl::ZeroDuration()) break;
    if (!i.client.Pause(std::min(left, kDrainEvery))) return kInterrupted;
    left -= kDrainEvery;
  }
  response.set_ended(ended);
  Print(i, response,
        absl::StrCat(
            "node ", request.node(), ": ", ended, " sessions ended, ", response.waiting(),
            response.waiting() == 0 ? " left\n" : " in use are left: ask again, or with --wait\n"),
        request.node());
  if (ended == 0 && response.waiting() == 0) {
    Tell(i, absl::StrCat("no session is on a node \"", request.node(),
                         "\"; `spawnctl get sessions -o wide` shows where they are"));
  }
  return response.waiting() > 0 && wait->has_value() ? kTimeout : kOk;
}

int ShowProxies(const Invocation& i) { return ListOther(i, *FindResource("proxies")); }

}  // namespace

Verb KeysRotateVerb() {
  return {.name = "keys rotate",
          .group = Group::kAccess,
          .usage = "keys rotate [--overlap=DURATION]",
          .help = "sign new tokens with a new key",
          .details =
              "Tokens of the former key stay good for the overlap: 24 h by default, the "
              "longest time a token lives, so that nobody notices. After a leak: "
              "--overlap=0s, which asks first.",
          .examples =
              "keys rotate\n"
              "keys rotate --overlap=0s --yes",
          .flags = {{"overlap", "DURATION", "how long tokens of the old key are good; default 24h"},
                    {"yes", nullptr, "do not ask", 'y'}},
          .run = RotateKeys};
}

Verb ProxiesVerb() {
  return {.name = "proxies",
          .group = Group::kOperations,
          .usage = "proxies",
          .help = "the proxies, their links and connections",
          .details =
              "As the controller that leads knows them. A proxy whose link is lost serves on "
              "with the routes it has.",
          .examples =
              "proxies\n"
              "proxies -o json",
          .flags = {},
          .run = ShowProxies};
}

Verb DrainProxyVerb() {
  return {.name = "drain proxy",
          .group = Group::kOperations,
          .usage = "drain proxy ID [--deadline=DURATION]",
          .help = "let a proxy finish what is open and take nothing new",
          .details =
              "What is still open at the deadline is closed with 1012, which tells "
              "applications to connect again.",
          .examples = "drain proxy proxy-7d9f-x2x --deadline=5m",
          .flags = {{"deadline", "DURATION", "when it closes what is open; default its own"}},
          .words_max = 1,
          .words = Words::kProxy,
          .run = DrainProxy};
}

Verb DrainNodeVerb() {
  return {.name = "drain node",
          .group = Group::kOperations,
          .usage = "drain node NODE [--wait=DURATION]",
          .help = "end the sessions of a node that nobody uses",
          .details =
              "Sessions that nobody is connected to end now, without their grace; none is cut "
              "off. With --wait it goes on until none is left, and ends with exit code 124 if "
              "that takes longer. Cordon the node first (`kubectl cordon NODE`); `kubectl drain` "
              "afterwards ends those in use as well.",
          .examples =
              "drain node worker-3\n"
              "drain node worker-3 --wait=1h",
          .flags = {{"wait", "DURATION", "go on until none is left, for so long at the most"}},
          .words_max = 1,
          .run = DrainNode};
}

Verb PoolsVerb() {
  return {.name = "pools",
          .group = Group::kTemplates,
          .usage = "pools",
          .help = "the warm pods of each template: ready, claimed, how often they served",
          .details =
              "HITS is the share of the last 1,000 Connects naming the template that a warm "
              "pod served. Templates without a pool are left out: `spawnctl get templates`.",
          .examples = "pools",
          .flags = {},
          .run = ShowPools};
}

}  // namespace spawner::cli
