#include "controller/key_store.h"

#include <gtest/gtest.h>

#include <utility>
#include <vector>

#include "absl/strings/match.h"

namespace spawner {
namespace {

// Keeps the one call that is open for the test to answer.
class HeldClient final : public kube::KubeClient {
 public:
  void CreatePod(absl::string_view, std::string, PodDone) override {}
  void PatchPod(absl::string_view, absl::string_view, std::string, PodDone) override {}
  void DeletePod(absl::string_view, absl::string_view, kube::DeleteOptions,
                 std::function<void(absl::Status)>) override {}
  void GetObject(std::string path, ObjectDone done) override {
    calls.push_back("GET " + path);
    done_ = std::move(done);
  }
  void CreateObject(std::string path, std::string json, ObjectDone done) override {
    calls.push_back("POST " + path);
    created = std::move(json);
    done_ = std::move(done);
  }
  void ReplaceObject(std::string path, std::string, ObjectDone) override {
    calls.push_back("PUT " + path);
  }
  void DeleteObject(std::string, kube::DeleteOptions, std::function<void(absl::Status)>) override {}
  void Answer(absl::StatusOr<std::string> json) { std::exchange(done_, nullptr)(std::move(json)); }

  std::vector<std::string> calls;
  std::string created;

 private:
  ObjectDone done_;
};

class KeyStoreTest : public ::testing::Test {
 protected:
  HeldClient client_;
  SeededRandom random_{1};
  FakeClock clock_;
  KeyStore store_{client_, random_, "spawner-system"};
};

TEST_F(KeyStoreTest, FirstControllerMakesTheSecret) {
  store_.Step(clock_.Now());
  store_.Step(clock_.Now());
  client_.Answer(absl::NotFoundError("no"));
  store_.Step(clock_.Now());
  EXPECT_EQ(client_.calls,
            (std::vector<std::string>{"GET /api/v1/namespaces/spawner-system/secrets/spawner-keys",
                                      "POST /api/v1/namespaces/spawner-system/secrets"}));
  client_.Answer(client_.created);
  ASSERT_TRUE(store_.ring().has_value());
  EXPECT_EQ(store_.NextWake(), Instant::Infinite());
}

TEST_F(KeyStoreTest, ControllerThatLostTheRaceTakesTheWinnersKeys) {
  SeededRandom other(2);
  const api::KeyRing winner = api::MakeKeyRing(other);
  store_.Step(clock_.Now());
  client_.Answer(absl::NotFoundError("no"));
  store_.Step(clock_.Now());
  client_.Answer(absl::AlreadyExistsError("there"));
  EXPECT_FALSE(store_.ring().has_value());
  store_.Step(clock_.Now());
  client_.Answer(api::EncodeSecret(winner, "spawner-system", "spawner-keys"));
  ASSERT_TRUE(store_.ring().has_value());
  EXPECT_EQ(store_.ring()->install_secret, winner.install_secret);
}

TEST_F(KeyStoreTest, TriesAgainEverLessOftenAndSaysWhy) {
  absl::Duration last;
  for (int i = 0; i < 12; ++i) {
    store_.Step(clock_.Now());
    client_.Answer(absl::UnavailableError("connection refused"));
    EXPECT_EQ(store_.status().message(), "keys: connection refused");
    store_.Step(clock_.Now());
    last = store_.NextWake() - clock_.Now();
    EXPECT_GT(last, absl::ZeroDuration());
    clock_.AdvanceTo(store_.NextWake());
  }
  EXPECT_LE(last, absl::Seconds(5));
  EXPECT_GE(last, absl::Seconds(2.5));
  EXPECT_EQ(client_.calls.size(), 12u);
}

TEST_F(KeyStoreTest, MalformedSecretIsNeverOverwritten) {
  for (int i = 0; i < 3; ++i) {
    store_.Step(clock_.Now());
    client_.Answer(std::string(R"({"data":{"active":"YQ=="}})"));
    store_.Step(clock_.Now());
    clock_.AdvanceTo(store_.NextWake());
  }
  EXPECT_EQ(store_.status().message(),
            "keys: secret spawner-system/spawner-keys: data.install-secret: has no 32 bytes");
  for (const std::string& call : client_.calls) EXPECT_TRUE(absl::StartsWith(call, "GET ")) << call;
}

}  // namespace
}  // namespace spawner
