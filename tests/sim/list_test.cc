// A list looks at a bounded number of sessions in one turn, whatever it asks for.
#include <gtest/gtest.h>

#include <set>
#include <string>

#include "absl/strings/str_cat.h"
#include "controller/core/limits.h"
#include "tests/sim/scene.h"

namespace spawner::sim {
namespace {

constexpr size_t kSessions = core::kListedPerTurn + 40;

TEST(List, LooksAtABoundedNumberOfSessionsAtOnce) {
  Scene scene(1);
  core::Core& core = *scene.core();
  size_t started = 0;
  for (size_t i = 0; i < kSessions; ++i) {
    core::ConnectParams params = scene.Ask(absl::StrCat("key-", i));
    params.wait_until_ready = false;
    core.Connect(std::move(params), [&started](const auto& result) { started += result.ok(); });
  }
  scene.world.RunUntil([&started] { return started == kSessions; }, absl::Minutes(1));
  ASSERT_EQ(started, kSessions);

  core::ListParams all = {.ns = kNamespace, .page_size = 1000};
  std::set<std::string> keys;
  int pages = 0;
  do {
    const auto page = core.List(all);
    ASSERT_TRUE(page.ok()) << page.status();
    EXPECT_LE(page->sessions.size(), core::kListedPerTurn);
    for (const SessionView& view : page->sessions) EXPECT_TRUE(keys.insert(view.key.name).second);
    all.page_token = page->next_page_token;
    ++pages;
  } while (!all.page_token.empty());
  EXPECT_EQ(keys.size(), kSessions);
  EXPECT_EQ(pages, 2);

  // A filter that nothing passes looks at no more.
  core::ListParams none = {.ns = kNamespace, .page_size = 1000, .key_prefix = "other-"};
  const auto first = core.List(none);
  ASSERT_TRUE(first.ok());
  EXPECT_TRUE(first->sessions.empty());
  ASSERT_NE(first->next_page_token, "") << "it has not looked at all of them";
  none.page_token = first->next_page_token;
  const auto last = core.List(none);
  ASSERT_TRUE(last.ok());
  EXPECT_EQ(last->next_page_token, "");
}

}  // namespace
}  // namespace spawner::sim
