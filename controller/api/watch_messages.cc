#include "controller/api/watch_messages.h"

#include "controller/api/convert.h"
#include "controller/api/limits.h"

namespace spawner::api {

WatchMessages::Message WatchMessages::Of(const core::WatchEvent& event) {
  for (const Built& built : last_) {
    if (event.session != nullptr && built.event.session == event.session &&
        built.event.type == event.type && built.event.version == event.version) {
      return built.message;
    }
  }
  const auto message = std::make_shared<v1::WatchSessionsResponse>();
  message->set_type(static_cast<v1::WatchSessionsResponse::Type>(event.type));
  message->set_version(event.version);
  if (event.session == nullptr) return message;
  WriteSession(*event.session, urls_, *message->mutable_session());
  last_.push_front({event, message});
  if (last_.size() > kWatchMessagesKept) last_.pop_back();
  return message;
}

}  // namespace spawner::api
