#ifndef SPAWNER_CONTROLLER_API_WATCH_MESSAGES_H_
#define SPAWNER_CONTROLLER_API_WATCH_MESSAGES_H_

#include <deque>
#include <memory>

#include "controller/api/urls.h"
#include "controller/core/params.h"
#include "spawner/v1/sessions.pb.h"

namespace spawner::api {

// The messages of a watch's events, each built once for all who watch: a change is told to them one
// after the other, so the last few are enough.
// Thread: the loop's. Owner: SessionsService.
class WatchMessages {
 public:
  using Message = std::shared_ptr<const v1::WatchSessionsResponse>;

  explicit WatchMessages(const SessionUrls& urls) : urls_(urls) {}

  Message Of(const core::WatchEvent& event);

 private:
  struct Built {
    core::WatchEvent event;
    Message message;
  };

  const SessionUrls& urls_;
  std::deque<Built> last_;  // the newest first
};

}  // namespace spawner::api

#endif  // SPAWNER_CONTROLLER_API_WATCH_MESSAGES_H_
