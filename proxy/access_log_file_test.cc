#include "proxy/access_log_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <memory>
#include <string>

#include "absl/strings/str_cat.h"
#include "base/clock.h"
#include "gtest/gtest.h"

namespace spawner::proxy {
namespace {

class AccessLogFileTest : public testing::Test {
 protected:
  AccessLogFileTest() {
    std::signal(SIGPIPE, SIG_IGN);
    std::remove(path_.c_str());
  }
  std::unique_ptr<AccessLogFile> Open() {
    auto file = AccessLogFile::Open(path_, clock_);
    EXPECT_TRUE(file.ok()) << file.status();
    return *std::move(file);
  }
  static std::string Read(const std::string& path) {
    std::ifstream file(path);
    return {std::istreambuf_iterator<char>(file), {}};
  }

  const SystemClock clock_;
  const std::string path_ =
      absl::StrCat(std::getenv("TEST_TMPDIR"), "/log-",
                   testing::UnitTest::GetInstance()->current_test_info()->name());
};

TEST_F(AccessLogFileTest, AppendsWhatItTookBeforeItEnds) {
  for (int i = 0; i < 2; ++i) {
    const auto file = Open();
    EXPECT_TRUE(file->Take("one\n", 1));
    EXPECT_TRUE(file->Take("two\n", 1));
  }
  EXPECT_EQ(Read(path_), "one\ntwo\none\ntwo\n");
}

TEST_F(AccessLogFileTest, AfterReopenAFileThatWasRenamedGetsNoMore) {
  const std::string old = path_ + ".1";
  {
    const auto file = Open();
    EXPECT_TRUE(file->Take("one\n", 1));
    file->Reopen();  // in order: behind the first
    EXPECT_EQ(std::rename(path_.c_str(), old.c_str()), 0);
    file->Reopen();
    EXPECT_TRUE(file->Take("two\n", 1));
  }
  EXPECT_EQ(Read(old) + Read(path_), "one\ntwo\n");
  EXPECT_EQ(Read(path_).substr(0, 4), "two\n");
}

TEST_F(AccessLogFileTest, AReaderThatDoesNotReadCostsLinesAndNobodyWaits) {
  ASSERT_EQ(mkfifo(path_.c_str(), 0600), 0);
  const int reader = open(path_.c_str(), O_RDONLY | O_NONBLOCK);
  ASSERT_GE(reader, 0);
  int64_t taken = 0;
  {
    const auto file = Open();
    const std::string lines(64 * 1024 - 1, 'x');
    while (taken < 1000 && file->Take(lines + "\n", 1)) ++taken;
    EXPECT_GT(taken, 100);  // 8 MiB wait
    EXPECT_LT(taken, 200);
  }  // gives up after a second, however many wait
  close(reader);
}

TEST_F(AccessLogFileTest, AReaderThatIsGoneIsCountedAsLost) {
  ASSERT_EQ(mkfifo(path_.c_str(), 0600), 0);
  const int reader = open(path_.c_str(), O_RDONLY | O_NONBLOCK);
  const auto file = Open();
  close(reader);
  EXPECT_TRUE(file->Take("one\n", 1));
  while (file->lost() == 0) usleep(1000);
}

TEST_F(AccessLogFileTest, AFullDiskCostsLinesAndNobodyWaits) {
  const auto file = AccessLogFile::Open("/dev/full", clock_);
  ASSERT_TRUE(file.ok()) << file.status();
  EXPECT_TRUE((*file)->Take("one\ntwo\n", 2));
  while ((*file)->lost() == 0) usleep(1000);
  EXPECT_EQ((*file)->lost(), 2);
  EXPECT_TRUE((*file)->Take("three\n", 1));
}

TEST_F(AccessLogFileTest, APipeWithoutAReaderIsRefusedAtOnce) {
  ASSERT_EQ(mkfifo(path_.c_str(), 0600), 0);
  const auto file = AccessLogFile::Open(path_, clock_);
  EXPECT_EQ(file.status().code(), absl::StatusCode::kUnavailable);
}

TEST_F(AccessLogFileTest, SaysWhyAFileCannotBeOpened) {
  const auto file = AccessLogFile::Open("/no/such/directory/log", clock_);
  EXPECT_EQ(file.status().code(), absl::StatusCode::kNotFound);
}

}  // namespace
}  // namespace spawner::proxy
