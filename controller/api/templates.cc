#include "controller/api/templates.h"

#include <google/protobuf/util/json_util.h>

#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "base/ids.h"
#include "base/status.h"
#include "controller/api/call.h"
#include "controller/api/limits.h"
#include "controller/api/names.h"
#include "controller/core/template_store.h"
#include "spawner/v1/templates.grpc.pb.h"

namespace spawner::api {
namespace {

using Context = grpc::CallbackServerContext;
using Unary = grpc::ServerUnaryReactor;

struct TemplateName {
  std::string ns;
  std::string name;
};

// A PodTemplate's name: DNS labels joined by dots.
bool IsSubdomain(absl::string_view name) {
  if (name.size() > kTemplateNameBytesMax) return false;
  for (const absl::string_view part : absl::StrSplit(name, '.')) {
    if (!IsDnsLabel(part)) return false;
  }
  return true;
}

absl::StatusOr<TemplateName> ParseName(const Edge& edge, absl::string_view field,
                                       absl::string_view name) {
  const std::vector<absl::string_view> parts = absl::StrSplit(name, absl::MaxSplits('/', 4));
  if (parts.size() != 4 || parts[0] != "namespaces" || parts[2] != "templates" ||
      !IsDnsLabel(parts[1]) || !IsSubdomain(parts[3])) {
    return InvalidField(field,
                        "must be namespaces/{namespace}/templates/{template}, of a-z, 0-9, "
                        "'-', and '.' in the last");
  }
  RETURN_IF_ERROR(edge.CheckNamespace(parts[1]));
  return TemplateName{std::string(parts[1]), std::string(parts[3])};
}

absl::Status WriteTemplate(const std::string& ns, const core::TemplateView& view,
                           v1::Template& out) {
  out.set_name(absl::StrCat("namespaces/", ns, "/templates/", view.name));
  out.set_etag(view.etag);
  if (view.pool_size > 0) out.mutable_pool()->set_size(view.pool_size);
  if (!google::protobuf::util::JsonStringToMessage(view.json, out.mutable_pod_template()).ok()) {
    return absl::InternalError(absl::StrCat("template ", view.name, ": can't be written as JSON"));
  }
  return absl::OkStatus();
}

struct ListOrder {
  std::string ns;
  int page_size = 0;
  std::string page_token;
};

absl::StatusOr<ListOrder> ReadList(const Edge& edge, const v1::ListTemplatesRequest& request) {
  RETURN_IF_ERROR(CheckRequest(request));
  ListOrder order;
  ASSIGN_OR_RETURN(order.ns, ParseParent("parent", request.parent()));
  RETURN_IF_ERROR(edge.CheckNamespace(order.ns));
  if (request.page_size() < 0 || request.page_size() > kPageSizeMax) {
    return InvalidField("page_size",
                        absl::StrCat(request.page_size(), " is not within 1 to ", kPageSizeMax,
                                     " (0: the default of ", kPageSizeDefault, ")"));
  }
  order.page_size = request.page_size() == 0 ? kPageSizeDefault : request.page_size();
  RETURN_IF_ERROR(CheckText("page_token", request.page_token(), kPageTokenBytesMax));
  order.page_token = request.page_token();
  return order;
}

absl::StatusOr<core::ApplyTemplateParams> ReadApply(const Edge& edge,
                                                    const v1::ApplyTemplateRequest& request) {
  RETURN_IF_ERROR(CheckRequest(request));
  ASSIGN_OR_RETURN(const TemplateName name,
                   ParseName(edge, "template.name", request.template_().name()));
  if (!request.template_().has_pod_template()) {
    return InvalidField("template.pod_template", "is missing; it is what is to be applied");
  }
  core::ApplyTemplateParams params;
  params.ns = name.ns;
  params.name = name.name;
  params.etag = request.template_().etag();
  params.validate_only = request.validate_only();
  if (!google::protobuf::util::MessageToJsonString(request.template_().pod_template(), &params.json)
           .ok()) {
    return InvalidField("template.pod_template", "can't be written as JSON");
  }
  return params;
}

class TemplatesService final : public v1::Templates::CallbackService {
 public:
  explicit TemplatesService(Edge& edge) : edge_(edge) {}

  Unary* ListTemplates(Context* context, const v1::ListTemplatesRequest* request,
                       v1::ListTemplatesResponse* response) override {
    const absl::StatusOr<ListOrder> read = ReadList(edge_, *request);
    const ListOrder order = read.ok() ? *read : ListOrder{};
    return Start(
        context, read.status(), [order, response](const CallPtr& call, core::TemplateStore& store) {
          store.List(order.ns, order.page_size, order.page_token,
                     [order, response, call](const absl::StatusOr<core::TemplatePage>& page) {
                       if (call->is_open()) Answer(order.ns, page, *response, *call);
                     });
        });
  }
  Unary* GetTemplate(Context* context, const v1::GetTemplateRequest* request,
                     v1::Template* response) override {
    absl::StatusOr<TemplateName> read = ParseName(edge_, "name", request->name());
    if (const absl::Status status = CheckRequest(*request); !status.ok()) read = status;
    const TemplateName name = read.ok() ? *read : TemplateName{};
    return Start(context, read.status(),
                 [name, response](const CallPtr& call, core::TemplateStore& store) {
                   store.Get(name.ns, name.name, AnswerOne(name.ns, response, call));
                 });
  }
  Unary* ApplyTemplate(Context* context, const v1::ApplyTemplateRequest* request,
                       v1::Template* response) override {
    const absl::StatusOr<core::ApplyTemplateParams> read = ReadApply(edge_, *request);
    const core::ApplyTemplateParams params = read.ok() ? *read : core::ApplyTemplateParams{};
    return Start(context, read.status(),
                 [params, response](const CallPtr& call, core::TemplateStore& store) {
                   store.Apply(params, AnswerOne(params.ns, response, call));
                 });
  }
  Unary* DeleteTemplate(Context* context, const v1::DeleteTemplateRequest* request,
                        google::protobuf::Empty* response) override {
    absl::StatusOr<TemplateName> read = ParseName(edge_, "name", request->name());
    if (const absl::Status status = CheckRequest(*request); !status.ok()) read = status;
    const TemplateName name = read.ok() ? *read : TemplateName{};
    return Start(context, read.status(),
                 [name, etag = request->etag()](const CallPtr& call, core::TemplateStore& store) {
                   store.Delete(name.ns, name.name, etag, [call](const absl::Status& status) {
                     if (call->is_open()) call->Finish(status);
                   });
                 });
  }

 private:
  using Work = std::function<void(const CallPtr&, core::TemplateStore&)>;

  Unary* Start(Context* context, const absl::Status& refusal, Work work) {
    return StartCall(edge_, context, refusal,
                     [this, work = std::move(work)](const CallPtr& call, core::Service&) {
                       if (edge_.templates() == nullptr) return call->Finish(edge_.NotReady());
                       work(call, *edge_.templates());
                     });
  }
  static core::TemplateStore::ViewDone AnswerOne(const std::string& ns, v1::Template* response,
                                                 const CallPtr& call) {
    return [ns, response, call](const absl::StatusOr<core::TemplateView>& view) {
      if (!call->is_open()) return;
      call->Finish(view.ok() ? WriteTemplate(ns, *view, *response) : view.status());
    };
  }
  static void Answer(const std::string& ns, const absl::StatusOr<core::TemplatePage>& page,
                     v1::ListTemplatesResponse& response, Call& call) {
    if (!page.ok()) return call.Finish(page.status());
    for (const core::TemplateView& view : page->templates) {
      const absl::Status written = WriteTemplate(ns, view, *response.add_templates());
      if (!written.ok()) return call.Finish(written);
    }
    response.set_next_page_token(page->next_page_token);
    call.Finish(absl::OkStatus());
  }

  Edge& edge_;
};

}  // namespace

std::unique_ptr<grpc::Service> MakeTemplatesService(Edge& edge) {
  return std::make_unique<TemplatesService>(edge);
}

}  // namespace spawner::api
