#include "controller/core/templates.h"

#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/random.h"
#include "base/status.h"
#include "controller/kube/http_kube_client.h"
#include "controller/local/local_kubernetes.h"
#include "controller/local/scripted_runtime.h"

namespace spawner::core {
namespace {

// Over the embedded Kubernetes, which tests/contract holds against a real one.
class TemplatesTest : public testing::Test {
 protected:
  TemplatesTest() {
    kubernetes_.SetFaultHook(
        [this](const kube::HttpRequest& request) -> std::optional<local::LocalKubernetes::Fault> {
          requests_.push_back(absl::StrCat(request.method, " ", request.path));
          if (!fault_path_.empty() && absl::StrContains(request.path, fault_path_)) {
            return local::LocalKubernetes::Fault{.code = fault_code_};
          }
          return std::nullopt;
        });
  }
  template <typename T, typename Start>
  T Await(Start start) {
    std::optional<T> answer;
    start([&answer](T result) { answer = std::move(result); });
    for (int i = 0; i < 20 && !answer.has_value(); ++i) kubernetes_.Poll(absl::ZeroDuration());
    EXPECT_TRUE(answer.has_value());
    return *std::move(answer);
  }
  absl::StatusOr<TemplateView> Apply(const std::string& json, const std::string& etag = "",
                                     bool validate_only = false) {
    return Await<absl::StatusOr<TemplateView>>([&](TemplateStore::ViewDone done) {
      templates_.Apply(
          {.ns = "a", .name = "t", .json = json, .etag = etag, .validate_only = validate_only},
          std::move(done));
    });
  }
  absl::StatusOr<TemplateView> Get(const std::string& name = "t") {
    return Await<absl::StatusOr<TemplateView>>(
        [&](TemplateStore::ViewDone done) { templates_.Get("a", name, std::move(done)); });
  }
  absl::Status Delete(const std::string& etag) {
    return Await<absl::Status>([&](std::function<void(absl::Status)> done) {
      templates_.Delete("a", "t", etag, std::move(done));
    });
  }
  absl::StatusOr<TemplatePage> List(int size, const std::string& token = "") {
    return Await<absl::StatusOr<TemplatePage>>(
        [&](std::function<void(absl::StatusOr<TemplatePage>)> done) {
          templates_.List("a", size, token, std::move(done));
        });
  }
  void Create(const std::string& name, bool is_labelled) {
    Json object = *ParseJson(kGood);
    object["metadata"]["name"] = name;
    if (is_labelled) object["metadata"]["labels"] = {{"spawner.dev/template", "true"}};
    const auto created = Await<absl::StatusOr<std::string>>([&](kube::KubeClient::ObjectDone done) {
      client_.CreateObject("/api/v1/namespaces/a/podtemplates", JsonText(object), std::move(done));
    });
    EXPECT_TRUE(created.ok()) << created.status();
  }

  static constexpr char kGood[] =
      R"({"metadata":{"annotations":{"spawner.dev/pool-size":"2"}},
          "template":{"spec":{"containers":[{"name":"main","image":"app:1","command":["/bin/app"]}]}}})";

  FakeClock clock_;
  SeededRandom random_{1};
  local::ScriptedRuntime runtime_{clock_};
  local::LocalKubernetes kubernetes_{clock_, random_, runtime_};
  kube::HttpKubeClient client_{kubernetes_};
  Templates templates_{client_};
  std::vector<std::string> requests_;
  std::string fault_path_;
  int fault_code_ = 500;
};

TEST_F(TemplatesTest, AppliesGetsAndDeletes) {
  const auto applied = Apply(kGood);
  ASSERT_TRUE(applied.ok()) << applied.status();
  EXPECT_EQ(requests_,
            (std::vector<std::string>{
                "GET /api/v1/namespaces/a/podtemplates/t",
                "POST /api/v1/namespaces/a/podtemplates?fieldValidation=Strict&dryRun=All",
                "POST /api/v1/namespaces/a/pods?dryRun=All",
                "POST /api/v1/namespaces/a/podtemplates?fieldValidation=Strict"}));
  EXPECT_EQ(applied->pool_size, 2);
  const auto found = Get();
  ASSERT_TRUE(found.ok()) << found.status();
  EXPECT_EQ(found->json, applied->json);
  const Json object = *ParseJson(found->json);
  EXPECT_EQ(object["metadata"]["labels"]["spawner.dev/template"], "true");
  EXPECT_EQ(object["kind"], "PodTemplate");
  // What was read can be applied again, and is another version only if something differs.
  const auto again = Apply(found->json, found->etag);
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_EQ(again->etag, found->etag);
  EXPECT_EQ(Delete(found->etag), absl::OkStatus());
  EXPECT_EQ(ReasonOf(Get().status()), "TEMPLATE_NOT_FOUND");
  EXPECT_EQ(ReasonOf(Delete("")), "TEMPLATE_NOT_FOUND");
}

TEST_F(TemplatesTest, AnEtagIsAPrecondition) {
  EXPECT_EQ(ReasonOf(Apply(kGood, "5").status()), "ETAG_MISMATCH") << "there is none yet";
  const auto first = Apply(kGood);
  ASSERT_TRUE(first.ok());
  const std::string changed =
      R"({"template":{"spec":{"containers":[{"name":"main","image":"app:2"}]}}})";
  const auto second = Apply(changed, first->etag);
  ASSERT_TRUE(second.ok()) << second.status();
  EXPECT_NE(second->etag, first->etag);
  EXPECT_EQ(second->pool_size, 0) << "an apply says all of it";
  const absl::Status late = Apply(kGood, first->etag).status();
  EXPECT_EQ(late.code(), absl::StatusCode::kAborted);
  EXPECT_EQ(ReasonOf(late), "ETAG_MISMATCH");
  EXPECT_EQ(ReasonOf(Delete(first->etag)), "ETAG_MISMATCH");
  EXPECT_TRUE(Apply(kGood).ok()) << "without one: whatever is there";
}

TEST_F(TemplatesTest, ValidateOnlyWritesNothing) {
  EXPECT_TRUE(Apply(kGood, "", /*validate_only=*/true).ok());
  EXPECT_EQ(ReasonOf(Get().status()), "TEMPLATE_NOT_FOUND");
}

TEST_F(TemplatesTest, NamesWhatIsWrongInTheApiServersWords) {
  const auto refusal = [&](const std::string& json) {
    const absl::Status status = Apply(json).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << status;
    EXPECT_EQ(ReasonOf(status), "INVALID_FIELD") << status;
    return std::string(status.message());
  };
  const auto has = [](const std::string& text, const std::string& part) {
    return absl::StrContains(text, part) ? testing::AssertionSuccess()
                                         : testing::AssertionFailure() << text;
  };
  EXPECT_TRUE(has(refusal(R"({"template":{"spec":{"containers":[{"name":"main"}]}}})"),
                  "template.spec.containers[0].image: Required value"));
  EXPECT_TRUE(
      has(refusal(R"({"kind":"Pod"})"), "template.pod_template.kind: must be a PodTemplate"));
  EXPECT_TRUE(has(refusal(R"({"metadata":{"name":"u"}})"), "\"u\" is not the template's name"));
  EXPECT_TRUE(has(refusal(R"({"metadata":{"namespace":"u"}})"), "is not the template's namespace"));
  EXPECT_TRUE(has(refusal(R"({"metadata":5})"), "metadata"));
  EXPECT_TRUE(has(refusal("{"), "template.pod_template: "));
  EXPECT_TRUE(has(
      refusal(
          R"({"metadata":{"annotations":{"spawner.dev/session-spec":"{\"idle\":{\"grace\":\"-1s\"}}"}},
              "template":{"spec":{"containers":[{"name":"main","image":"app:1"}]}}})"),
      "spec.idle.grace: must not be negative"));
  // Only the pod of a session shows it.
  EXPECT_TRUE(has(
      refusal(
          R"({"template":{"spec":{"containers":[{"name":"main","image":"app:1"}],"activeDeadlineSeconds":5}}})"),
      "template.spec.activeDeadlineSeconds"));
  EXPECT_EQ(ReasonOf(Get().status()), "TEMPLATE_NOT_FOUND") << "nothing was written";
}

TEST_F(TemplatesTest, APodThatAdmissionRefusesIsTheTemplatesFault) {
  fault_path_ = "pods?dryRun";
  fault_code_ = 403;
  const absl::Status status = Apply(kGood).status();
  EXPECT_EQ(ReasonOf(status), "INVALID_FIELD") << status;
  fault_code_ = 503;
  EXPECT_EQ(ReasonOf(Apply(kGood).status()), "KUBERNETES_UNREACHABLE");
  EXPECT_EQ(ReasonOf(Get().status()), "TEMPLATE_NOT_FOUND");
}

TEST_F(TemplatesTest, APodTemplateOfSomebodyElseIsNotOurs) {
  Create("t", /*is_labelled=*/false);
  EXPECT_EQ(ReasonOf(Get().status()), "TEMPLATE_NOT_FOUND");
  EXPECT_EQ(ReasonOf(Delete("")), "TEMPLATE_NOT_FOUND");
  EXPECT_EQ(ReasonOf(Apply(kGood).status()), "INVALID_FIELD");
  EXPECT_TRUE(List(10)->templates.empty());
}

TEST_F(TemplatesTest, ListsInPages) {
  for (const char* name : {"x", "y", "z"}) Create(name, /*is_labelled=*/true);
  const auto first = List(2);
  ASSERT_TRUE(first.ok()) << first.status();
  ASSERT_EQ(first->templates.size(), 2u);
  EXPECT_EQ(first->templates[1].name, "y");
  const auto second = List(2, first->next_page_token);
  ASSERT_TRUE(second.ok()) << second.status();
  ASSERT_EQ(second->templates.size(), 1u);
  EXPECT_EQ(second->templates[0].name, "z");
  EXPECT_EQ(second->next_page_token, "");
  EXPECT_EQ(ReasonOf(List(2, "none").status()), "INVALID_FIELD");
  Create("w", /*is_labelled=*/true);
  kubernetes_.ForgetHistory();
  EXPECT_EQ(ReasonOf(List(2, first->next_page_token).status()), "VERSION_EXPIRED");
}

}  // namespace
}  // namespace spawner::core
