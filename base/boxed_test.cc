#include "base/boxed.h"

#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <utility>

namespace spawner {
namespace {

TEST(Boxed, IsAValueThatMayBeMissing) {
  Boxed<std::string> a;
  EXPECT_FALSE(a.has_value());
  EXPECT_EQ(a, std::nullopt);
  a = std::string("text");
  Boxed<std::string> b = a;
  EXPECT_EQ(a, b);
  *b += "!";
  EXPECT_EQ(*a, "text") << "a copy is another";
  EXPECT_FALSE(a == b);
  a = std::move(b);
  EXPECT_EQ(*a, "text!");
  a = *&a;
  EXPECT_EQ(*a, "text!") << "assigned to itself";
  a.reset();
  EXPECT_EQ(a, Boxed<std::string>());
  EXPECT_EQ(Boxed<std::string>(std::optional<std::string>()), std::nullopt);
  EXPECT_EQ(*Boxed<std::string>(std::optional<std::string>("x")), "x");
}

TEST(Boxed, IsMadeWhereItIsWantedAndEmptyWhereItIsNot) {
  Boxed<std::string> text;
  EXPECT_EQ(text.value_or_empty(), "");
  EXPECT_FALSE(text.has_value());
  text.Edit() = "here";
  text.Edit() += " still";
  EXPECT_EQ(text.value_or_empty(), "here still");
  EXPECT_FALSE(BoxedIfAny(std::string()).has_value());
  EXPECT_EQ(BoxedIfAny(std::string("x")), "x");
}

}  // namespace
}  // namespace spawner
