#ifndef SPAWNER_CONTROLLER_API_STATUS_PAGE_H_
#define SPAWNER_CONTROLLER_API_STATUS_PAGE_H_

#include "controller/api/http_exchange.h"

namespace spawner::api {

// The status page: HTML with its style and script in it. Its Content-Security-Policy lets nothing
// else run or load, and nothing show it in a frame.
HttpAnswer StatusPage();

}  // namespace spawner::api

#endif  // SPAWNER_CONTROLLER_API_STATUS_PAGE_H_
