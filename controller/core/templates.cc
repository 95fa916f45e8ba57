#include "controller/core/templates.h"

#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "base/json.h"
#include "base/status.h"
#include "controller/core/limits.h"
#include "controller/kube/api_path.h"
#include "controller/session/pod_template.h"
#include "controller/session/session_template.h"

namespace spawner::core {
namespace {

// Annotation of a template: how many pods are to be kept warm.
constexpr char kPoolSize[] = "spawner.dev/pool-size";
// Of the pod that an Apply tries: no session has it.
constexpr char kTriedSession[] = "validate";

std::string CollectionPath(absl::string_view ns) {
  return absl::StrCat("/api/v1/namespaces/", ns, "/podtemplates");
}

// What the API server fills in, and no template says again.
void EraseServersFields(Json& object) {
  for (const char* field :
       {"uid", "resourceVersion", "creationTimestamp", "generation", "managedFields", "selfLink"}) {
    object["metadata"].erase(field);
  }
}

absl::StatusOr<TemplateView> ToView(Json object) {
  absl::Status error;
  const JsonReader metadata = JsonReader(object, "", error).Object("metadata");
  TemplateView view;
  view.name = metadata.RequiredString("name");
  view.etag = metadata.String("resourceVersion");
  const auto annotations = metadata.StringMap("annotations");
  RETURN_IF_ERROR(error);
  const auto size = annotations.find(kPoolSize);
  if (size != annotations.end() && !absl::SimpleAtoi(size->second, &view.pool_size)) {
    view.pool_size = 0;  // somebody's words: no pool
  }
  object["metadata"].erase("managedFields");
  object["apiVersion"] = "v1";  // a list says them once
  object["kind"] = "PodTemplate";
  view.json = JsonText(object);
  return view;
}

// Of an answer of the API server's: another shape than an object's leaves us without one.
absl::StatusOr<TemplateView> ReadView(const std::string& text) {
  ASSIGN_OR_RETURN(Json object, ParseJson(text));
  return ToView(std::move(object));
}

bool HasLabel(const std::string& text) {
  const Json object = ParseJson(text).value_or(Json());
  absl::Status ignored;
  const auto labels = JsonReader(object, "", ignored).Object("metadata").StringMap("labels");
  const auto found = labels.find(kTemplateLabel);
  return found != labels.end() && found->second == "true";
}

// Codes of the API server as the callers of templates know them.
absl::Status ForCaller(const absl::Status& status, absl::string_view ns, absl::string_view name) {
  if (absl::IsNotFound(status)) return TemplateNotFound(ns, name);
  if (absl::IsInvalidArgument(status) && ReasonOf(status).empty()) {
    return WithReason(status, "INVALID_FIELD", {{"field", "template.pod_template"}});
  }
  if (absl::IsAborted(status) || absl::IsAlreadyExists(status)) {
    return WithReason(
        absl::AbortedError(absl::StrCat("template ", name, ": ", status.message(),
                                        "; read it again, and apply or delete what you mean")),
        "ETAG_MISMATCH", {{"namespace", ns}, {"template", name}});
  }
  return status;
}

absl::Status EtagMismatch(absl::string_view name, absl::string_view wanted,
                          absl::string_view found) {
  return WithReason(
      absl::AbortedError(absl::StrCat("template ", name, ": its etag is \"", found,
                                      "\", asked was \"", wanted, "\"; read it again")),
      "ETAG_MISMATCH", {{"template", name}, {"etag", found}, {"asked_etag", wanted}});
}

// The object to write, from what the caller gave.
absl::StatusOr<Json> ReadTemplate(const ApplyTemplateParams& params) {
  const std::string root = "template.pod_template";
  absl::StatusOr<Json> object = ParseJson(params.json);
  if (!object.ok()) return InvalidField(root, object.status().message());
  absl::Status error;
  const JsonReader reader(*object, root, error);
  const std::string kind = reader.String("kind");
  const std::string version = reader.String("apiVersion");
  const JsonReader metadata = reader.Object("metadata");
  const std::string name = metadata.String("name");
  const std::string ns = metadata.String("namespace");
  (void)metadata.StringMap("labels");
  (void)metadata.StringMap("annotations");
  if (!error.ok()) return InvalidField(root, error.message());
  if ((!kind.empty() && kind != "PodTemplate") || (!version.empty() && version != "v1")) {
    return InvalidField(absl::StrCat(root, ".kind"), "must be a PodTemplate of v1");
  }
  if (!name.empty() && name != params.name) {
    return InvalidField(absl::StrCat(root, ".metadata.name"),
                        absl::StrCat("\"", name, "\" is not the template's name"));
  }
  if (!ns.empty() && ns != params.ns) {
    return InvalidField(absl::StrCat(root, ".metadata.namespace"),
                        absl::StrCat("\"", ns, "\" is not the template's namespace"));
  }
  if (!object->contains("metadata") || !(*object)["metadata"].is_object()) {
    (*object)["metadata"] = Json::object();
  }
  EraseServersFields(*object);
  (*object)["apiVersion"] = "v1";
  (*object)["kind"] = "PodTemplate";
  Json& written = (*object)["metadata"];
  written["name"] = params.name;
  written["namespace"] = params.ns;
  if (!written["labels"].is_object()) written["labels"] = Json::object();
  written["labels"][kTemplateLabel] = "true";
  return *std::move(object);
}

// A pod as a session of the template would have it.
absl::StatusOr<std::string> PodToTry(const ApplyTemplateParams& params,
                                     const std::string& checked) {
  ASSIGN_OR_RETURN(const SessionTemplate from, ParseSessionTemplate(checked));
  SessionSpec open;
  open.template_name = params.name;
  for (const auto& [key, value] : from.defaults.items()) open.unset.insert(key);
  ASSIGN_OR_RETURN(const SessionSpec spec, ResolveSpec(open, from));
  PodIdentity identity;
  identity.ns = params.ns;
  identity.id = SessionId{kTriedSession};
  identity.epoch = Epoch::Make(1, 1);
  return BuildPod(identity, spec, &from);
}

}  // namespace

std::string TemplatePath(absl::string_view ns, absl::string_view name) {
  return absl::StrCat(CollectionPath(ns), "/", name);
}

void Templates::List(absl::string_view ns, int page_size, absl::string_view page_token,
                     std::function<void(absl::StatusOr<TemplatePage>)> done) {
  std::string path =
      absl::StrCat(CollectionPath(ns), "?labelSelector=", kube::QueryEscape(kTemplateSelector),
                   "&limit=", page_size);
  if (!page_token.empty()) absl::StrAppend(&path, "&continue=", kube::QueryEscape(page_token));
  const bool is_first = page_token.empty();
  kube_.GetObject(path, [is_first,
                         done = std::move(done)](const absl::StatusOr<std::string>& answer) {
    if (absl::IsOutOfRange(answer.status())) {
      return done(WithReason(absl::OutOfRangeError(absl::StrCat("page_token: too old, list again: ",
                                                                answer.status().message())),
                             "VERSION_EXPIRED", {{"field", "page_token"}}));
    }
    if (absl::IsInvalidArgument(answer.status()) && !is_first) {
      return done(InvalidField("page_token", "is none that a list of templates gave"));
    }
    if (!answer.ok()) return done(answer.status());
    const Json list = ParseJson(*answer).value_or(Json());
    absl::Status error;
    const JsonReader reader(list, "", error);
    TemplatePage page;
    page.next_page_token = reader.Object("metadata").String("continue");
    if (list.is_object() && list.contains("items") && list["items"].is_array()) {
      for (const Json& item : list["items"]) {
        absl::StatusOr<TemplateView> view = ToView(item);
        if (view.ok()) page.templates.push_back(*std::move(view));
      }
    }
    done(std::move(page));
  });
}

void Templates::Get(absl::string_view ns, absl::string_view name, ViewDone done) {
  kube_.GetObject(TemplatePath(ns, name),
                  [ns = std::string(ns), name = std::string(name),
                   done = std::move(done)](const absl::StatusOr<std::string>& answer) {
                    if (!answer.ok()) return done(ForCaller(answer.status(), ns, name));
                    if (!HasLabel(*answer)) return done(TemplateNotFound(ns, name));
                    done(ReadView(*answer));
                  });
}

struct Templates::Applying {
  ApplyTemplateParams params;
  Json object;
  bool is_new = false;
  ViewDone done;

  void Fail(const absl::Status& status) const { done(ForCaller(status, params.ns, params.name)); }
};

void Templates::Apply(ApplyTemplateParams params, ViewDone done) {
  auto apply = std::make_shared<Applying>();
  apply->params = std::move(params);
  apply->done = std::move(done);
  kube_.GetObject(
      TemplatePath(apply->params.ns, apply->params.name),
      [this, apply](const absl::StatusOr<std::string>& found) { Prepare(apply, found); });
}

void Templates::Prepare(const ApplyingPtr& apply, const absl::StatusOr<std::string>& found) {
  const ApplyTemplateParams& params = apply->params;
  apply->is_new = absl::IsNotFound(found.status());
  if (!found.ok() && !apply->is_new) return apply->Fail(found.status());
  absl::StatusOr<Json> object = ReadTemplate(params);
  if (!object.ok()) return apply->Fail(object.status());
  apply->object = *std::move(object);
  if (apply->is_new && !params.etag.empty()) {
    return apply->Fail(EtagMismatch(params.name, params.etag, ""));
  }
  if (!apply->is_new) {
    if (!HasLabel(*found)) {
      return apply->Fail(InvalidField(
          "template.name", absl::StrCat("a PodTemplate of that name is there without the label ",
                                        kTemplateSelector, "; label it, or take another name")));
    }
    const absl::StatusOr<TemplateView> view = ReadView(*found);
    if (!view.ok()) return apply->Fail(view.status());
    if (!params.etag.empty() && params.etag != view->etag) {
      return apply->Fail(EtagMismatch(params.name, params.etag, view->etag));
    }
    if (!params.etag.empty()) apply->object["metadata"]["resourceVersion"] = params.etag;
  }
  Write(apply, /*is_dry=*/true, [this, apply](const absl::StatusOr<std::string>& checked) {
    if (!checked.ok()) return apply->Fail(checked.status());
    TryPod(apply, *checked);
  });
}

void Templates::Write(const ApplyingPtr& apply, bool is_dry, kube::KubeClient::ObjectDone done) {
  const ApplyTemplateParams& params = apply->params;
  const std::string path =
      apply->is_new ? CollectionPath(params.ns) : TemplatePath(params.ns, params.name);
  // Strict: a misspelt field is an error, not dropped.
  std::string url = absl::StrCat(path, "?fieldValidation=Strict", is_dry ? "&dryRun=All" : "");
  if (apply->is_new) {
    kube_.CreateObject(std::move(url), JsonText(apply->object), std::move(done));
  } else {
    kube_.ReplaceObject(std::move(url), JsonText(apply->object), std::move(done));
  }
}

void Templates::TryPod(const ApplyingPtr& apply, const std::string& checked) {
  absl::StatusOr<std::string> pod = PodToTry(apply->params, checked);
  if (!pod.ok()) return apply->Fail(pod.status());
  const auto answer = [apply](const absl::StatusOr<std::string>& written) {
    if (!written.ok()) return apply->Fail(written.status());
    apply->done(ReadView(*written));
  };
  kube_.CreateObject(
      absl::StrCat(kube::PodsPath(apply->params.ns), "?dryRun=All"), *std::move(pod),
      [this, apply, checked, answer](const absl::StatusOr<std::string>& tried) {
        if (absl::IsPermissionDenied(tried.status())) {
          // Pod Security and other admission refuse with the code of RBAC.
          return apply->Fail(WithReason(
              absl::InvalidArgumentError(absl::StrCat(
                  "template.pod_template: a pod from it is refused: ", tried.status().message())),
              "INVALID_FIELD", {{"field", "template.pod_template"}}));
        }
        if (!tried.ok()) return apply->Fail(Annotate(tried.status(), "a pod from the template"));
        if (apply->params.validate_only) return answer(checked);
        Write(apply, /*is_dry=*/false, answer);
      });
}

void Templates::Delete(absl::string_view ns, absl::string_view name, std::string etag,
                       std::function<void(absl::Status)> done) {
  Get(ns, name,
      [this, ns = std::string(ns), name = std::string(name), etag = std::move(etag),
       done = std::move(done)](const absl::StatusOr<TemplateView>& found) {
        if (!found.ok()) return done(found.status());
        if (!etag.empty() && etag != found->etag)
          return done(EtagMismatch(name, etag, found->etag));
        // Whatever was changed meanwhile is not what was asked for.
        kube::DeleteOptions options;
        if (!etag.empty()) options.resource_version = etag;
        kube_.DeleteObject(TemplatePath(ns, name), std::move(options),
                           [ns, name, done](const absl::Status& status) {
                             done(status.ok() ? status : ForCaller(status, ns, name));
                           });
      });
}

}  // namespace spawner::core
