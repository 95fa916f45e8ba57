// What Spawner relies on for its templates: dry runs, pages of a labelled list, preconditions.
#include <optional>
#include <string>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "base/json.h"
#include "controller/kube/api_path.h"
#include "tests/contract/contract_fixture.h"

namespace spawner::contract {
namespace {

class TemplatesContract : public KubernetesContract {
 protected:
  std::string Collection() {
    return absl::StrCat("/api/v1/namespaces/", api_.world().ns(), "/podtemplates");
  }
  std::string Path(const std::string& suffix) {
    return absl::StrCat(Collection(), "/", api_.Name(suffix));
  }
  Json Template(const std::string& suffix) {
    return {{"apiVersion", "v1"},
            {"kind", "PodTemplate"},
            {"metadata", {{"name", api_.Name(suffix)}, {"labels", {{"contract", api_.test()}}}}},
            {"template", {{"spec", api_.PendingPod("a")["spec"]}}}};
  }
  absl::Status Delete(const std::string& path, const kube::DeleteOptions& options) {
    std::optional<absl::Status> answer;
    api_.client().DeleteObject(path, options,
                               [&answer](absl::Status status) { answer = std::move(status); });
    api_.Until([&answer] { return answer.has_value(); });
    return answer.value_or(absl::DeadlineExceededError("no answer"));
  }
  static std::string Version(const absl::StatusOr<std::string>& object) {
    return ParseJson(object.value_or("")).value_or(Json())["metadata"]["resourceVersion"];
  }
};

TEST_F(TemplatesContract, ADryRunChecksAndWritesNothing) {
  EXPECT_TRUE(api_.CreateObject(Collection() + "?dryRun=All", Template("t")).ok());
  EXPECT_EQ(CodeOf(api_.Get(Path("t"))), absl::StatusCode::kNotFound);
  const absl::StatusOr<std::string> created = api_.CreateObject(Collection(), Template("t"));
  ASSERT_TRUE(created.ok()) << created.status();
  EXPECT_EQ(CodeOf(api_.CreateObject(Collection() + "?dryRun=All", Template("t"))),
            absl::StatusCode::kAlreadyExists);
  Json changed = Template("t");
  changed["template"]["spec"]["containers"][0]["image"] = "another:1";
  const absl::StatusOr<std::string> dry =
      api_.Replace(Path("t") + "?dryRun=All", JsonText(changed));
  ASSERT_TRUE(dry.ok()) << dry.status();
  EXPECT_TRUE(absl::StrContains(*dry, "another:1"));
  EXPECT_EQ(Version(api_.Get(Path("t"))), Version(created));
  // Of a delete with a body, the query says nothing: what is left out there is not dry.
  EXPECT_TRUE(Delete(Path("t") + "?dryRun=All", {}).ok());
  EXPECT_EQ(CodeOf(api_.Get(Path("t"))), absl::StatusCode::kNotFound);
  const std::string pods = kube::PodsPath(api_.world().ns());
  EXPECT_TRUE(api_.CreateObject(pods + "?dryRun=All", api_.PendingPod("p")).ok());
  EXPECT_EQ(CodeOf(api_.GetPod(api_.Name("p"))), absl::StatusCode::kNotFound);
}

TEST_F(TemplatesContract, ATemplateIsCheckedAsAPodIs) {
  for (const char* query : {"", "?dryRun=All"}) {
    Json no_image = Template("t");
    no_image["template"]["spec"]["containers"][0].erase("image");
    const absl::Status status = api_.CreateObject(Collection() + query, no_image).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
    EXPECT_TRUE(
        absl::StrContains(status.message(), "template.spec.containers[0].image: Required value"))
        << status;
  }
  Json wrong_type = Template("t");
  wrong_type["template"]["spec"]["containers"] = "none";
  EXPECT_EQ(CodeOf(api_.CreateObject(Collection(), wrong_type)),
            absl::StatusCode::kInvalidArgument);
  Json wrong_policy = Template("t");
  wrong_policy["template"]["spec"]["restartPolicy"] = "Sometimes";
  EXPECT_EQ(CodeOf(api_.CreateObject(Collection(), wrong_policy)),
            absl::StatusCode::kInvalidArgument);
}

TEST_F(TemplatesContract, AnUpdateAndADeleteAreOfTheVersionThatWasRead) {
  const absl::StatusOr<std::string> created = api_.CreateObject(Collection(), Template("t"));
  ASSERT_TRUE(created.ok()) << created.status();
  Json changed = Template("t");
  changed["template"]["spec"]["containers"][0]["image"] = "another:1";
  changed["metadata"]["resourceVersion"] = Version(created);
  const absl::StatusOr<std::string> replaced = api_.Replace(Path("t"), JsonText(changed));
  ASSERT_TRUE(replaced.ok()) << replaced.status();
  EXPECT_EQ(CodeOf(api_.Replace(Path("t"), JsonText(changed))), absl::StatusCode::kAborted);
  changed["metadata"].erase("resourceVersion");
  EXPECT_TRUE(api_.Replace(Path("t"), JsonText(changed)).ok()) << "whatever is there";
  EXPECT_EQ(Delete(Path("t"), {.resource_version = Version(created)}).code(),
            absl::StatusCode::kAborted);
  EXPECT_TRUE(Delete(Path("t"), {.resource_version = Version(replaced)}).ok());
  EXPECT_EQ(Delete(Path("t"), {}).code(), absl::StatusCode::kNotFound);
}

TEST_F(TemplatesContract, AListOfOneLabelComesInPages) {
  for (const char* suffix : {"a", "b", "c"}) {
    ASSERT_TRUE(api_.CreateObject(Collection(), Template(suffix)).ok());
  }
  Json other = Template("other");
  other["metadata"].erase("labels");
  ASSERT_TRUE(api_.CreateObject(Collection(), other).ok());
  const std::string query = absl::StrCat("?limit=2&labelSelector=contract%3D", api_.test());
  const auto list = [&](const std::string& path) {
    return ParseJson(api_.Get(path).value_or("")).value_or(Json::object());
  };
  const Json first = list(Collection() + query);
  ASSERT_EQ(first["items"].size(), 2u) << first;
  const std::string next = first["metadata"]["continue"];
  const Json second =
      list(absl::StrCat(Collection(), query, "&continue=", kube::QueryEscape(next)));
  ASSERT_EQ(second["items"].size(), 1u) << second;
  EXPECT_EQ(second["items"][0]["metadata"]["name"], api_.Name("c"));
  EXPECT_FALSE(second["metadata"].contains("continue"));
  const absl::Status none = api_.Get(Collection() + "?limit=2&continue=none").status();
  EXPECT_EQ(none.code(), absl::StatusCode::kInvalidArgument) << none;
}

}  // namespace
}  // namespace spawner::contract
