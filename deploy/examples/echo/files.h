#ifndef SPAWNER_DEPLOY_EXAMPLES_ECHO_FILES_H_
#define SPAWNER_DEPLOY_EXAMPLES_ECHO_FILES_H_

#include <utility>  // IWYU pragma: keep: Asio 1.74 needs it

#include "boost/asio/awaitable.hpp"
#include "deploy/examples/server/http.h"

namespace spawner::examples {

// PUT writes the body to $FILES/NAME, GET answers with it: NAME is the parameter `name`. 404
// without FILES or such a file, 400 for a name that is not letters and digits.
boost::asio::awaitable<void> HandleFile(Exchange& exchange);

}  // namespace spawner::examples

#endif  // SPAWNER_DEPLOY_EXAMPLES_ECHO_FILES_H_
