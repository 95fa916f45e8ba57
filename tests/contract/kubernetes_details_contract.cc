// More of what Spawner relies on: secrets, bookmarks, graces, images.
#include <cstdint>
#include <optional>
#include <string>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "base/json.h"
#include "controller/kube/api_path.h"
#include "controller/kube/http_transport.h"
#include "controller/kube/pod_stream.h"
#include "tests/contract/contract_fixture.h"

namespace spawner::contract {
namespace {

using kube::Pod;
using kube::PodPhase;

const kube::ContainerStatus& Only(const Pod& pod) {
  static const kube::ContainerStatus kNone;
  return pod.containers.size() == 1 ? pod.containers[0] : kNone;
}

TEST_F(KubernetesContract, ASecretIsCreatedOnceAndReadBack) {
  const std::string secrets = absl::StrCat("/api/v1/namespaces/", api_.world().ns(), "/secrets");
  const std::string path = absl::StrCat(secrets, "/", api_.Name("s"));
  EXPECT_EQ(CodeOf(api_.Get(path)), absl::StatusCode::kNotFound);
  const Json secret = {{"apiVersion", "v1"},
                       {"kind", "Secret"},
                       {"type", "Opaque"},
                       {"metadata", {{"name", api_.Name("s")}}},
                       {"data", {{"key", "AAEC/w=="}}}};
  const absl::StatusOr<std::string> created = api_.CreateObject(secrets, secret);
  ASSERT_TRUE(created.ok()) << created.status();
  const absl::Status again = api_.CreateObject(secrets, secret).status();
  EXPECT_EQ(again.code(), absl::StatusCode::kAlreadyExists) << again;
  const absl::StatusOr<std::string> read = api_.Get(path);
  ASSERT_TRUE(read.ok()) << read.status();
  const absl::StatusOr<Json> object = ParseJson(*read);
  ASSERT_TRUE(object.ok()) << object.status();
  EXPECT_EQ((*object)["data"], Json({{"key", "AAEC/w=="}}));
  EXPECT_EQ((*object)["type"], "Opaque");
  Json no_base64 = secret;
  no_base64["metadata"]["name"] = api_.Name("n");
  no_base64["data"]["key"] = "%";
  EXPECT_EQ(CodeOf(api_.CreateObject(secrets, no_base64)), absl::StatusCode::kInvalidArgument);
}

constexpr char kTokenReviews[] = "/apis/authentication.k8s.io/v1/tokenreviews";
constexpr char kAccessReviews[] = "/apis/authorization.k8s.io/v1/subjectaccessreviews";

TEST_F(KubernetesContract, ATokenReviewKnowsNoForeignTokenAndWantsOne) {
  const Json review = {{"apiVersion", "authentication.k8s.io/v1"},
                       {"kind", "TokenReview"},
                       {"spec", {{"token", "of-nobody"}, {"audiences", {"spawner"}}}}};
  const absl::StatusOr<std::string> answer = api_.CreateObject(kTokenReviews, review);
  ASSERT_TRUE(answer.ok()) << answer.status();
  const absl::StatusOr<Json> object = ParseJson(*answer);
  ASSERT_TRUE(object.ok()) << object.status();
  ASSERT_TRUE((*object)["status"].is_object()) << *answer;
  EXPECT_FALSE((*object)["status"].value("authenticated", false)) << *answer;
  Json none = review;
  none["spec"] = Json::object();
  EXPECT_EQ(CodeOf(api_.CreateObject(kTokenReviews, none)), absl::StatusCode::kInvalidArgument);
}

TEST_F(KubernetesContract, AnAccessReviewAnswersForAnyResourceAndWantsAUser) {
  const Json review = {{"apiVersion", "authorization.k8s.io/v1"},
                       {"kind", "SubjectAccessReview"},
                       {"spec",
                        {{"user", "ada"},
                         {"groups", {"system:masters"}},
                         {"resourceAttributes",
                          {{"group", "spawner.dev"},
                           {"version", "v1"},
                           {"resource", "sessions"},
                           {"verb", "create"},
                           {"namespace", api_.world().ns()}}}}}};
  const absl::StatusOr<std::string> answer = api_.CreateObject(kAccessReviews, review);
  ASSERT_TRUE(answer.ok()) << answer.status();
  const absl::StatusOr<Json> object = ParseJson(*answer);
  ASSERT_TRUE(object.ok()) << object.status();
  EXPECT_EQ((*object)["status"]["allowed"], true) << *answer;
  Json nobody = review;
  nobody["spec"].erase("user");
  nobody["spec"].erase("groups");
  EXPECT_EQ(CodeOf(api_.CreateObject(kAccessReviews, nobody)), absl::StatusCode::kInvalidArgument);
}

// Keeps what comes of a watch.
class WatchText final : public kube::HttpHandler {
 public:
  void OnHead(int, std::optional<absl::Duration>) override {}
  void OnData(absl::string_view chunk) override { absl::StrAppend(&text, chunk); }
  void OnEnd(const absl::Status&) override { is_ended = true; }
  std::string text;
  bool is_ended = false;
};

// The last bookmark comes two seconds before a watch's end, however short it is, and lets a client
// go on from there: its version counts a change that the selector hid from the watch.
TEST_F(KubernetesContract, AWatchEndsAtItsTimeoutAfterABookmark) {
  const absl::StatusOr<Pod> before = api_.Create(api_.PendingPod("a"));
  ASSERT_TRUE(before.ok()) << before.status();
  const Instant begin = api_.world().clock().Now();
  WatchText watch;
  api_.world().transport().Start(
      {.path = absl::StrCat(kube::PodsPath(api_.world().ns()),
                            "?watch=true&allowWatchBookmarks=true&timeoutSeconds=5&labelSelector=",
                            "contract%3Dnone&resourceVersion=", before->resource_version),
       .is_stream = true},
      &watch);
  api_.Until([] { return false; }, absl::Seconds(1));  // it has begun
  const absl::StatusOr<Pod> hidden = api_.Create(api_.PendingPod("b"));
  ASSERT_TRUE(hidden.ok()) << hidden.status();
  ASSERT_TRUE(api_.Until([&] { return watch.is_ended; }, absl::Seconds(10)));
  const absl::Duration took = api_.world().clock().Now() - begin;
  EXPECT_GE(took, absl::Seconds(5));
  EXPECT_LT(took, absl::Seconds(7));
  uint64_t told = 0;
  for (const absl::string_view line : absl::StrSplit(watch.text, '\n', absl::SkipEmpty())) {
    const absl::StatusOr<kube::WatchEvent> event = kube::DecodeWatchEvent(line);
    ASSERT_TRUE(event.ok()) << event.status() << " " << line;
    EXPECT_EQ(event->type, kube::WatchEvent::Type::kBookmark) << line;
    EXPECT_TRUE(absl::SimpleAtoi(event->resource_version, &told)) << line;
  }
  uint64_t changed = 0;
  EXPECT_TRUE(absl::SimpleAtoi(hidden->resource_version, &changed));
  EXPECT_GE(told, changed) << watch.text;
}

TEST_F(KubernetesContract, AGraceIsFixedAtCreation) {
  ASSERT_TRUE(api_.Create(api_.PendingPod("a")).ok());
  for (int seconds : {1, 10}) {
    const absl::Status status =
        api_.Patch(api_.Name("a"), {{"spec", {{"terminationGracePeriodSeconds", seconds}}}})
            .status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << seconds;
    EXPECT_TRUE(absl::StrContains(status.message(), "HTTP 422: ")) << status;
  }
}

TEST_F(KubernetesContract, ANegativeGraceIsOneSecond) {
  Json json = api_.RunningPod("a");
  json["metadata"]["finalizers"] = {"example.dev/record"};
  json["spec"]["terminationGracePeriodSeconds"] = -5;
  ASSERT_TRUE(api_.Create(json).ok());
  const std::string path = kube::PodPath(api_.world().ns(), api_.Name("a"));
  const auto read = [&] { return ParseJson(api_.Get(path).value_or("")).value_or(Json()); };
  EXPECT_EQ(read()["spec"]["terminationGracePeriodSeconds"], 1);
  ASSERT_TRUE(Await(api_.Name("a"), [](const Pod& p) { return p.is_ready; }).is_ready);
  ASSERT_TRUE(api_.Delete(api_.Name("a"), {.grace_seconds = -7}).ok());
  const Json grace = read()["metadata"]["deletionGracePeriodSeconds"];
  EXPECT_TRUE(grace == 1 || grace == 0) << grace;  // 0 once it has stopped
  EXPECT_TRUE(Await(api_.Name("a"), [](const Pod& p) { return p.IsFinal(); }).IsFinal());
}

TEST_F(KubernetesContract, ADeadlineCanBeSetAndLoweredOnly) {
  ASSERT_TRUE(api_.Create(api_.PendingPod("a")).ok());
  const auto set = [&](int seconds) {
    return api_.Patch(api_.Name("a"), {{"spec", {{"activeDeadlineSeconds", seconds}}}}).status();
  };
  EXPECT_TRUE(set(100).ok());
  EXPECT_TRUE(set(50).ok());
  EXPECT_EQ(set(60).code(), absl::StatusCode::kInvalidArgument) << "never raised";
  EXPECT_EQ(set(0).code(), absl::StatusCode::kInvalidArgument);
}

TEST_F(KubernetesContract, APodWaitsForAnImageThatIsNowhereAndNamesIt) {
  Json json = api_.RunningPod("a");
  json["spec"]["containers"][0]["image"] = api_.world().missing_image();
  ASSERT_TRUE(api_.Create(json).ok());
  const auto waits_for = [](const char* reason) {
    return [reason](const Pod& p) { return Only(p).waiting.value_or_empty().reason == reason; };
  };
  for (const char* reason : {"ErrImagePull", "ImagePullBackOff"}) {
    const Pod pod = Await(api_.Name("a"), waits_for(reason));
    EXPECT_EQ(pod.phase, PodPhase::kPending);
    EXPECT_FALSE(pod.node.empty());
    EXPECT_FALSE(Only(pod).is_running);
    EXPECT_TRUE(
        absl::StrContains(Only(pod).waiting.value_or_empty().message, api_.world().missing_image()))
        << Only(pod).waiting.value_or_empty().message;
  }
}

TEST_F(KubernetesContract, APodThatMayNotPullSaysSo) {
  Json json = api_.RunningPod("a");
  json["spec"]["containers"][0]["image"] = api_.world().missing_image();
  json["spec"]["containers"][0]["imagePullPolicy"] = "Never";
  ASSERT_TRUE(api_.Create(json).ok());
  const Pod pod = Await(api_.Name("a"), [](const Pod& p) {
    return Only(p).waiting.value_or_empty().reason == "ErrImageNeverPull";
  });
  EXPECT_EQ(pod.phase, PodPhase::kPending);
  EXPECT_TRUE(
      absl::StrContains(Only(pod).waiting.value_or_empty().message, api_.world().missing_image()))
      << Only(pod).waiting.value_or_empty().message;
}

}  // namespace
}  // namespace spawner::contract
