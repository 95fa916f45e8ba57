// Sessions that are made from a PodTemplate.
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "base/json.h"
#include "base/status.h"
#include "controller/kube/http_kube_client.h"
#include "gtest/gtest.h"
#include "tests/sim/scene.h"

namespace spawner::sim {
namespace {

constexpr char kTemplates[] = "/api/v1/namespaces/team/podtemplates";

class TemplateTest : public testing::Test {
 protected:
  TemplateTest() {
    scene_.spec.image.clear();
    scene_.spec.template_name = "editor";
    scene_.spec.unset = {"port", "retention"};
    scene_.world.on_request =
        [this, inner = scene_.world.on_request](const kube::HttpRequest& request) -> Scene::Fault {
      if (request.method == "GET" && absl::StrContains(request.path, "/podtemplates/")) {
        ++reads_;
        if (reads_ <= failing_reads_) return local::LocalKubernetes::Fault{.code = 503};
      }
      return inner(request);
    };
  }
  void Create(const std::string& image, const Json& more = Json::object()) {
    Json object = {
        {"metadata",
         {{"name", "editor"},
          {"labels", {{"spawner.dev/template", "true"}}},
          {"annotations", {{"spawner.dev/session-spec", R"({"lifetime":{"retention":"77s"}})"}}}}},
        {"template",
         {{"spec",
           {{"nodeSelector", {{"gpu", "a100"}}},
            {"containers",
             {{{"name", "main"}, {"image", image}, {"ports", {{{"containerPort", 7000}}}}}}}}}}}};
    object["template"]["spec"].update(more);
    const auto created = scene_.Await<std::string>(
        [&](auto done) { client_.CreateObject(kTemplates, JsonText(object), std::move(done)); });
    ASSERT_TRUE(created.ok()) << created.status();
  }
  void Delete() {
    const auto deleted = scene_.Await<int>([&](auto done) {
      client_.DeleteObject(absl::StrCat(kTemplates, "/editor"), {},
                           [done](const absl::Status& s) { s.ok() ? done(0) : done(s); });
    });
    ASSERT_TRUE(deleted.ok()) << deleted.status();
  }
  Json Pod(const std::string& name) {
    const auto read = scene_.Await<std::string>([&](auto done) {
      client_.GetObject(absl::StrCat("/api/v1/namespaces/team/pods/", name), std::move(done));
    });
    return ParseJson(read.value_or("")).value_or(Json());
  }

  Scene scene_{11};
  kube::HttpKubeClient client_{scene_.world.kubernetes};
  int reads_ = 0;
  int failing_reads_ = 0;
};

TEST_F(TemplateTest, RunsWhatTheTemplateSaysForOneReadAndOneWrite) {
  Create("app:1");
  const auto result = scene_.Connect(scene_.Ask("doc"));
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(result->session.state, SessionState::kReady);
  EXPECT_EQ(result->session.spec->port, 7000) << "of the container";
  EXPECT_EQ(result->session.spec->lifetime.retention, absl::Seconds(77)) << "of the annotation";
  const Json pod = Pod(result->session.pod);
  EXPECT_EQ(pod["spec"]["nodeSelector"]["gpu"], "a100");
  EXPECT_EQ(pod["spec"]["containers"][0]["name"], "main");
  EXPECT_EQ(reads_, 1);
  EXPECT_EQ(scene_.writes["POST"], 1);
  EXPECT_EQ(scene_.writes["PATCH"], 0);
  // One that lives needs no template.
  ASSERT_TRUE(scene_.Connect(scene_.Ask("doc")).ok());
  EXPECT_EQ(reads_, 1);
}

TEST_F(TemplateTest, AnUnknownOneIsToldAndLeavesNothing) {
  const absl::Status status = scene_.Connect(scene_.Ask("doc")).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kNotFound) << status;
  EXPECT_EQ(ReasonOf(status), "TEMPLATE_NOT_FOUND");
  EXPECT_EQ(scene_.writes["POST"], 0);
  EXPECT_TRUE(scene_.core()->List({.ns = kNamespace})->sessions.empty());
  Create("app:1");
  EXPECT_TRUE(scene_.Connect(scene_.Ask("doc")).ok()) << "once it is there";
}

TEST_F(TemplateTest, ABurstOfStartsSharesItsReads) {
  Create("app:1");
  int answered = 0;
  for (int i = 0; i < 100; ++i) {
    scene_.core()->Connect(scene_.Ask(absl::StrCat("doc-", i)), [&](const auto& result) {
      EXPECT_TRUE(result.ok()) << result.status();
      ++answered;
    });
  }
  ASSERT_TRUE(scene_.world.RunUntil([&] { return answered == 100; }, absl::Minutes(5)));
  EXPECT_EQ(scene_.writes["POST"], 100);
  // 100 starts within one turn: some share the first read, all others the second.
  EXPECT_LE(reads_, 2);
}

TEST_F(TemplateTest, EachStartHasTheTemplateAsItIs) {
  Create("app:1");
  const auto first = scene_.Connect(scene_.Ask("a"));
  ASSERT_TRUE(first.ok());
  Delete();
  Create("app:2");
  const auto second = scene_.Connect(scene_.Ask("b"));
  ASSERT_TRUE(second.ok());
  EXPECT_EQ(Pod(first->session.pod)["spec"]["containers"][0]["image"], "app:1");
  EXPECT_EQ(Pod(second->session.pod)["spec"]["containers"][0]["image"], "app:2");
}

TEST_F(TemplateTest, ASessionIsExplainedByItsPodWhenTheTemplateIsGone) {
  Create("app:1");
  const auto result = scene_.Connect(scene_.Ask("doc"));
  ASSERT_TRUE(result.ok());
  Delete();
  scene_.world.KillController(0);
  scene_.world.StartController(0);
  ASSERT_TRUE(scene_.AwaitLeader());
  const auto view = scene_.Get(result->session.id);
  ASSERT_TRUE(view.has_value());
  EXPECT_EQ(view->state, SessionState::kReady);
  EXPECT_EQ(view->spec, result->session.spec);
  EXPECT_EQ(view->spec->template_name, "editor");
  EXPECT_EQ(reads_, 1);
}

TEST_F(TemplateTest, AReadThatFailsIsTriedAgain) {
  Create("app:1");
  failing_reads_ = 3;
  const auto result = scene_.Connect(scene_.Ask("doc"));
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(reads_, 4);
  EXPECT_EQ(scene_.writes["POST"], 1);
}

TEST_F(TemplateTest, AnAnswerThatWasLostDoesNotStartTwo) {
  Create("app:1");
  scene_.on_write = [lost = 0](const kube::HttpRequest& request) mutable -> Scene::Fault {
    if (request.method != "POST" || lost++ > 0) return std::nullopt;
    return local::LocalKubernetes::Fault{.code = 0, .is_applied = true};
  };
  const auto result = scene_.Connect(scene_.Ask("doc"));
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(scene_.core()->List({.ns = kNamespace})->sessions.size(), 1u);
  EXPECT_EQ(reads_, 1);
}

TEST_F(TemplateTest, OneThatNoSessionCanBeMadeFromIsTold) {
  Create("app:1", {{"activeDeadlineSeconds", 60}});
  const absl::Status status = scene_.Connect(scene_.Ask("doc")).status();
  EXPECT_EQ(ReasonOf(status), "INVALID_FIELD") << status;
  EXPECT_TRUE(absl::StrContains(status.message(), "template.spec.activeDeadlineSeconds"));
  EXPECT_EQ(scene_.writes["POST"], 0);
}

}  // namespace
}  // namespace spawner::sim
