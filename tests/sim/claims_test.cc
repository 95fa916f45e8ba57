// The volume claims of sessions: there before the pod, gone after the session, never while it
// lives.
#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "base/json.h"
#include "base/random.h"
#include "base/status.h"
#include "controller/kube/http_kube_client.h"
#include "controller/local/local_kubernetes.h"
#include "gtest/gtest.h"
#include "tests/sim/scene.h"

namespace spawner::sim {
namespace {

constexpr absl::Duration kRetention = absl::Minutes(2);

class ClaimsTest : public testing::Test {
 protected:
  explicit ClaimsTest(uint64_t seed = 5, int controllers = 1) : scene_(seed, controllers) {
    scene_.spec.lifetime.retention = kRetention;
    scene_.spec.volume_claims = {{.name = "data", .mount_path = "/data", .size = "1Gi"}};
    scene_.world.on_request = [this, inner = scene_.world.on_request](
                                  const kube::HttpRequest& request) -> Scene::Fault {
      const bool is_claim = absl::StrContains(request.path, "/persistentvolumeclaims");
      if (request.method != "GET")
        order_.push_back(absl::StrCat(request.method, " ", request.path));
      if (is_claim && on_claim_ != nullptr) {
        if (const Scene::Fault fault = on_claim_(request)) return fault;
      }
      return inner(request);
    };
  }
  Json Claim(const SessionId& id, const std::string& name = "data") {
    const local::Object found = scene_.world.kubernetes.store().Find(
        {local::Resource::kClaims, kNamespace, absl::StrCat(id.value, "-", name)});
    return found ? *found : Json();
  }
  size_t Claims() {
    const local::ObjectStore& store = scene_.world.kubernetes.store();
    return store.ListAt(local::Resource::kClaims, kNamespace, store.version()).size();
  }
  void Stop(const SessionId& id) {
    scene_.core()->Terminate({.ns = kNamespace, .id = id}, [](const auto&) {});
    EXPECT_TRUE(scene_.Ends(id, absl::Minutes(1)));
  }
  bool AwaitClaims(size_t count, absl::Duration within) {
    return scene_.world.RunUntil([&] { return Claims() == count; }, within);
  }

  Scene scene_;
  std::vector<std::string> order_;  // writes
  std::function<Scene::Fault(const kube::HttpRequest&)> on_claim_;
};

TEST_F(ClaimsTest, AreMadeBeforeThePodAndMounted) {
  scene_.spec.volume_claims.push_back(
      {.name = "cache", .mount_path = "/cache", .size = "5Gi", .is_kept = true});
  order_.clear();
  const auto result = scene_.Connect(scene_.Ask("doc"));
  ASSERT_TRUE(result.ok()) << result.status();
  const SessionId id = result->session.id;
  order_.erase(std::remove_if(order_.begin(), order_.end(),
                              [](const auto& w) { return absl::StrContains(w, "/leases"); }),
               order_.end());
  EXPECT_EQ(order_, (std::vector<std::string>{"POST /api/v1/namespaces/team/persistentvolumeclaims",
                                              "POST /api/v1/namespaces/team/persistentvolumeclaims",
                                              "POST /api/v1/namespaces/team/pods"}));
  EXPECT_EQ(Claim(id)["spec"]["resources"]["requests"]["storage"], "1Gi");
  EXPECT_EQ(Claim(id, "cache")["metadata"]["labels"]["spawner.dev/claim-policy"], "keep");
  const Json pod = *scene_.world.kubernetes.store().Find(
      {local::Resource::kPods, kNamespace, result->session.pod});
  EXPECT_EQ(pod["spec"]["volumes"][0]["persistentVolumeClaim"]["claimName"],
            absl::StrCat(id.value, "-data"));
  EXPECT_EQ(pod["spec"]["containers"][0]["volumeMounts"][1]["mountPath"], "/cache");
}

TEST_F(ClaimsTest, GoWithTheRecordOfTheSessionUnlessTheyAreKept) {
  scene_.spec.volume_claims.push_back(
      {.name = "kept", .mount_path = "/kept", .size = "1Gi", .is_kept = true});
  const SessionId id = scene_.Ready("doc");
  EXPECT_EQ(Claims(), 2u);
  Stop(id);
  scene_.world.RunFor(kRetention - absl::Seconds(10));
  EXPECT_EQ(Claims(), 2u) << "the retention is not over";
  ASSERT_TRUE(AwaitClaims(1, absl::Minutes(1)));
  EXPECT_FALSE(Claim(id, "kept").is_null());
  scene_.world.RunFor(absl::Minutes(10));
  EXPECT_EQ(Claims(), 1u);
}

TEST_F(ClaimsTest, AreTheSameForTheNextIncarnation) {
  const SessionId id = scene_.Ready("doc");
  const Json before = Claim(id);
  Stop(id);
  const auto next = scene_.Connect(scene_.Ask("doc"));
  ASSERT_TRUE(next.ok()) << next.status();
  ASSERT_EQ(next->session.id, id);
  const Json after = Claim(id);
  EXPECT_EQ(after["metadata"]["uid"], before["metadata"]["uid"]);
  EXPECT_EQ(after["metadata"]["annotations"]["spawner.dev/epoch"],
            absl::StrCat(next->session.epoch.value));
  // The record of the first is forgotten, and the session lives on.
  scene_.world.proxy(0)->Request(id);
  scene_.world.RunFor(2 * kRetention);
  ASSERT_TRUE(scene_.Is(id, SessionState::kReady));
  EXPECT_EQ(Claims(), 1u);
}

TEST_F(ClaimsTest, OfAFailedStartGoAtOnce) {
  scene_.on_write = [](const kube::HttpRequest& request) -> Scene::Fault {
    if (request.method != "POST") return std::nullopt;
    return local::LocalKubernetes::Fault{.code = 422};
  };
  EXPECT_FALSE(scene_.Connect(scene_.Ask("doc")).ok());
  EXPECT_TRUE(AwaitClaims(0, absl::Seconds(10)));
}

TEST_F(ClaimsTest, SurviveAnswersThatAreLost) {
  int lost = 0;
  on_claim_ = [&](const kube::HttpRequest& request) -> Scene::Fault {
    if (request.method == "GET" || lost++ > 0) return std::nullopt;
    return local::LocalKubernetes::Fault{.code = 0, .is_applied = true};
  };
  const auto result = scene_.Connect(scene_.Ask("doc"));
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(Claims(), 1u);
  Stop(result->session.id);
  lost = 0;
  EXPECT_TRUE(AwaitClaims(0, 2 * kRetention)) << "the delete's answer was lost";
}

TEST_F(ClaimsTest, OfSomebodyElseAreLeftAlone) {
  const SessionId id = scene_.Ready("doc");
  Stop(id);
  kube::HttpKubeClient client(scene_.world.kubernetes);
  Json claim = Claim(id);
  claim["metadata"]["labels"] = {{"app", "other"}};
  claim["metadata"].erase("resourceVersion");
  ASSERT_TRUE(
      scene_
          .Await<std::string>([&](auto done) {
            client.ReplaceObject(
                absl::StrCat("/api/v1/namespaces/team/persistentvolumeclaims/", id.value, "-data"),
                JsonText(claim), std::move(done));
          })
          .ok());
  const absl::Status status = scene_.Connect(scene_.Ask("doc")).status();
  EXPECT_EQ(ReasonOf(status), "INVALID_FIELD") << status;
  scene_.world.RunFor(3 * kRetention);
  EXPECT_EQ(Claims(), 1u);
}

TEST_F(ClaimsTest, OfNoSessionGoAfterARestartWhenTheirRetentionIsOver) {
  const SessionId id = scene_.Ready("doc");
  // As after a node's drain while nobody leads: no record of the session is left.
  scene_.world.KillController(0);
  kube::HttpKubeClient client(scene_.world.kubernetes);
  const std::string pod = [&] {
    const local::ObjectStore& store = scene_.world.kubernetes.store();
    return store.ListAt(local::Resource::kPods, kNamespace, store.version()).begin()->first.name;
  }();
  ASSERT_TRUE(scene_
                  .Await<int>([&](auto done) {
                    client.DeletePod(kNamespace, pod, {.grace_seconds = 0},
                                     [done](const absl::Status& s) { s.ok() ? done(0) : done(s); });
                  })
                  .ok());
  scene_.world.RunFor(absl::Minutes(1));
  scene_.world.StartController(0);
  ASSERT_TRUE(scene_.AwaitLeader());
  EXPECT_FALSE(scene_.Get(id).has_value());
  scene_.world.RunFor(kRetention / 2);
  EXPECT_EQ(Claims(), 1u);
  // Its key is taken again: the disk is still there.
  ASSERT_TRUE(scene_.Connect(scene_.Ask("doc")).ok());
  scene_.world.proxy(0)->Request(id);
  scene_.world.RunFor(2 * kRetention);
  EXPECT_EQ(Claims(), 1u);
  scene_.world.KillController(0);
  scene_.world.StartController(0);
  ASSERT_TRUE(scene_.AwaitLeader());
  scene_.world.RunFor(2 * kRetention);
  EXPECT_EQ(Claims(), 1u) << "it lives";
}

// Whatever happens, in any order: a pod that has not ended has its claim, which nobody deletes, and
// in the end none is left.
TEST(ClaimsRace, NoSessionLosesItsDisk) {
  for (uint64_t seed = 1; seed <= 10; ++seed) {
    SCOPED_TRACE(absl::StrCat("seed ", seed));
    Scene scene(seed, /*controllers=*/2);
    scene.spec.lifetime.retention = absl::Seconds(3);
    scene.spec.volume_claims = {{.name = "data", .mount_path = "/data", .size = "1Gi"}};
    SeededRandom random(seed);
    int checked = 0;
    scene.world.on_step = [&] {
      const local::ObjectStore& store = scene.world.kubernetes.store();
      for (const auto& [key, pod] :
           store.ListAt(local::Resource::kPods, kNamespace, store.version())) {
        const std::string phase = (*pod)["status"].value("phase", "");
        if (phase == "Succeeded" || phase == "Failed") continue;
        const std::string claim =
            (*pod)["spec"]["volumes"][0]["persistentVolumeClaim"]["claimName"];
        EXPECT_NE(store.Find({local::Resource::kClaims, kNamespace, claim}), nullptr) << key.name;
        ++checked;
      }
    };
    scene.world.on_request =
        [&, inner = scene.world.on_request](const kube::HttpRequest& request) -> Scene::Fault {
      if (request.method != "GET" && !absl::StrContains(request.path, "/leases") &&
          random.OneIn(10)) {
        return local::LocalKubernetes::Fault{.code = random.OneIn(2) ? 0 : 503,
                                             .is_applied = random.OneIn(2)};
      }
      return inner(request);
    };
    for (int turn = 0; turn < 40; ++turn) {
      core::Core* core = scene.core();
      const std::string key = absl::StrCat("doc-", random.Below(3));
      if (core != nullptr && !random.OneIn(3)) {
        auto params = scene.Ask(key);
        params.wait_until_ready = false;
        core->Connect(std::move(params), [](const auto&) {});
      } else if (core != nullptr) {
        const auto listed = core->List({.ns = kNamespace});
        if (!listed.ok()) continue;
        for (const SessionView& view : listed->sessions) {
          if (random.OneIn(2)) {
            core->Terminate({.ns = kNamespace, .id = view.id, .hard = random.OneIn(2)},
                            [](const auto&) {});
          }
        }
      }
      if (random.OneIn(12)) {
        const size_t index = random.Below(2);
        scene.world.KillController(index);
        scene.world.StartController(index);
      }
      scene.world.RunFor(absl::Milliseconds(random.Below(6'000)));
      if (testing::Test::HasFailure()) return;
    }
    EXPECT_GT(checked, 0);
    scene.world.on_request = nullptr;
    scene.world.RunFor(absl::Minutes(2));
    const local::ObjectStore& store = scene.world.kubernetes.store();
    EXPECT_EQ(store.ListAt(local::Resource::kClaims, kNamespace, store.version()).size(), 0u);
  }
}

}  // namespace
}  // namespace spawner::sim
