#include "base/signals.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <csignal>
#include <future>

namespace spawner {
namespace {

TEST(Signals, CallsForEachThatIsWatched) {
  std::promise<int> first;
  std::promise<int> second;
  int calls = 0;  // the signals' thread only
  const Signals signals({SIGTERM, SIGHUP},
                        [&](int signal) { (++calls == 1 ? first : second).set_value(signal); });
  kill(getpid(), SIGHUP);
  EXPECT_EQ(first.get_future().get(), SIGHUP);
  kill(getpid(), SIGTERM);
  EXPECT_EQ(second.get_future().get(), SIGTERM);
}

TEST(Signals, AReaderThatHangsUpIsAnErrorOfTheWriteAndNoMore) {
  const Signals signals({SIGTERM}, [](int) {});
  int pipe_fds[2];
  ASSERT_EQ(pipe(pipe_fds), 0);
  close(pipe_fds[0]);
  EXPECT_EQ(write(pipe_fds[1], "x", 1), -1);
  EXPECT_EQ(errno, EPIPE);
  close(pipe_fds[1]);
}

}  // namespace
}  // namespace spawner
