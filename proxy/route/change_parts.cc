#include "proxy/route/change_parts.h"

#include <algorithm>
#include <cstddef>
#include <utility>
#include <vector>

#include "proxy/route/limits.h"

namespace spawner::proxy {
namespace {

// Copies of `from` starting at `begin`, which moves on; at most `*room`, which shrinks.
template <typename T>
std::vector<T> TakeSome(const std::vector<T>& from, size_t* begin, size_t* room) {
  const size_t count = std::min(*room, from.size() - *begin);
  const auto first = from.begin() + static_cast<std::ptrdiff_t>(*begin);
  *begin += count;
  *room -= count;
  return {first, first + static_cast<std::ptrdiff_t>(count)};
}

}  // namespace

void ForEachPart(const RouteChange& change, absl::FunctionRef<void(RouteChange part)> take) {
  size_t routes = 0;
  size_t removed = 0;
  size_t unknown = 0;
  for (bool has_more = true; has_more;) {
    size_t room = kRoutesPerTurn;
    RouteChange part{.version = change.version, .replaces_all = change.replaces_all};
    part.routes = TakeSome(change.routes, &routes, &room);
    part.removed = TakeSome(change.removed, &removed, &room);
    part.unknown = TakeSome(change.unknown, &unknown, &room);
    has_more = routes < change.routes.size() || removed < change.removed.size() ||
               unknown < change.unknown.size();
    part.has_more = has_more;
    take(std::move(part));
  }
}

}  // namespace spawner::proxy
