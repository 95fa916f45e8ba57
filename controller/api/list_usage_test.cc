#include <memory>
#include <string>
#include <thread>

#include "absl/strings/str_cat.h"
#include "controller/api/api_fixture.h"
#include "spawner/v1/sessions.grpc.pb.h"

// ListSessions with what sessions use.
namespace spawner::api {
namespace {

class ListUsageTest : public ::testing::Test {
 protected:
  ListUsageTest() {
    server_.loop.Run(
        [this] { server_.service.sessions["s-doc"] = FakeService::MakeSession("s-doc"); });
  }
  // Lists, while the metrics API answers its requests in turn.
  void List(const std::string& parent, bool with_usage, const std::vector<std::string>& answers,
            int code = 200) {
    std::thread kubernetes([this, &answers, code] {
      for (size_t n = 1; n <= answers.size(); ++n) {
        server_.loop.WaitUntil([this, n] { return server_.kubernetes.sent().size() >= n; });
        server_.loop.Run([&] { server_.kubernetes.Answer(n, code, answers[n - 1]); });
      }
    });
    grpc::ClientContext context;
    v1::ListSessionsRequest request;
    request.set_parent(parent);
    request.set_with_usage(with_usage);
    const absl::Status status = FromGrpc(stub_->ListSessions(&context, request, &response_));
    kubernetes.join();
    ASSERT_TRUE(status.ok()) << status;
    ASSERT_EQ(response_.sessions_size(), 1);
  }
  static std::string Metrics(const std::string& ns, const std::string& pod) {
    return absl::StrCat(R"({"items":[{"metadata":{"name":")", pod, R"(","namespace":")", ns,
                        R"("},"timestamp":"2026-11-30T12:00:05Z","containers":[)",
                        R"({"usage":{"cpu":"250m","memory":"3Mi"}}]}]})");
  }

  ApiServer server_;
  v1::ListSessionsResponse response_;
  std::unique_ptr<v1::Sessions::Stub> stub_ = v1::Sessions::NewStub(server_.channel);
};

TEST_F(ListUsageTest, OnlyWhoWantsItAsksTheMetricsApi) {
  List("namespaces/default", false, {});
  EXPECT_FALSE(response_.sessions(0).has_usage());
  EXPECT_EQ(response_.usage_error(), "");
  server_.loop.Run([this] { EXPECT_TRUE(server_.kubernetes.sent().empty()); });
}

TEST_F(ListUsageTest, APodsUsageIsItsSessions) {
  List("namespaces/default", true, {Metrics("default", "s-doc-1")});
  const v1::ResourceUsage& usage = response_.sessions(0).usage();
  EXPECT_EQ(usage.cpu_cores(), 0.25);
  EXPECT_EQ(usage.memory_bytes(), 3 << 20);
  EXPECT_GT(usage.time().seconds(), 0);
  EXPECT_EQ(response_.usage_error(), "");
}

TEST_F(ListUsageTest, AnotherNamespacesPodOfThatNameIsNotIt) {
  List("namespaces/default", true, {Metrics("team-a", "s-doc-1")});
  EXPECT_FALSE(response_.sessions(0).has_usage());
}

TEST_F(ListUsageTest, OfAllNamespacesEachIsAsked) {
  List("namespaces/-", true, {Metrics("default", "s-doc-1"), R"({"items":[]})"});
  EXPECT_TRUE(response_.sessions(0).has_usage());
  server_.loop.Run([this] {
    EXPECT_NE(server_.kubernetes.sent()[1].path.find("/namespaces/team-a/"), std::string::npos);
  });
}

TEST_F(ListUsageTest, WithoutAMetricsApiTheListIsWhatItIs) {
  List("namespaces/default", true, {"404 page not found"}, 404);
  EXPECT_FALSE(response_.sessions(0).has_usage());
  EXPECT_NE(response_.usage_error().find("install metrics-server"), std::string::npos);
}

}  // namespace
}  // namespace spawner::api
