// What a route costs a worker, counted where memory is allocated.
#include <malloc.h>

#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <new>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/clock.h"
#include "gtest/gtest.h"
#include "proxy/route/limits.h"
#include "proxy/route/route.h"
#include "proxy/route/route_table.h"

namespace {

size_t heap_bytes = 0;  // one thread: this test's

constexpr size_t kHeader = sizeof(size_t);  // of glibc's malloc, before each block

}  // namespace

void* operator new(size_t size) {
  void* const block = std::malloc(size);
  if (block == nullptr) std::abort();
  heap_bytes += malloc_usable_size(block) + kHeader;
  return block;
}
void operator delete(void* block) noexcept {
  if (block != nullptr) heap_bytes -= malloc_usable_size(block) + kHeader;
  std::free(block);
}
void operator delete(void* block, size_t) noexcept { operator delete(block); }

namespace spawner::proxy {
namespace {

// As the controller names sessions, 16 characters, in a namespace.
Route MakeRoute(size_t i) {
  return {.session_id = absl::StrCat("k7x2m4p8q", 1'000'000 + i),
          .ns = "team-a",
          .epoch = 1,
          .state = RouteState::kOpen,
          .ip = absl::StrCat("10.42.", i / 250 % 250, ".", i % 250),
          .port = 8080};
}

TEST(RouteMemory, OfARouteIsBoundedAndComesBack) {
  const FakeClock clock;
  const size_t before = heap_bytes;
  size_t each = 0;
  {
    RouteTable table;
    const size_t empty = heap_bytes;
    for (size_t i = 0; i < kRoutesPerWorker; ++i) {
      table.Apply({.version = {1, i + 1}, .routes = {MakeRoute(i)}}, clock.Now());
    }
    each = (heap_bytes - empty) / kRoutesPerWorker;
    std::printf("%zu bytes per route of %zu, %zu of an empty table\n", each, table.routed(),
                empty - before);
    EXPECT_LE(each, kBytesPerRouteMax);
    EXPECT_LE(empty - before, 64u * 1024);
    EXPECT_EQ(table.routed(), kRoutesPerWorker);
  }
  EXPECT_EQ(heap_bytes, before);
  RecordProperty("bytes_per_route", static_cast<int>(each));
}

}  // namespace
}  // namespace spawner::proxy
