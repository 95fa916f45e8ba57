#include "controller/session/volume_claim.h"

#include <gtest/gtest.h>

#include <string>

#include "base/status.h"

namespace spawner {
namespace {

using nlohmann::json;

const SessionId kId{"s1"};

json Built(const VolumeClaim& claim) {
  return json::parse(BuildClaim("team", kId, Epoch{77}, absl::Minutes(10), claim));
}

TEST(VolumeClaim, IsAClaimOfKubernetes) {
  const json built = Built({.name = "data", .mount_path = "/data", .size = "10Gi"});
  EXPECT_EQ(built["metadata"]["name"], "s1-data");
  EXPECT_EQ(built["metadata"]["namespace"], "team");
  EXPECT_EQ(built["metadata"]["labels"],
            json({{"spawner.dev/session", "s1"}, {"spawner.dev/claim-policy", "delete"}}));
  EXPECT_EQ(built["metadata"]["annotations"],
            json({{"spawner.dev/epoch", "77"}, {"spawner.dev/retention", "10m"}}));
  EXPECT_FALSE(built["metadata"].contains("ownerReferences")) << "it outlives every pod";
  EXPECT_EQ(built["spec"], json({{"accessModes", {"ReadWriteOnce"}},
                                 {"resources", {{"requests", {{"storage", "10Gi"}}}}}}));
  const json other = Built({.name = "data",
                            .size = "1G",
                            .storage_class = "fast",
                            .access_modes = {"ReadWriteMany"},
                            .is_kept = true});
  EXPECT_EQ(other["metadata"]["labels"]["spawner.dev/claim-policy"], "keep");
  EXPECT_EQ(other["spec"]["storageClassName"], "fast");
  EXPECT_EQ(other["spec"]["accessModes"], json::array({"ReadWriteMany"}));
}

TEST(VolumeClaim, OfATemplateIsAsItStandsThere) {
  const auto claims = ReadClaimTemplates("at", R"([
      {"metadata": {"name": "data", "annotations": {"spawner.dev/claim-policy": "keep"}},
       "spec": {"volumeMode": "Filesystem", "resources": {"requests": {"storage": "1Gi"}}}},
      {"metadata": {"name": "scratch"}, "spec": {}}])");
  ASSERT_TRUE(claims.ok()) << claims.status();
  ASSERT_EQ(claims->size(), 2u);
  EXPECT_TRUE((*claims)[0].is_kept);
  EXPECT_FALSE((*claims)[1].is_kept);
  EXPECT_EQ(ValidateClaims(*claims), absl::OkStatus());
  EXPECT_EQ(Built((*claims)[0])["spec"]["volumeMode"], "Filesystem");
  EXPECT_EQ(*DecodeClaims(EncodeClaims(*claims)), *claims);
}

TEST(VolumeClaim, NamesWhatIsWrongInATemplate) {
  const auto refusal = [](const char* text) {
    const absl::Status status = ReadClaimTemplates("at", text).status();
    EXPECT_EQ(ReasonOf(status), "INVALID_FIELD");
    return std::string(status.message());
  };
  EXPECT_EQ(refusal("{"), "at: must be a list of claims in JSON");
  EXPECT_EQ(refusal("[1]"), "at[0]: must be an object");
  EXPECT_EQ(refusal("[{}]"), "at[0].metadata.name: is missing");
  EXPECT_EQ(refusal(R"([{"metadata":{"name":"a"}}])"), "at[0].spec: must be an object");
  EXPECT_EQ(refusal(R"([{"metadata":{"name":"a","annotations":{"spawner.dev/claim-policy":"x"}},
                         "spec":{}}])"),
            "at[0].metadata.annotations[spawner.dev/claim-policy]: must be \"keep\" or \"delete\"");
  for (const char* broken : {"{}", "[5]", R"([{"access_modes":[5]}])"}) {
    EXPECT_FALSE(DecodeClaims(json::parse(broken)).ok()) << broken;
  }
}

TEST(VolumeClaim, IsMountedWhereItIsAskedFor) {
  json pod = {{"spec",
               {{"volumes", {{{"name", "data"}, {"emptyDir", json::object()}}, {{"name", "x"}}}},
                {"containers", {{{"name", "side"}}, {{"name", "main"}}}}}}};
  MountClaims(kId,
              {{.name = "data", .mount_path = "/data", .size = "1Gi"},
               {.name = "of-template", .spec_json = "{}"}},
              "main", pod);
  EXPECT_EQ(pod["spec"]["volumes"], json::parse(R"([{"name": "x"},
                            {"name": "data", "persistentVolumeClaim": {"claimName": "s1-data"}},
                            {"name": "of-template",
                             "persistentVolumeClaim": {"claimName": "s1-of-template"}}])"));
  EXPECT_EQ(pod["spec"]["containers"][1]["volumeMounts"],
            json::parse(R"([{"name": "data", "mountPath": "/data"}])"));
  EXPECT_FALSE(pod["spec"]["containers"][0].contains("volumeMounts"));
}

}  // namespace
}  // namespace spawner
