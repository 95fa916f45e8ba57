#include "base/file.h"

#include <fstream>

#include "absl/status/status.h"
#include "gtest/gtest.h"

namespace spawner {
namespace {

std::string Write(const std::string& name, const std::string& text) {
  const std::string path = testing::TempDir() + "/" + name;
  std::ofstream(path, std::ios::binary) << text;
  return path;
}

TEST(ReadFile, GivesAllBytesUpToTheBound) {
  for (size_t size : {0u, 1u, 65'535u, 65'536u, 65'537u, 200'000u}) {
    std::string text(size, '\0');
    for (size_t i = 0; i < size; ++i) text[i] = static_cast<char>(i * 7 % 251);
    const std::string path = Write("bytes", text);
    EXPECT_EQ(ReadFile(path, 200'000).value_or("failed"), text) << size;
    EXPECT_EQ(ReadFile(path, size).value_or("failed"), text) << size;
  }
}

TEST(ReadFile, RefusesAByteMoreThanTheBound) {
  const std::string path = Write("large", std::string(100'001, 'x'));
  EXPECT_EQ(ReadFile(path, 100'000).status(),
            absl::ResourceExhaustedError("read " + path + ": more than 100000 bytes"));
  EXPECT_FALSE(ReadFile("/dev/zero", 1'000).ok());  // its size is no help
}

TEST(ReadFile, NamesTheFileAndTheFault) {
  EXPECT_EQ(ReadFile("/no/such/file", 10).status(),
            absl::NotFoundError("read /no/such/file: No such file or directory"));
  EXPECT_EQ(ReadFile(testing::TempDir(), 10).status().message(),
            "read " + testing::TempDir() + ": Is a directory");
}

}  // namespace
}  // namespace spawner
