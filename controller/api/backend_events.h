#ifndef SPAWNER_CONTROLLER_API_BACKEND_EVENTS_H_
#define SPAWNER_CONTROLLER_API_BACKEND_EVENTS_H_

#include <memory>
#include <string>

#include "base/clock.h"
#include "controller/api/http_exchange.h"
#include "controller/api/inner_api.h"

namespace spawner::api {

// Answers GET /backend/{id}/status/stream: each state of the session once, in order, also those
// that went by unseen; the end of the session ends the stream. A client that comes back with
// Last-Event-ID gets what it has missed. `name` is "namespaces/{namespace}/sessions/{id}".
// The session is looked at every kBackendPollStarting or kBackendPollReady: a watch would be of its
// whole namespace.
void StreamBackendStates(InnerApi& api, std::shared_ptr<HttpThread> thread, const Clock& clock,
                         const HttpExchangePtr& exchange, const std::string& name);

}  // namespace spawner::api

#endif  // SPAWNER_CONTROLLER_API_BACKEND_EVENTS_H_
