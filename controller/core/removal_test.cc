#include "controller/core/removal.h"

#include <gtest/gtest.h>

#include <set>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "controller/kube/fake_http_transport.h"
#include "controller/kube/http_kube_client.h"

namespace spawner::core {
namespace {

// Lists what it is given, and ends it when asked.
struct FakeSessions {
  // A page a session.
  ListResult List(const ListParams& params) const {
    const size_t at = params.page_token.size();
    ListResult result;
    if (at < views.size()) result.sessions.push_back(views[at]);
    if (at + 1 < views.size()) result.next_page_token = std::string(at + 1, 'x');
    return result;
  }
  void Terminate(const TerminateParams& params, const Service::ViewDone& done) {
    EXPECT_TRUE(params.hard);
    ended.insert(params.id.value);
    failure.ok() ? done(views[0]) : done(failure);
  }

  std::vector<SessionView> views;
  std::set<std::string> ended;
  absl::Status failure;
};

class RemovalTest : public testing::Test {
 protected:
  RemovalTest() {
    for (const char* id : {"a", "b", "c"}) {
      SessionView view;
      view.ns = "apps";
      view.id = SessionId{id};
      view.epoch = {7};
      view.pod = absl::StrCat(id, "-pod");
      view.state = std::string(id) == "c" ? SessionState::kTerminated : SessionState::kReady;
      sessions_.views.push_back(view);
    }
  }

  // Answers every delete with `code`.
  absl::Status Run(bool confirm, int code = 200) {
    absl::Status end = absl::UnknownError("it has not ended");
    const auto removal = std::make_shared<Removal>(
        Removal::Sessions{
            .all = {.list = [this](const ListParams& params) { return sessions_.List(params); },
                    .later = [](const std::function<void()>& turn) { turn(); }},
            .terminate = [this](
                             const TerminateParams& params,
                             const Service::ViewDone& done) { sessions_.Terminate(params, done); }},
        kube_,
        RemovalOptions{.objects = {"/api/v1/namespaces/sys/secrets/spawner-keys"},
                       .confirm = confirm});
    removal->Start([this](const std::string& step) { steps_.push_back(step); },
                   [&end](const absl::Status& status) { end = status; });
    for (size_t id = 1; id <= transport_.sent().size(); ++id) {
      if (!transport_.IsOpen(id)) continue;
      EXPECT_EQ(transport_.sent()[id - 1].method, "DELETE");
      transport_.Answer(id, code, "{}");
    }
    return end;
  }

  FakeSessions sessions_;
  kube::FakeHttpTransport transport_;
  kube::HttpKubeClient kube_{transport_};
  std::vector<std::string> steps_;
};

TEST_F(RemovalTest, WithoutConfirmationItOnlySays) {
  EXPECT_EQ(Run(false), absl::OkStatus());
  EXPECT_TRUE(sessions_.ended.empty());
  EXPECT_TRUE(transport_.sent().empty());
  EXPECT_EQ(steps_[0], "would end 2 live sessions and delete the pods of all 3");
  EXPECT_EQ(steps_[1], "would delete /api/v1/namespaces/sys/secrets/spawner-keys");
}

TEST_F(RemovalTest, EndsSessionsThenDeletesPodsThenWhatIsOurs) {
  EXPECT_EQ(Run(true), absl::OkStatus());
  EXPECT_EQ(sessions_.ended, (std::set<std::string>{"a", "b"}));
  ASSERT_EQ(transport_.sent().size(), 4u);
  EXPECT_EQ(transport_.sent()[0].path, "/api/v1/namespaces/apps/pods/a-pod");
  EXPECT_EQ(transport_.sent()[3].path, "/api/v1/namespaces/sys/secrets/spawner-keys");
  EXPECT_EQ(steps_[1], "ended 2 sessions");
  EXPECT_EQ(steps_[2], "deleted 3 pods");
}

TEST_F(RemovalTest, ASecondRunIsHarmless) {
  sessions_.failure = absl::NotFoundError("there is none");
  EXPECT_EQ(Run(true, 404), absl::OkStatus());
  EXPECT_EQ(steps_[1], "ended 0 sessions");
  EXPECT_EQ(steps_[2], "deleted 0 pods");
  EXPECT_EQ(steps_[3], "there is no /api/v1/namespaces/sys/secrets/spawner-keys");
  sessions_.views.clear();
  steps_.clear();
  EXPECT_EQ(Run(true, 404), absl::OkStatus());
}

TEST_F(RemovalTest, AFailureEndsItBeforeTheNextStep) {
  sessions_.failure = absl::UnavailableError("nobody leads");
  EXPECT_TRUE(absl::IsUnavailable(Run(true)));
  EXPECT_TRUE(transport_.sent().empty());
  sessions_.failure = absl::OkStatus();
  EXPECT_TRUE(absl::IsPermissionDenied(Run(true, 403)));
  EXPECT_EQ(transport_.sent().size(), 3u) << "the keys are still there";
}

}  // namespace
}  // namespace spawner::core
