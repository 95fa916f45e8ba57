// What Spawner relies on for the volume claims of its sessions.
#include <optional>
#include <string>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "base/json.h"
#include "tests/contract/contract_fixture.h"

namespace spawner::contract {
namespace {

class ClaimsContract : public KubernetesContract {
 protected:
  std::string Collection() {
    return absl::StrCat("/api/v1/namespaces/", api_.world().ns(), "/persistentvolumeclaims");
  }
  std::string Path(const std::string& suffix) {
    return absl::StrCat(Collection(), "/", api_.Name(suffix));
  }
  Json Claim(const std::string& suffix) {
    return {{"apiVersion", "v1"},
            {"kind", "PersistentVolumeClaim"},
            {"metadata", {{"name", api_.Name(suffix)}, {"labels", {{"contract", api_.test()}}}}},
            {"spec",
             {{"accessModes", {"ReadWriteOnce"}},
              {"resources", {{"requests", {{"storage", "1Gi"}}}}}}}};
  }
  absl::Status Delete(const std::string& path, const kube::DeleteOptions& options) {
    std::optional<absl::Status> answer;
    api_.client().DeleteObject(path, options,
                               [&answer](absl::Status status) { answer = std::move(status); });
    api_.Until([&answer] { return answer.has_value(); });
    return answer.value_or(absl::DeadlineExceededError("no answer"));
  }
  static Json Object(const absl::StatusOr<std::string>& answer) {
    return ParseJson(answer.value_or("")).value_or(Json::object());
  }
};

TEST_F(ClaimsContract, AClaimIsCreatedOnceAndGoesByTheVersionThatWasRead) {
  const absl::StatusOr<std::string> created = api_.CreateObject(Collection(), Claim("c"));
  ASSERT_TRUE(created.ok()) << created.status();
  EXPECT_EQ(CodeOf(api_.CreateObject(Collection(), Claim("c"))), absl::StatusCode::kAlreadyExists);
  Json claim = Object(api_.Get(Path("c")));
  const std::string uid = claim["metadata"]["uid"];
  const std::string version = claim["metadata"]["resourceVersion"];
  claim["metadata"]["annotations"]["example.dev/epoch"] = "2";
  const absl::StatusOr<std::string> written = api_.Replace(Path("c"), JsonText(claim));
  ASSERT_TRUE(written.ok()) << written.status();
  EXPECT_EQ(Object(written)["metadata"]["annotations"]["example.dev/epoch"], "2");
  EXPECT_EQ(CodeOf(api_.Replace(Path("c"), JsonText(claim))), absl::StatusCode::kAborted);
  EXPECT_EQ(Delete(Path("c"), {.uid = uid, .resource_version = version}).code(),
            absl::StatusCode::kAborted);
  // Its status may be written meanwhile, by who looks for a volume: as Spawner, read and try again.
  ASSERT_TRUE(api_.Until([&] {
    const std::string now = Object(api_.Get(Path("c")))["metadata"]["resourceVersion"];
    return Delete(Path("c"), {.uid = uid, .resource_version = now}).ok();
  }));
  EXPECT_TRUE(
      api_.Until([&] { return absl::IsNotFound(api_.Get(Path("c")).status()); }, absl::Seconds(60)))
      << "nothing mounts it";
}

TEST_F(ClaimsContract, AClaimSaysHowMuchAndItsSpecStays) {
  Json no_size = Claim("a");
  no_size["spec"].erase("resources");
  EXPECT_EQ(CodeOf(api_.CreateObject(Collection(), no_size)), absl::StatusCode::kInvalidArgument);
  Json no_modes = Claim("a");
  no_modes["spec"].erase("accessModes");
  EXPECT_EQ(CodeOf(api_.CreateObject(Collection(), no_modes)), absl::StatusCode::kInvalidArgument);
  const absl::StatusOr<std::string> created = api_.CreateObject(Collection(), Claim("a"));
  ASSERT_TRUE(created.ok()) << created.status();
  Json other = Object(created);
  other["metadata"].erase("resourceVersion");
  other["spec"]["accessModes"] = {"ReadWriteMany"};
  EXPECT_EQ(CodeOf(api_.Replace(Path("a"), JsonText(other))), absl::StatusCode::kInvalidArgument);
  const Json list = Object(
      api_.Get(absl::StrCat(Collection(), "?limit=500&labelSelector=contract%3D", api_.test())));
  EXPECT_EQ(list["items"].size(), 1u) << list;
  (void)Delete(Path("a"), {});
}

}  // namespace
}  // namespace spawner::contract
