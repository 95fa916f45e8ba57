#include "controller/local/port_owner.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "gtest/gtest.h"

namespace spawner::local {
namespace {

// A socket that listens, on a free port if none is given.
class Listener {
 public:
  Listener(const char* ip, uint16_t port) : fd_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    inet_pton(AF_INET, ip, &address.sin_addr);
    socklen_t size = sizeof(address);
    is_listening_ = bind(fd_, reinterpret_cast<sockaddr*>(&address), size) == 0 &&
                    listen(fd_, 1) == 0 &&
                    getsockname(fd_, reinterpret_cast<sockaddr*>(&address), &size) == 0;
    port_ = ntohs(address.sin_port);
  }
  ~Listener() { close(fd_); }
  Listener(const Listener&) = delete;
  Listener& operator=(const Listener&) = delete;

  bool is_listening() const { return is_listening_; }
  uint16_t port() const { return port_; }

 private:
  const int fd_;
  bool is_listening_ = false;
  uint16_t port_ = 0;
};

constexpr pid_t kNoSession = 0x7fffffff;

TEST(IsAnsweredByAnother, WhenASocketOnEveryAddressIsNoneOfTheSession) {
  const Listener everywhere("0.0.0.0", 0);
  ASSERT_TRUE(everywhere.is_listening());
  const Address address = {.ip = "127.0.0.9", .port = everywhere.port()};
  EXPECT_TRUE(IsAnsweredByAnother(address, kNoSession));
  EXPECT_FALSE(IsAnsweredByAnother(address, getsid(0))) << "it is its own";
}

TEST(IsAnsweredByAnother, NotWhenTheAddressHasASocketOfItsOwn) {
  const Listener own("127.0.0.9", 0);
  ASSERT_TRUE(own.is_listening());
  EXPECT_FALSE(IsAnsweredByAnother({.ip = "127.0.0.9", .port = own.port()}, kNoSession));
  EXPECT_FALSE(IsAnsweredByAnother({.ip = "127.0.0.8", .port = own.port()}, kNoSession));
}

TEST(SaysPortInUse, InTheWordsOfManyLanguages) {
  EXPECT_TRUE(SaysPortInUse("OSError: [Errno 98] Address already in use\n"));
  EXPECT_TRUE(SaysPortInUse("listen tcp :8080: bind: address already in use"));
  EXPECT_TRUE(SaysPortInUse("Error: listen EADDRINUSE: 0.0.0.0:8080"));
  EXPECT_FALSE(SaysPortInUse("address is fine"));
}

}  // namespace
}  // namespace spawner::local
