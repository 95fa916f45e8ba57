#include <vector>

#include "absl/strings/str_cat.h"
#include "base/file.h"
#include "cli/documents.h"
#include "cli/resources.h"
#include "cli/verb_list.h"
#include "google/protobuf/empty.pb.h"
#include "spawner/v1/templates.pb.h"

namespace spawner::cli {
namespace {

constexpr size_t kFileBytesMax = 4 << 20;  // of etcd's 1.5 MiB an object, some

int Apply(const Invocation& i) {
  const std::string path = i.arguments.Get("file");
  if (path.empty()) return Usage(i, "say what: -f FILE, or -f - for standard input");
  const auto text = ReadFile(path == "-" ? "/dev/stdin" : path, kFileBytesMax);
  if (!text.ok()) {
    Tell(i, absl::StrCat(text.status().message(),
                         "\n  is the path right? `-f -` takes standard input"));
    return kFailed;
  }
  const auto templates = ReadTemplates(*text, i.ns);
  if (!templates.ok()) return Usage(i, absl::StrCat(path, ": ", templates.status().message()));
  const bool is_dry = i.arguments.Has("validate-only");
  int code = kOk;
  for (const v1::Template& one : *templates) {
    v1::ApplyTemplateRequest request;
    *request.mutable_template_() = one;
    request.set_validate_only(is_dry);
    v1::Template applied;
    const grpc::Status status = i.client.Ask(
        "apply", i.client.templates(), &v1::Templates::Stub::AsyncApplyTemplate, request, &applied);
    if (!status.ok()) {
      code = Fail(i, status, "apply");
      continue;
    }
    Print(i, applied, absl::StrCat(one.name(), is_dry ? " is valid\n" : " applied\n"), one.name());
  }
  return code;
}

int DeleteTemplate(const Invocation& i) {
  if (i.arguments.positionals.size() != 1) {
    return Usage(i, "name one template; `spawnctl get templates` lists them");
  }
  v1::DeleteTemplateRequest request;
  request.set_name(TemplateName(i.arguments.positionals[0], i.ns));
  request.set_etag(i.arguments.Get("etag"));
  google::protobuf::Empty response;
  const grpc::Status status = i.client.Ask(
      i.verb, i.client.templates(), &v1::Templates::Stub::AsyncDeleteTemplate, request, &response);
  if (!status.ok()) return Fail(i, status, i.verb);
  Print(i, response, absl::StrCat(request.name(), " deleted\n"), request.name());
  return kOk;
}

}  // namespace

Verb ApplyVerb() {
  return {
      .name = "apply",
      .group = Group::kTemplates,
      .usage = "apply -f FILE [--validate-only]",
      .help = "make or change templates from a file of PodTemplates",
      .details =
          "The file has core/v1 PodTemplates as YAML or JSON, one or more. The controller checks "
          "each by a dry run before it stores it; sessions that run are not touched.\n\n"
          "What `spawnctl get template NAME -o yaml` prints can be edited and applied: its "
          "etag refuses it if somebody else was faster.",
      .examples =
          "apply -f editor.yaml\n"
          "apply -f editor.yaml --validate-only\n"
          "apply -f - < editor.yaml",
      .flags = {{"file", "FILE", "YAML or JSON; - is standard input", 'f'},
                {"validate-only", nullptr, "check, and change nothing"}},
      .run = Apply};
}

Verb DeleteTemplateVerb() {
  return {.name = "delete template",
          .group = Group::kTemplates,
          .usage = "delete template NAME [--etag=ETAG]",
          .help = "delete a template; its sessions run on",
          .details = "Sessions are ended by `spawnctl terminate`, not deleted.",
          .examples = "delete template editor",
          .flags = {{"etag", "ETAG", "only if it has not changed since"}},
          .words_max = 1,
          .words = Words::kTemplate,
          .run = DeleteTemplate};
}

}  // namespace spawner::cli
