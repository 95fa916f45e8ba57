#include "proxy/tls/material.h"

#include <string>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"

namespace spawner::proxy {
namespace {

TEST(ParseTicketKeys, ReadsTheFirstAndThePreviousOnes) {
  const std::string secret(64, 'A');
  absl::StatusOr<std::vector<TicketKey>> keys =
      ParseTicketKeys(absl::StrCat("# now\n", secret, "\r\n\n# before\n", std::string(64, 'B')));
  ASSERT_TRUE(keys.ok()) << keys.status();
  ASSERT_EQ(keys->size(), 2u);
  EXPECT_EQ((*keys)[0].name.size(), 16u);
  EXPECT_EQ((*keys)[0].cipher.size(), 32u);
  EXPECT_EQ((*keys)[0].mac.size(), 32u);
  EXPECT_NE((*keys)[0].name, (*keys)[1].name);
  EXPECT_NE((*keys)[0].cipher, (*keys)[0].mac);
}

TEST(ParseTicketKeys, SaysWhatIsWrongWithoutASecretInIt) {
  for (const std::string& text : {std::string("c2VjcmV0\n"), std::string("!!!not base64!!!")}) {
    const absl::Status status = ParseTicketKeys(text).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
    EXPECT_EQ(std::string(status.message()).find(text.substr(0, 8)), std::string::npos) << status;
  }
  EXPECT_FALSE(ParseTicketKeys("# nothing\n").ok());
  std::string many;
  for (int i = 0; i < 17; ++i) many += std::string(64, static_cast<char>('A' + i)) + "\n";
  EXPECT_FALSE(ParseTicketKeys(many).ok());
}

}  // namespace
}  // namespace spawner::proxy
