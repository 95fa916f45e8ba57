#ifndef SPAWNER_CONTROLLER_API_STATUS_STREAM_H_
#define SPAWNER_CONTROLLER_API_STATUS_STREAM_H_

#include <memory>

#include "controller/api/edge.h"
#include "controller/api/http_exchange.h"
#include "controller/api/inner_api.h"
#include "controller/api/status_history.h"

namespace spawner::api {

// Answers GET /status/stream, what the status page lives on, as its caller may see it:
//   event: status    every kStatusEvery: Admin.GetStatus and what has been added to the history
//   event: sessions  {"reset", "set": [session...], "gone": ["name epoch"...]}: the sessions there
//                    are, then what changes, put together for kSessionsEvery
//   event: problem   why there are no sessions at the moment
// A standby has the leader's, by WatchSessions and GetStatus. A client that is slow gets its
// changes late and put together; one that is too slow is cut off.
void StreamStatus(const Edge& edge, InnerApi& api, std::shared_ptr<HttpThread> thread,
                  const StatusHistory& history, const HttpExchangePtr& exchange);

}  // namespace spawner::api

#endif  // SPAWNER_CONTROLLER_API_STATUS_STREAM_H_
