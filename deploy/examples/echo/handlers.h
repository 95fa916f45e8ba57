#ifndef SPAWNER_DEPLOY_EXAMPLES_ECHO_HANDLERS_H_
#define SPAWNER_DEPLOY_EXAMPLES_ECHO_HANDLERS_H_

#include <utility>  // IWYU pragma: keep: Asio 1.74 needs it

#include "boost/asio/awaitable.hpp"
#include "deploy/examples/server/http.h"

namespace spawner::examples {

// Answers one request; README.md lists the paths. 404 for others, 400 for a parameter out of range.
boost::asio::awaitable<void> HandleEcho(Exchange& exchange);

}  // namespace spawner::examples

#endif  // SPAWNER_DEPLOY_EXAMPLES_ECHO_HANDLERS_H_
