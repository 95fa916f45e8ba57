#include "proxy/tls/tls_files.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>
#include <string>

#include "absl/strings/str_cat.h"
#include "base/test_certificates.h"
#include "gtest/gtest.h"
#include "proxy/tls/limits.h"

namespace spawner::proxy {
namespace {

class TlsFilesTest : public testing::Test {
 protected:
  TlsFilesTest() : folder_(absl::StrCat(testing::TempDir(), "/tls_files_XXXXXX")) {
    EXPECT_NE(mkdtemp(folder_.data()), nullptr);
    Renew("one");
  }

  void Write(const std::string& name, const std::string& text) {
    const std::string path = absl::StrCat(folder_, "/", name);
    // Replaced in one step, and never with the inode and time of before.
    std::FILE* const file = std::fopen((path + ".new").c_str(), "w");
    ASSERT_NE(file, nullptr);
    std::fwrite(text.data(), 1, text.size(), file);
    std::fclose(file);
    ASSERT_EQ(std::rename((path + ".new").c_str(), path.c_str()), 0);
  }
  void Renew(const std::string& name, int valid_seconds = 3600) {
    const TestCertificate made =
        MakeTestCertificate({.common_name = name, .valid_seconds = valid_seconds});
    Write("tls.crt", made.cert_pem);
    Write("tls.key", made.key_pem);
    certificate_ = made.cert_pem;
  }
  TlsFiles::Options Options() { return {.pairs = {{folder_ + "/tls.crt", folder_ + "/tls.key"}}}; }
  std::optional<TlsMaterial> PollAfter(TlsFiles& files, absl::Duration duration) {
    clock_.Advance(duration);
    EXPECT_LE(files.next_poll(), clock_.Now());
    return files.Poll();
  }

  std::string folder_;
  std::string certificate_;
  FakeClock clock_;
  SeededRandom random_{1};
};

TEST_F(TlsFilesTest, ReadsAgainWhatHasChangedOnceItIsQuiet) {
  TlsFiles files(Options(), random_, clock_);
  ASSERT_TRUE(files.Load().ok());
  EXPECT_FALSE(PollAfter(files, kFilePollInterval));
  Renew("two");
  EXPECT_FALSE(PollAfter(files, kFilePollInterval));  // just seen: perhaps half of it
  const std::optional<TlsMaterial> material = PollAfter(files, kFilePollInterval);
  ASSERT_TRUE(material);
  EXPECT_EQ(material->certificates[0].certificate, certificate_);
  EXPECT_FALSE(PollAfter(files, kFilePollInterval));
  EXPECT_EQ(files.reloads(), 1);
}

TEST_F(TlsFilesTest, FollowsTheSwapOfAMountedSecret) {
  ASSERT_EQ(mkdir((folder_ + "/v1").c_str(), 0700), 0);
  ASSERT_EQ(mkdir((folder_ + "/v2").c_str(), 0700), 0);
  const TestCertificate made[] = {MakeTestCertificate({.common_name = "v1"}),
                                  MakeTestCertificate({.common_name = "v2"})};
  for (const int i : {0, 1}) {
    Write(absl::StrCat("v", i + 1, "/tls.crt"), made[i].cert_pem);
    Write(absl::StrCat("v", i + 1, "/tls.key"), made[i].key_pem);
  }
  const std::string data = folder_ + "/..data";
  ASSERT_EQ(symlink("v1", data.c_str()), 0);
  absl::StatusOr<std::vector<TlsFiles::Pair>> pairs = PairTlsFiles({data}, {});
  ASSERT_TRUE(pairs.ok()) << pairs.status();
  TlsFiles files({.pairs = *pairs}, random_, clock_);
  ASSERT_TRUE(files.Load().ok());
  ASSERT_EQ(symlink("v2", (data + "_tmp").c_str()), 0);
  ASSERT_EQ(std::rename((data + "_tmp").c_str(), data.c_str()), 0);
  EXPECT_FALSE(PollAfter(files, kFilePollInterval));
  const std::optional<TlsMaterial> material = PollAfter(files, kFilePollInterval);
  ASSERT_TRUE(material);
  EXPECT_EQ(material->certificates[0].certificate, made[1].cert_pem);
}

TEST_F(TlsFilesTest, ABrokenNewPairChangesNothingUntilItIsMended) {
  TlsFiles files(Options(), random_, clock_);
  ASSERT_TRUE(files.Load().ok());
  Write("tls.key", MakeTestCertificate({.common_name = "other"}).key_pem);
  EXPECT_FALSE(PollAfter(files, kFilePollInterval));
  EXPECT_FALSE(PollAfter(files, kFilePollInterval));
  EXPECT_FALSE(PollAfter(files, kFilePollInterval));
  EXPECT_EQ(files.reload_failures(), 1);  // told once, not every second
  Renew("mended");
  EXPECT_FALSE(PollAfter(files, kFilePollInterval));
  EXPECT_TRUE(PollAfter(files, kFilePollInterval));
}

TEST_F(TlsFilesTest, AnExpiredCertificateIsUsedAllTheSame) {
  Renew("old", -60);
  TlsFiles files(Options(), random_, clock_);
  ASSERT_TRUE(files.Load().ok());
  EXPECT_LT(files.expiries()[0].not_after, absl::FromUnixSeconds(1'900'000'000));
}

TEST_F(TlsFilesTest, SaysWhichFileIsMissing) {
  TlsFiles files({.pairs = {{folder_ + "/tls.crt", folder_ + "/no.key"}}}, random_, clock_);
  EXPECT_EQ(files.Load().status().message(),
            "read " + folder_ +
                "/no.key: No such file or directory; give a file that the proxy may read");
}

TEST_F(TlsFilesTest, OwnTicketKeysChangeWithTimeAndTheLastOnesAreKept) {
  TlsFiles files(Options(), random_, clock_);
  const std::string first = files.Load()->ticket_keys[0].name;
  EXPECT_FALSE(PollAfter(files, kTicketRotation - absl::Seconds(1)));
  std::optional<TlsMaterial> material = PollAfter(files, absl::Seconds(1));
  ASSERT_TRUE(material);
  ASSERT_EQ(material->ticket_keys.size(), 2u);
  EXPECT_NE(material->ticket_keys[0].name, first);
  EXPECT_EQ(material->ticket_keys[1].name, first);
  for (int i = 0; i < 3; ++i) material = PollAfter(files, kTicketRotation);
  EXPECT_EQ(material->ticket_keys.size(), kOwnTicketKeys);
}

TEST_F(TlsFilesTest, TicketKeysOfAFileAreTheFilesOwn) {
  Write("keys", std::string(64, 'A') + "\n");
  TlsFiles::Options options = Options();
  options.ticket_keys = folder_ + "/keys";
  TlsFiles files(options, random_, clock_);
  ASSERT_TRUE(files.Load().ok());
  EXPECT_FALSE(PollAfter(files, 2 * kTicketRotation));
  Write("keys", std::string(64, 'B') + "\n" + std::string(64, 'A') + "\n");
  EXPECT_FALSE(PollAfter(files, kFilePollInterval));
  const std::optional<TlsMaterial> material = PollAfter(files, kFilePollInterval);
  ASSERT_TRUE(material);
  EXPECT_EQ(material->ticket_keys.size(), 2u);
}

TEST(PairTlsFiles, WantsAKeyForEachFile) {
  EXPECT_FALSE(PairTlsFiles({"a.crt"}, {}).ok());
  EXPECT_FALSE(PairTlsFiles({"a.crt"}, {"a.key", "b.key"}).ok());
  EXPECT_EQ(PairTlsFiles({"a.crt", "b.crt"}, {"a.key", "b.key"})->size(), 2u);
}

}  // namespace
}  // namespace spawner::proxy
