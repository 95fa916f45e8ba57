#include "proxy/admin.h"

#include "gtest/gtest.h"

namespace spawner::proxy {
namespace {

TEST(IsLoopback, KnowsTheMachineItself) {
  for (const char* ip : {"127.0.0.1", "127.255.255.254", "::1", "::ffff:127.0.0.1"}) {
    EXPECT_TRUE(IsLoopback(ip)) << ip;
  }
  for (const char* ip :
       {"10.0.0.1", "128.0.0.1", "126.255.255.255", "0.0.0.0", "::", "::2", "1::1",
        "::ffff:10.0.0.1", "fe80::1", "::127.0.0.1", "", "localhost", "127.0.0.1x"}) {
    EXPECT_FALSE(IsLoopback(ip)) << ip;
  }
}

}  // namespace
}  // namespace spawner::proxy
