#include <google/protobuf/util/json_util.h>
#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "controller/api/api_fixture.h"
#include "controller/core/template_store.h"
#include "spawner/v1/templates.grpc.pb.h"

namespace spawner::api {
namespace {

// Answers what the test has set, from within the call.
class FakeStore final : public core::TemplateStore {
 public:
  void List(absl::string_view ns, int page_size, absl::string_view page_token,
            std::function<void(absl::StatusOr<core::TemplatePage>)> done) override {
    calls.push_back(absl::StrCat("list ", ns, " ", page_size, " ", page_token));
    if (!error.ok()) return done(error);
    core::TemplatePage page;
    page.templates = {view};
    page.next_page_token = "more";
    done(std::move(page));
  }
  void Get(absl::string_view ns, absl::string_view name, ViewDone done) override {
    calls.push_back(absl::StrCat("get ", ns, " ", name));
    error.ok() ? done(view) : done(error);
  }
  void Apply(core::ApplyTemplateParams params, ViewDone done) override {
    calls.push_back(absl::StrCat("apply ", params.ns, " ", params.name, " ", params.etag, " ",
                                 params.validate_only, " ", params.json));
    error.ok() ? done(view) : done(error);
  }
  void Delete(absl::string_view ns, absl::string_view name, std::string etag,
              std::function<void(absl::Status)> done) override {
    calls.push_back(absl::StrCat("delete ", ns, " ", name, " ", etag));
    done(error);
  }

  core::TemplateView view = {"editor", R"({"kind":"PodTemplate","template":{"spec":{}}})", "7", 3};
  absl::Status error;
  std::vector<std::string> calls;
};

class TemplatesApi : public testing::Test {
 protected:
  TemplatesApi() {
    server_.loop.Run([this] { server_.edge.SetTemplates(store_); });
    stub_ = v1::Templates::NewStub(server_.channel);
  }
  template <typename Request, typename Response>
  absl::Status Call(grpc::Status (v1::Templates::Stub::*method)(grpc::ClientContext*,
                                                                const Request&, Response*),
                    const Request& request, Response& response) {
    grpc::ClientContext context;
    return FromGrpc((stub_.get()->*method)(&context, request, &response));
  }
  std::vector<std::string> Calls() {
    std::vector<std::string> calls;
    server_.loop.Run([&] { calls = std::exchange(store_.calls, {}); });
    return calls;
  }

  FakeStore store_;
  ApiServer server_;
  std::unique_ptr<v1::Templates::Stub> stub_;
};

TEST_F(TemplatesApi, ListsAPage) {
  v1::ListTemplatesRequest request;
  request.set_parent("namespaces/default");
  request.set_page_size(5);
  request.set_page_token("there");
  v1::ListTemplatesResponse page;
  ASSERT_EQ(Call(&v1::Templates::Stub::ListTemplates, request, page), absl::OkStatus());
  EXPECT_EQ(Calls(), std::vector<std::string>{"list default 5 there"});
  ASSERT_EQ(page.templates_size(), 1);
  EXPECT_EQ(page.templates(0).name(), "namespaces/default/templates/editor");
  EXPECT_EQ(page.templates(0).etag(), "7");
  EXPECT_EQ(page.templates(0).pool().size(), 3);
  EXPECT_EQ(page.templates(0).pod_template().fields().at("kind").string_value(), "PodTemplate");
  EXPECT_EQ(page.next_page_token(), "more");
}

TEST_F(TemplatesApi, GetsAppliesAndDeletesByName) {
  v1::Template found;
  v1::GetTemplateRequest get;
  get.set_name("namespaces/team-a/templates/editor.v2");
  ASSERT_EQ(Call(&v1::Templates::Stub::GetTemplate, get, found), absl::OkStatus());
  v1::ApplyTemplateRequest apply;
  apply.mutable_template_()->set_name("namespaces/default/templates/editor");
  apply.mutable_template_()->set_etag("6");
  apply.set_validate_only(true);
  ASSERT_TRUE(google::protobuf::util::JsonStringToMessage(
                  R"({"template":{"spec":{"containers":[{"ports":[{"containerPort":8080}]}]}}})",
                  apply.mutable_template_()->mutable_pod_template())
                  .ok());
  ASSERT_EQ(Call(&v1::Templates::Stub::ApplyTemplate, apply, found), absl::OkStatus());
  v1::DeleteTemplateRequest remove;
  remove.set_name("namespaces/default/templates/editor");
  remove.set_etag("8");
  google::protobuf::Empty nothing;
  ASSERT_EQ(Call(&v1::Templates::Stub::DeleteTemplate, remove, nothing), absl::OkStatus());
  EXPECT_EQ(Calls(),
            (std::vector<std::string>{
                "get team-a editor.v2",
                "apply default editor 6 1 "
                R"({"template":{"spec":{"containers":[{"ports":[{"containerPort":8080}]}]}}})",
                "delete default editor 8"}));
}

TEST_F(TemplatesApi, PassesErrorsOn) {
  server_.loop.Run([this] {
    store_.error = WithReason(absl::AbortedError("template editor: changed"), "ETAG_MISMATCH");
  });
  v1::DeleteTemplateRequest remove;
  remove.set_name("namespaces/default/templates/editor");
  google::protobuf::Empty nothing;
  const absl::Status status = Call(&v1::Templates::Stub::DeleteTemplate, remove, nothing);
  EXPECT_EQ(status.code(), absl::StatusCode::kAborted);
  EXPECT_EQ(ReasonOf(status), "ETAG_MISMATCH");
}

TEST_F(TemplatesApi, RefusesWhatNamesNoTemplate) {
  v1::Template found;
  for (const char* name :
       {"", "editor", "namespaces/default/templates/", "namespaces/default/templates/a/b",
        "namespaces/default/templates/A", "namespaces/default/templates/a..b",
        "namespaces/default/sessions/a", "namespaces/-/templates/a"}) {
    v1::GetTemplateRequest get;
    get.set_name(name);
    EXPECT_EQ(ReasonOf(Call(&v1::Templates::Stub::GetTemplate, get, found)), "INVALID_FIELD")
        << name;
  }
  v1::GetTemplateRequest elsewhere;
  elsewhere.set_name("namespaces/other/templates/a");
  EXPECT_EQ(ReasonOf(Call(&v1::Templates::Stub::GetTemplate, elsewhere, found)),
            "NAMESPACE_FORBIDDEN");
  v1::ApplyTemplateRequest apply;
  apply.mutable_template_()->set_name("namespaces/default/templates/editor");
  EXPECT_EQ(Call(&v1::Templates::Stub::ApplyTemplate, apply, found).message(),
            "template.pod_template: is missing; it is what is to be applied");
  v1::ListTemplatesRequest list;
  list.set_parent("namespaces/default");
  list.set_page_size(1001);
  v1::ListTemplatesResponse page;
  EXPECT_EQ(ReasonOf(Call(&v1::Templates::Stub::ListTemplates, list, page)), "INVALID_FIELD");
  EXPECT_EQ(Calls(), std::vector<std::string>{});
}

}  // namespace
}  // namespace spawner::api
