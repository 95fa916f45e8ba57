// What routes cost a worker: memory of each, CPU time of each change, and the longest single turn
// while a table grows, comes anew as a whole, loses its routes and forgets their fences.
#include <malloc.h>
#include <time.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "base/clock.h"
#include "proxy/route/change_parts.h"
#include "proxy/route/limits.h"
#include "proxy/route/route.h"
#include "proxy/route/route_table.h"

namespace spawner::proxy {
namespace {

// Of this thread: what others do on the machine counts little.
double CpuMicroseconds() {
  timespec time;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) * 1e6 + static_cast<double>(time.tv_nsec) / 1e3;
}

// The turns of one kind of change.
class Turns {
 public:
  explicit Turns(const char* title) : title_(title) {}

  template <typename Turn>
  void Run(size_t items, Turn turn) {
    const double start = CpuMicroseconds();
    turn();
    took_.push_back(CpuMicroseconds() - start);
    items_ += items;
  }
  void Print() {
    std::sort(took_.begin(), took_.end());
    double sum = 0;
    for (const double each : took_) sum += each;
    std::printf("%-34s %8zu %10.3f us each %8zu turns: median %7.1f us, worst %7.1f us\n", title_,
                items_, sum / static_cast<double>(items_), took_.size(), took_[took_.size() / 2],
                took_.back());
  }

 private:
  const char* const title_;
  std::vector<double> took_;
  size_t items_ = 0;
};

Route MakeRoute(size_t i, uint64_t epoch) {
  return {.session_id = absl::StrCat("k7x2m4p8q", 1'000'000 + i),
          .ns = "team-a",
          .epoch = epoch,
          .state = RouteState::kOpen,
          .ip = absl::StrCat("10.42.", i / 250 % 250, ".", i % 250),
          .port = 8080};
}

// Made when needed, as main does it beside the worker.
void ApplyTable(RouteTable& table, const char* title, size_t routes, uint64_t epoch, Instant now) {
  RouteChange change{.version = {1, epoch}, .replaces_all = true};
  for (size_t i = 0; i < routes; ++i) change.routes.push_back(MakeRoute(i, epoch));
  Turns turns(title);
  ForEachPart(change, [&](RouteChange part) {
    const size_t count = part.routes.size();
    turns.Run(count, [&] { table.Apply(std::move(part), now); });
  });
  turns.Print();
}

void Sweep(RouteTable& table, Instant now) {
  Turns turns("  what it left out");
  while (table.is_sweeping()) {
    turns.Run(kRoutesPerTurn, [&] { table.Sweep(kRoutesPerTurn, now); });
  }
  turns.Print();
}

void Change(RouteTable& table, size_t routes, Instant now) {
  Turns turns("  changes one by one");
  for (size_t i = 0; i < routes; ++i) {
    const size_t which = i * 7919 % routes;
    RouteChange change{.version = {1, 100 + i}, .routes = {MakeRoute(which, 50)}};
    turns.Run(1, [&] { table.Apply(std::move(change), now); });
  }
  turns.Print();
}

void Find(RouteTable& table, size_t routes) {
  std::vector<std::string> ids;
  for (size_t i = 0; i < routes; ++i) ids.push_back(MakeRoute(i * 7919 % routes, 1).session_id);
  size_t found = 0;
  Turns turns("  found, in random order");
  turns.Run(routes, [&] {
    for (const std::string& id : ids) found += table.Find(id) != nullptr ? 1 : 0;
  });
  turns.Print();
  if (found != routes) std::abort();
}

void Run(size_t routes) {
  std::printf("%zu routes, %zu a turn\n", routes, kRoutesPerTurn);
  Instant now = Instant() + absl::Seconds(1);
  const size_t before = mallinfo2().uordblks;
  RouteTable table;
  ApplyTable(table, "  the first whole table", routes, 1, now);
  std::printf("  memory per route %35zu bytes\n", (mallinfo2().uordblks - before) / routes);
  Find(table, routes);
  ApplyTable(table, "  a whole table anew", routes, 2, now);
  Change(table, routes, now);
  ApplyTable(table, "  a table of half of them", routes / 2, 60, now);
  Sweep(table, now);
  now = now + kFenceTtl;
  Turns forget("  changes while fences expire");
  for (uint64_t version = 200'000; table.fences() > 0; ++version) {
    RouteChange change{.version = {1, version}};
    for (size_t i = 0; i < kRoutesPerTurn; ++i) change.routes.push_back(MakeRoute(i, 70));
    forget.Run(kRoutesPerTurn, [&] { table.Apply(std::move(change), now); });
  }
  forget.Print();
}

}  // namespace
}  // namespace spawner::proxy

int main() {
  spawner::proxy::Run(spawner::proxy::kRoutesPerWorker);
  spawner::proxy::Run(10 * spawner::proxy::kRoutesPerWorker);
}
