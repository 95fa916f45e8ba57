#include "controller/kube/http_kube_client.h"

#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "controller/kube/fake_http_transport.h"
#include "controller/kube/limits.h"

namespace spawner::kube {
namespace {

constexpr char kPod[] = R"({"metadata": {"name": "s-1", "namespace": "a", "uid": "u",
    "resourceVersion": "1", "creationTimestamp": "2026-01-02T03:04:05Z"}})";

std::string StatusBody(absl::string_view reason, absl::string_view message,
                       absl::string_view details = "{}") {
  return absl::StrCat(R"({"kind":"Status","status":"Failure","reason":")", reason,
                      R"(","message":")", message, R"(","details":)", details, "}");
}

class HttpKubeClientTest : public testing::Test {
 protected:
  KubeClient::PodDone KeepPod() {
    return [this](absl::StatusOr<Pod> pod) {
      ++answers_;
      pod_ = std::move(pod);
    };
  }
  KubeClient::ObjectDone KeepObject() {
    return [this](absl::StatusOr<std::string> object) {
      ++answers_;
      object_ = std::move(object);
    };
  }
  // The error of a create of a/s-1 that is answered so.
  absl::Status CreateError(int code, absl::string_view body) {
    client_.CreatePod("a", kPod, KeepPod());
    transport_.Answer(transport_.last(), code, body);
    return pod_.status();
  }
  absl::Status PatchError(int code, absl::string_view body) {
    client_.PatchPod("a", "s-1", "{}", KeepPod());
    transport_.Answer(transport_.last(), code, body);
    return pod_.status();
  }

  FakeHttpTransport transport_{7};
  HttpKubeClient client_{transport_};
  int answers_ = 0;
  absl::StatusOr<Pod> pod_ = absl::UnknownError("no answer yet");
  absl::StatusOr<std::string> object_ = absl::UnknownError("no answer yet");
};

TEST_F(HttpKubeClientTest, CreatesAPod) {
  client_.CreatePod("a", kPod, KeepPod());
  EXPECT_EQ(transport_.sent()[0].method, "POST");
  EXPECT_EQ(transport_.sent()[0].path, "/api/v1/namespaces/a/pods");
  EXPECT_EQ(transport_.sent()[0].content_type, "application/json");
  EXPECT_EQ(transport_.sent()[0].body, kPod);
  EXPECT_EQ(answers_, 0);
  transport_.Answer(1, 201, kPod);
  EXPECT_EQ(answers_, 1);
  ASSERT_TRUE(pod_.ok()) << pod_.status();
  EXPECT_EQ(pod_->name, "s-1");
}

TEST_F(HttpKubeClientTest, PatchesAPodWithAMergePatch) {
  client_.PatchPod("a", "s-1", R"({"x":null})", KeepPod());
  EXPECT_EQ(transport_.sent()[0].method, "PATCH");
  EXPECT_EQ(transport_.sent()[0].path, "/api/v1/namespaces/a/pods/s-1");
  EXPECT_EQ(transport_.sent()[0].content_type, "application/merge-patch+json");
  EXPECT_EQ(transport_.sent()[0].body, R"({"x":null})");
  transport_.Answer(1, 200, kPod);
  EXPECT_TRUE(pod_.ok()) << pod_.status();
}

TEST_F(HttpKubeClientTest, DeletesAPodWithItsUidAsPrecondition) {
  absl::Status status = absl::UnknownError("no answer yet");
  const auto keep = [&status](absl::Status s) { status = std::move(s); };
  client_.DeletePod("a", "s-1", {.uid = "u", .grace_seconds = 5}, keep);
  EXPECT_EQ(transport_.sent()[0].method, "DELETE");
  EXPECT_EQ(transport_.sent()[0].body,
            R"({"apiVersion":"v1","gracePeriodSeconds":5,"kind":"DeleteOptions",)"
            R"("preconditions":{"uid":"u"}})");
  transport_.Answer(1, 200, "{}");
  EXPECT_TRUE(status.ok());
  client_.DeletePod("a", "s-1", {}, keep);
  EXPECT_EQ(transport_.sent()[1].body, R"({"apiVersion":"v1","kind":"DeleteOptions"})");
  transport_.Answer(2, 404, StatusBody("NotFound", "gone"));
  EXPECT_EQ(status, absl::NotFoundError("delete pod a/s-1: HTTP 404: gone"));
  client_.DeletePod("a", "s-1", {.uid = "v"}, keep);
  transport_.Answer(3, 409, StatusBody("Conflict", "the UID differs"));
  EXPECT_EQ(status, absl::AbortedError("delete pod a/s-1: HTTP 409: the UID differs"));
}

TEST_F(HttpKubeClientTest, ReadsAndWritesAnyObject) {
  const std::string leases = "/apis/coordination.k8s.io/v1/namespaces/a/leases";
  client_.GetObject(leases + "/l", KeepObject());
  transport_.Answer(1, 200, R"({"a":1})");
  EXPECT_EQ(*object_, R"({"a":1})");
  client_.CreateObject(leases, R"({"metadata":{"name":"l"}})", KeepObject());
  EXPECT_EQ(transport_.sent()[1].method, "POST");
  transport_.Answer(2, 409, StatusBody("AlreadyExists", "is there"));
  EXPECT_EQ(object_.status(), absl::AlreadyExistsError("create lease a/l: HTTP 409: is there"));
  client_.ReplaceObject(leases + "/l", "{}", KeepObject());
  EXPECT_EQ(transport_.sent()[2].method, "PUT");
  transport_.Answer(3, 409, StatusBody("Conflict", "has been modified"));
  EXPECT_EQ(object_.status(), absl::AbortedError("update lease a/l: HTTP 409: has been modified"));
}

TEST_F(HttpKubeClientTest, MapsEachHttpCode) {
  EXPECT_EQ(CreateError(400, StatusBody("BadRequest", "no")).code(),
            absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(CreateError(422, StatusBody("Invalid", "no")),
            absl::InvalidArgumentError("create pod a/s-1: HTTP 422: no"));
  EXPECT_EQ(CreateError(404, StatusBody("NotFound", "no ns")).code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(CreateError(409, StatusBody("AlreadyExists", "is there")).code(),
            absl::StatusCode::kAlreadyExists);
  EXPECT_EQ(CreateError(409, StatusBody("Conflict", "quota moved")).code(),
            absl::StatusCode::kAborted);
  EXPECT_EQ(PatchError(409, StatusBody("Conflict", "moved")).code(), absl::StatusCode::kAborted);
  EXPECT_EQ(CreateError(410, StatusBody("Expired", "old")).code(), absl::StatusCode::kOutOfRange);
  EXPECT_EQ(CreateError(405, "").message(), "create pod a/s-1: HTTP 405: no message");
  EXPECT_EQ(CreateError(405, "").code(), absl::StatusCode::kInternal);
  EXPECT_EQ(CreateError(302, "").code(), absl::StatusCode::kInternal);
}

TEST_F(HttpKubeClientTest, APatchWithAnotherPodsUidIsAborted) {
  const std::string body =
      StatusBody("Invalid", "immutable", R"({"causes":[{"field":"metadata.uid"}]})");
  EXPECT_EQ(PatchError(422, body).code(), absl::StatusCode::kAborted);
  EXPECT_EQ(PatchError(422, StatusBody("Invalid", "no")).code(),
            absl::StatusCode::kInvalidArgument);
}

TEST_F(HttpKubeClientTest, NamesTheMissingPermission) {
  EXPECT_EQ(CreateError(403, StatusBody("Forbidden", "User x cannot create resource pods")),
            absl::PermissionDeniedError(
                "create pod a/s-1: HTTP 403: User x cannot create resource pods; grant verb "
                "\"create\" on \"pods\" in namespace \"a\": see deploy/manifests rbac"));
  // A quota is no matter of permissions.
  EXPECT_EQ(CreateError(403, StatusBody("Forbidden", "exceeded quota: q")).message(),
            "create pod a/s-1: HTTP 403: exceeded quota: q");
}

TEST_F(HttpKubeClientTest, SaysWhatToCheckWhenTheServerDoesNotKnowUs) {
  const absl::Status status = CreateError(401, StatusBody("Unauthorized", "Unauthorized"));
  EXPECT_EQ(status.code(), absl::StatusCode::kUnauthenticated);
  EXPECT_EQ(status.message(),
            "create pod a/s-1: HTTP 401: Unauthorized; the API server does not know us: check the "
            "token or the client certificate");
}

TEST_F(HttpKubeClientTest, Carries429sRetryAfter) {
  client_.CreatePod("a", kPod, KeepPod());
  transport_.Head(1, 429, absl::Seconds(3));
  transport_.Data(1, "Too many requests, please try again later.\n");
  transport_.End(1);
  EXPECT_EQ(pod_.status().code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(pod_.status().message(),
            "create pod a/s-1: HTTP 429: Too many requests, please try again later.");
  EXPECT_EQ(RetryAfterOf(pod_.status()), absl::Seconds(3));
  EXPECT_EQ(RetryAfterOf(CreateError(429, "")), kRetryAfterDefault);
  EXPECT_EQ(RetryAfterOf(CreateError(429, StatusBody("TooManyRequests", "disruption budget",
                                                     R"({"retryAfterSeconds":9})"))),
            absl::Seconds(9));
}

TEST_F(HttpKubeClientTest, NoAnswerAndServerErrorsAreUnreachable) {
  const absl::Status down = CreateError(503, StatusBody("ServiceUnavailable", "etcd down"));
  EXPECT_EQ(down.code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(ReasonOf(down), "KUBERNETES_UNREACHABLE");
  client_.CreatePod("a", kPod, KeepPod());
  transport_.End(transport_.last(), absl::UnavailableError("connect to x: refused"));
  EXPECT_EQ(pod_.status().message(), "create pod a/s-1: connect to x: refused");
  EXPECT_EQ(ReasonOf(pod_.status()), "KUBERNETES_UNREACHABLE");
  // Half an answer, and an answer that is no pod, leave us as ignorant.
  client_.CreatePod("a", kPod, KeepPod());
  transport_.Head(transport_.last(), 201);
  transport_.End(transport_.last(), absl::UnavailableError("cut off"));
  EXPECT_EQ(pod_.status().message(), "create pod a/s-1: cut off");
  EXPECT_EQ(CreateError(201, "{}").message(),
            "create pod a/s-1: the answer is not a pod: metadata.namespace: missing");
  EXPECT_EQ(ReasonOf(pod_.status()), "KUBERNETES_UNREACHABLE");
}

TEST_F(HttpKubeClientTest, BoundsTheAnswer) {
  FakeHttpTransport transport;
  HttpKubeClient client(transport);
  client.GetObject("/api/v1/namespaces/a/secrets/b", KeepObject());
  transport.Head(1, 200);
  transport.Data(1, std::string(kAnswerBytesMax, ' '));
  EXPECT_TRUE(transport.IsOpen(1));
  transport.Data(1, "x");
  EXPECT_FALSE(transport.IsOpen(1));
  EXPECT_EQ(object_.status().message(),
            absl::StrCat("get secret a/b: an answer of more than ", kAnswerBytesMax, " bytes"));
}

TEST_F(HttpKubeClientTest, ACallbackMayStartTheNextRequest) {
  client_.GetObject("/api/v1/namespaces/a/secrets/b", [this](absl::StatusOr<std::string>) {
    client_.GetObject("/api/v1/namespaces/a/secrets/c", KeepObject());
  });
  transport_.Answer(1, 200, "{}");
  transport_.Answer(2, 200, "{\"c\":1}");
  EXPECT_EQ(*object_, "{\"c\":1}");
}

TEST_F(HttpKubeClientTest, ItsEndCancelsWhatIsInFlight) {
  {
    HttpKubeClient client(transport_);
    client.GetObject("/api/v1/namespaces/a/secrets/b", KeepObject());
    EXPECT_TRUE(transport_.IsOpen(1));
  }
  EXPECT_FALSE(transport_.IsOpen(1));
  EXPECT_EQ(answers_, 0);
}

}  // namespace
}  // namespace spawner::kube
