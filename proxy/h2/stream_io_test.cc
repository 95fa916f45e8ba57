#include "proxy/h2/stream_io.h"

#include <memory>
#include <utility>
#include <vector>

#include "absl/types/span.h"
#include "gtest/gtest.h"
#include "proxy/io/io.h"

namespace spawner::proxy::h2 {
namespace {

struct Life {
  int closed = 0;
  int aborted = 0;
  bool is_gone = false;
};

class FakeEnd final : public StreamEnd {
 public:
  explicit FakeEnd(Life& life) : life_(life) {}
  ~FakeEnd() override { life_.is_gone = true; }
  IoResult Read(char*, size_t) override { return {IoResult::Kind::kEnd}; }
  IoResult Write(absl::Span<const iovec>) override { return {IoResult::Kind::kBlocked}; }
  void ShutdownWrite() override {}
  void OnClose(bool is_abort) override { ++(is_abort ? life_.aborted : life_.closed); }
  bool IsConnected() const override { return true; }

 private:
  Life& life_;
};

class Listener final : public IoHandler {
 public:
  void OnIo(IoEvents events) override {
    seen.push_back(events);
    if (io != nullptr) std::exchange(io, nullptr)->Close(closes);
  }
  std::vector<IoEvents> seen;
  StreamIo* io = nullptr;  // once: closes this socket when told
  Socket closes;
};

TEST(StreamIo, HandsOutEventsOncePerDispatchAndJoined) {
  StreamIo io;
  Life life;
  Listener listener;
  const Socket socket = io.Add(std::make_unique<FakeEnd>(life));
  io.Tell(socket, {.readable = true});  // before anybody listens
  ASSERT_TRUE(io.Register(socket, listener));
  EXPECT_TRUE(io.has_events());
  EXPECT_TRUE(listener.seen.empty());
  io.Dispatch();
  ASSERT_EQ(listener.seen.size(), 1u);
  EXPECT_TRUE(listener.seen[0].readable && listener.seen[0].writable);
  EXPECT_FALSE(io.has_events());
  io.Dispatch();
  EXPECT_EQ(listener.seen.size(), 1u);
  io.Close(socket);
  io.Release(socket);
}

TEST(StreamIo, KeepsTheEndUntilSocketAndStreamAreOver) {
  StreamIo io;
  Life first;
  Life second;
  Listener listener;
  const Socket closed_first = io.Add(std::make_unique<FakeEnd>(first));
  const Socket released_first = io.Add(std::make_unique<FakeEnd>(second));
  io.Close(closed_first);
  EXPECT_EQ(first.closed, 1);
  EXPECT_FALSE(first.is_gone);
  io.Release(closed_first);
  EXPECT_TRUE(first.is_gone);
  io.Release(released_first);
  EXPECT_FALSE(second.is_gone);
  EXPECT_EQ(io.open_sockets(), 1u);
  io.Abort(released_first);
  EXPECT_TRUE(second.is_gone);
  EXPECT_EQ(second.aborted, 0);  // there is no stream left to abort
  EXPECT_EQ(io.open_sockets(), 0u);
}

TEST(StreamIo, TellsAClosedSocketNothingEvenIfItsNumberIsUsedAgain) {
  // Within one Dispatch the first socket's owner closes the second, whose number is used again.
  StreamIo io;
  Life lives[3];
  Listener first;
  Listener second;
  Listener third;
  const Socket one = io.Add(std::make_unique<FakeEnd>(lives[0]));
  const Socket two = io.Add(std::make_unique<FakeEnd>(lives[1]));
  ASSERT_TRUE(io.Register(one, first));
  ASSERT_TRUE(io.Register(two, second));
  io.Release(two);
  first.io = &io;
  first.closes = two;
  io.Dispatch();
  EXPECT_EQ(first.seen.size(), 1u);
  EXPECT_TRUE(second.seen.empty());
  const Socket again = io.Add(std::make_unique<FakeEnd>(lives[2]));
  EXPECT_EQ(again, two);
  ASSERT_TRUE(io.Register(again, third));
  io.Dispatch();
  EXPECT_EQ(third.seen.size(), 1u);
  EXPECT_TRUE(second.seen.empty());
  for (const Socket socket : {one, again}) {
    io.Abort(socket);
    io.Release(socket);
  }
}

}  // namespace
}  // namespace spawner::proxy::h2
