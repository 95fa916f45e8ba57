#ifndef SPAWNER_PROXY_ROUTE_CHANGE_PARTS_H_
#define SPAWNER_PROXY_ROUTE_CHANGE_PARTS_H_

#include "absl/functional/function_ref.h"
#include "proxy/route/route.h"

namespace spawner::proxy {

// `change` as parts in order, of at most kRoutesPerTurn routes and ids each; one at least. So that
// neither taking it over nor throwing it away costs a worker more than it does within a turn.
void ForEachPart(const RouteChange& change, absl::FunctionRef<void(RouteChange part)> take);

}  // namespace spawner::proxy

#endif  // SPAWNER_PROXY_ROUTE_CHANGE_PARTS_H_
