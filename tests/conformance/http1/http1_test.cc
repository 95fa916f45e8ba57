// The raw-byte tables of HTTP/1.1, each case at every fragment size. A case is a test of its own.
#include <fstream>
#include <memory>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "tests/conformance/http1/conversation.h"
#include "tests/conformance/http1/player.h"

namespace spawner::proxy {
namespace {

constexpr size_t kFragments[] = {1, 2, 3, 4, 5, 6, 7, 8, 16, 31, 0};

class Case final : public testing::Test {
 public:
  explicit Case(Conversation conversation) : conversation_(std::move(conversation)) {}
  void TestBody() override {
    for (const size_t fragment : kFragments) {
      const std::string fault = Player(conversation_, fragment).Play();
      ASSERT_EQ(fault, "") << conversation_.name;
    }
  }

 private:
  const Conversation conversation_;
};

// Letters, digits and underscores, as gtest wants it.
std::string TestName(absl::string_view text) {
  std::string name;
  for (char c : text) {
    if (absl::ascii_isalnum(static_cast<unsigned char>(c))) {
      name.push_back(c);
    } else if (!name.empty() && name.back() != '_') {
      name.push_back('_');
    }
  }
  while (!name.empty() && name.back() == '_') name.pop_back();
  return name;
}

void Register(const std::string& path) {
  std::ifstream file(path);
  std::stringstream text;
  text << file.rdbuf();
  absl::StatusOr<std::vector<Conversation>> conversations = ParseConversations(text.str());
  if (!file || !conversations.ok()) {
    std::fprintf(stderr, "%s: %s\n", path.c_str(), conversations.status().ToString().c_str());
    std::exit(1);
  }
  const size_t slash = path.rfind('/') + 1;
  const std::string suite = TestName(path.substr(slash, path.rfind('.') - slash));
  for (const Conversation& conversation : *conversations) {
    // The file's own line is where a failure is looked for.
    testing::RegisterTest(suite.c_str(), TestName(conversation.name).c_str(), nullptr, nullptr,
                          path.c_str(), conversation.line,
                          [conversation]() -> testing::Test* { return new Case(conversation); });
  }
}

}  // namespace
}  // namespace spawner::proxy

int main(int argc, char** argv) {
  testing::InitGoogleTest(&argc, argv);
  for (int i = 1; i < argc; ++i) spawner::proxy::Register(argv[i]);
  return RUN_ALL_TESTS();
}
