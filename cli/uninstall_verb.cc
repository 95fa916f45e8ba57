#include "absl/strings/str_cat.h"
#include "cli/output.h"
#include "cli/verb_list.h"
#include "spawner/v1/admin.pb.h"

namespace spawner::cli {
namespace {

// Prints each message as it comes.
grpc::Status Stream(const Invocation& i, bool confirm) {
  v1::UninstallRequest request;
  request.set_confirm(confirm);
  return i.client.Read<v1::UninstallResponse>(
      [&](auto* context, auto* queue) {
        return i.client.admin().AsyncUninstall(context, request, queue, nullptr);
      },
      [&](v1::UninstallResponse& response) {
        if (i.format == Format::kJson) {
          i.surroundings.out(ToJsonLine(response));
        } else {
          i.surroundings.out(absl::StrCat(Printable(response.message()), "\n"));
        }
        return true;
      });
}

int Uninstall(const Invocation& i) {
  grpc::Status status = Stream(i, false);
  if (!status.ok()) return Fail(i, status, "uninstall");
  if (i.arguments.Has("dry-run")) return kOk;
  if (!IsConfirmed(i, "All of that ends now, and cannot be had back.")) return kFailed;
  status = Stream(i, true);
  if (!status.ok()) return Fail(i, status, "uninstall");
  Tell(i, "what is left are the manifests: `kubectl delete -k` what you applied");
  return kOk;
}

}  // namespace

Verb UninstallVerb() {
  return {.name = "uninstall",
          .group = Group::kOperations,
          .usage = "uninstall [--yes | --dry-run]",
          .help = "end every session and delete what Spawner made in the cluster",
          .details =
              "Says first what there is, and asks. Pods of sessions, the Secret with its keys "
              "and its Lease go; PodTemplates, namespaces and whatever else people made "
              "stay. Run again, it does no harm.",
          .examples =
              "uninstall --dry-run\n"
              "uninstall --yes",
          .flags = {{"yes", nullptr, "do not ask", 'y'},
                    {"dry-run", nullptr, "only say what would be done"}},
          .run = Uninstall};
}

}  // namespace spawner::cli
