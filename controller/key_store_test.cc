#include "controller/key_store.h"

#include <gtest/gtest.h>

#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "controller/api/limits.h"

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
  void ReplaceObject(std::string path, std::string json, ObjectDone done) override {
    calls.push_back("PUT " + path);
    replaced = std::move(json);
    done_ = std::move(done);
  }
  void DeleteObject(std::string, kube::DeleteOptions, std::function<void(absl::Status)>) override {}
  void Answer(absl::StatusOr<std::string> json) { std::exchange(done_, nullptr)(std::move(json)); }

  std::vector<std::string> calls;
  std::string created;
  std::string replaced;

 private:
  ObjectDone done_;
};

class KeyStoreTest : public ::testing::Test {
 protected:
  void Step() { store_.Step(clock_.Now(), clock_.WallNow()); }
  void Wait(absl::Duration d) {
    clock_.Advance(d);
    Step();
  }
  // With the first keys, which it has now.
  void Begin() {
    Step();
    client_.Answer(absl::NotFoundError("no"));
    Step();
    client_.Answer(client_.created);
    secret_ = client_.created;
    Step();
  }
  // Rotates, and writes it.
  void Rotate(absl::Duration overlap) {
    store_.Rotate(overlap, [this](absl::StatusOr<api::Rotated> result) { rotated_ = result; });
    Step();
    client_.Answer(secret_);
    secret_ = client_.replaced;
    client_.Answer(secret_);
  }
  size_t keys() const { return store_.ring()->verification.size(); }
  const std::string& signing() const { return store_.ring()->signing.id; }

  absl::StatusOr<api::Rotated> rotated_ = absl::UnknownError("not called");
  std::string secret_;
  HeldClient client_;
  SeededRandom random_{1};
  FakeClock clock_;
  KeyStore store_{client_, random_, "spawner-system"};
};

TEST_F(KeyStoreTest, FirstControllerMakesTheSecret) {
  Step();
  Step();
  client_.Answer(absl::NotFoundError("no"));
  Step();
  EXPECT_EQ(client_.calls,
            (std::vector<std::string>{"GET /api/v1/namespaces/spawner-system/secrets/spawner-keys",
                                      "POST /api/v1/namespaces/spawner-system/secrets"}));
  client_.Answer(client_.created);
  ASSERT_TRUE(store_.ring().has_value());
  Step();
  EXPECT_EQ(store_.NextWake(), clock_.Now() + api::kKeysRereadEvery);
}

TEST_F(KeyStoreTest, ARotatedKeySignsWhenTheProxiesKnowItAndTheFormerRetires) {
  Begin();
  const std::string former = signing();
  Rotate(absl::Minutes(1));
  EXPECT_EQ(client_.calls.back(), "PUT /api/v1/namespaces/spawner-system/secrets/spawner-keys");
  const absl::Time at = clock_.WallNow();
  EXPECT_EQ(keys(), 2u);
  EXPECT_EQ(signing(), former);
  EXPECT_FALSE(rotated_.ok());
  store_.Rotate(absl::Minutes(1), [](absl::StatusOr<api::Rotated> result) {
    EXPECT_EQ(result.status().code(), absl::StatusCode::kResourceExhausted) << result.status();
  });
  uint64_t serial = store_.serial();
  Step();
  EXPECT_EQ(store_.NextWake(), clock_.Now() + api::kSignAfter);
  Wait(api::kSignAfter);
  EXPECT_NE(signing(), former);
  EXPECT_GT(store_.serial(), serial);
  ASSERT_TRUE(rotated_.ok()) << rotated_.status();
  EXPECT_EQ(rotated_->key_id, signing());
  EXPECT_EQ(rotated_->retire_time, at + absl::Minutes(1));
  serial = store_.serial();
  Wait(absl::Seconds(57));
  client_.Answer(secret_);  // the re-read changes nothing
  Step();
  EXPECT_EQ(keys(), 2u);
  EXPECT_EQ(store_.serial(), serial);
  Wait(absl::Seconds(1));
  EXPECT_EQ(keys(), 1u);
  EXPECT_GT(store_.serial(), serial);
}

TEST_F(KeyStoreTest, WithoutOverlapTheFormerKeyIsGoneAtOnce) {
  Begin();
  const std::string former = signing();
  Rotate(absl::ZeroDuration());
  EXPECT_NE(signing(), former);
  EXPECT_EQ(keys(), 1u);
  Step();
  EXPECT_TRUE(rotated_.ok()) << rotated_.status();
}

TEST_F(KeyStoreTest, AnotherControllersRotationIsTakenOver) {
  Begin();
  const std::string former = signing();
  SeededRandom other(2);
  const api::KeyRing theirs =
      api::Rotate(*api::DecodeSecret(secret_), absl::Minutes(1), clock_.WallNow(), other);
  secret_ = *api::UpdateSecret(secret_, theirs);
  Wait(api::kKeysRereadEvery);
  client_.Answer(secret_);
  EXPECT_EQ(keys(), 2u);
  EXPECT_EQ(signing(), former);
  Wait(api::kSignAfter);
  EXPECT_EQ(signing(), theirs.signing.id);
}

TEST_F(KeyStoreTest, ARotationThatFindsTheSecretChangedTriesAgain) {
  Begin();
  store_.Rotate(absl::Minutes(1),
                [this](absl::StatusOr<api::Rotated> result) { rotated_ = result; });
  Step();
  client_.Answer(secret_);
  client_.Answer(absl::AbortedError("conflict"));
  EXPECT_EQ(rotated_.status().message(), "not called");
  Step();
  client_.Answer(secret_);
  client_.Answer(client_.replaced);
  Wait(api::kSignAfter);
  EXPECT_TRUE(rotated_.ok()) << rotated_.status();
  // One that can't be written says why, and the next one may be tried.
  store_.Rotate(absl::Minutes(1),
                [this](absl::StatusOr<api::Rotated> result) { rotated_ = result; });
  Step();
  client_.Answer(secret_);
  client_.Answer(absl::PermissionDeniedError("HTTP 403: update secrets"));
  EXPECT_EQ(rotated_.status().message(), "rotate keys: HTTP 403: update secrets");
}

TEST_F(KeyStoreTest, ASecretThatVanishesOrIsAnothersChangesNothing) {
  Begin();
  const std::string before = signing();
  Wait(api::kKeysRereadEvery);
  client_.Answer(absl::NotFoundError("no"));
  Step();
  EXPECT_EQ(signing(), before);
  SeededRandom other(2);
  Wait(api::kKeysRereadEvery);
  client_.Answer(api::EncodeSecret(api::MakeKeyRing(other), "spawner-system", "spawner-keys"));
  EXPECT_EQ(signing(), before);
  for (const std::string& call : client_.calls)
    EXPECT_FALSE(absl::StartsWith(call, "PUT ")) << call;
}

TEST_F(KeyStoreTest, ControllerThatLostTheRaceTakesTheWinnersKeys) {
  SeededRandom other(2);
  const api::KeyRing winner = api::MakeKeyRing(other);
  Step();
  client_.Answer(absl::NotFoundError("no"));
  Step();
  client_.Answer(absl::AlreadyExistsError("there"));
  EXPECT_FALSE(store_.ring().has_value());
  Step();
  client_.Answer(api::EncodeSecret(winner, "spawner-system", "spawner-keys"));
  ASSERT_TRUE(store_.ring().has_value());
  EXPECT_EQ(store_.ring()->install_secret, winner.install_secret);
}

TEST_F(KeyStoreTest, TriesAgainEverLessOftenAndSaysWhy) {
  absl::Duration last;
  for (int i = 0; i < 12; ++i) {
    Step();
    client_.Answer(absl::UnavailableError("connection refused"));
    EXPECT_EQ(store_.status().message(), "keys: connection refused");
    Step();
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
    Step();
    client_.Answer(std::string(R"({"data":{"active":"YQ=="}})"));
    Step();
    clock_.AdvanceTo(store_.NextWake());
  }
  EXPECT_EQ(store_.status().message(),
            "keys: secret spawner-system/spawner-keys: data.install-secret: has no 32 bytes");
  for (const std::string& call : client_.calls) EXPECT_TRUE(absl::StartsWith(call, "GET ")) << call;
}

}  // namespace
}  // namespace spawner
